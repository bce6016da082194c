"""Requests that differ from one to the next: other letters wherever a MARK stands, as many, so that lengths stay.

A gateway may remember texts that it has judged (extproc/policies/memory.py), and no two clients say the same. Letters
only: nothing for a rule about numbers. No letter of hexadecimal digits is among them.
"""

from __future__ import annotations

from itertools import count

MARK = "gggggggggggg"
# Half of the numbers that can be spelled: from any of them so many more can be counted.
FIRST_BITS = 4 * len(MARK) - 1
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"ghijklmnopqrstuv")


def letters(number: int) -> bytes:
    """A number from 1 on, spelled in as many letters as the mark has, and not as the mark is."""
    return (b"%0*x" % (len(MARK), number)).translate(_LETTERS)


class Varying:
    """A prepared request, with other letters each time it is asked for; without a mark the same each time."""

    def __init__(self, request: bytes, first: int) -> None:
        self._parts = request.split(MARK.encode())
        self._numbers = count(first + 1)

    def __call__(self) -> bytes:
        """The next."""
        return letters(next(self._numbers)).join(self._parts)
