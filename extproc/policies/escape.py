r"""Matches in JSON: what is replaced takes no half of an escape with it.

Policies read JSON without its escapes, except for those of a quote and a backslash (openai/escapes.py). A marker in
place of the `"` of `\"` would leave a lone backslash; one in place of the backslash alone would end the string.
"""

from __future__ import annotations

from extproc.policies.base import CONTEXT, Span


def unbroken(text: str, start: int, end: int) -> Span:
    """The part of a match that begins and ends beside an escape; the match itself, if it is nothing else.

    A stream remembers CONTEXT characters before a match: no more are looked at.
    """
    first = start + _backslashes(text, max(0, start - CONTEXT), start) % 2
    last = end - _backslashes(text, first, end) % 2
    return (first, last) if first < last else (start, end)


def _backslashes(text: str, start: int, end: int) -> int:
    """How many stand before `end`, one after the other, from `start` on."""
    at = end
    while at > start and text[at - 1] == "\\":
        at -= 1
    return end - at
