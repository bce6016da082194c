r"""Matches in JSON, and in texts that quote it: what is replaced takes no half of an escape with it.

Policies read JSON without its escapes, except for those of a quote and a backslash (openai/escapes.py). A marker in
place of the `"` of `\"` would leave a lone backslash; one in place of the backslash alone would end the string.
Where a text quotes JSON nobody says so: of `\nbob@example.com` an expression takes the `n` for a part of the name.
"""

from __future__ import annotations

import json
import re

from extproc.policies.base import CONTEXT, Rule, Span

_ESCAPE = re.compile(r"\\(?:[nrtf]|u[0-9a-fA-F]{4})")
# What tells where strings begin and end.
_LEXICAL = re.compile(r'\\.|\\\Z|"', re.DOTALL)


def unbroken(text: str, start: int, end: int) -> Span:
    """The part of a match that begins and ends beside an escape; the match itself, if it is nothing else.

    A stream remembers CONTEXT characters before a match: no more are looked at.
    """
    first = start + _backslashes(text, max(0, start - CONTEXT), start) % 2
    last = end - _backslashes(text, first, end) % 2
    return (first, last) if first < last else (start, end)


def behind_escape(text: str, start: int, end: int, rule: Rule) -> int:
    r"""Where a rule's match begins: behind an escape whose letter it begins with, if the rest would be one, too.

    One letter counts only where a quote stands before it, no further than a stream remembers: in `C:\nbob` it may be
    the name's.
    """
    if not start or text[start - 1] != "\\":
        return start
    escape = _ESCAPE.match(text, start - 1, end)
    if escape is None or escape.end() == end:
        return start
    if text[start] != "u" and '"' not in text[max(0, start - CONTEXT) : start]:
        return start
    first = escape.end()
    rest = text[first:end]
    if rule.pattern.compiled.fullmatch(rest.encode("utf-8", "replace")) is None:
        return start
    # The blank is the word's border: disguise.py.
    before = f"{text[max(0, first - CONTEXT + 1) : first]} "
    return first if (0, len(rest)) in rule.refine(rest, before) else start


def _backslashes(text: str, start: int, end: int) -> int:
    """How many stand before `end`, one after the other, from `start` on."""
    at = end
    while at > start and text[at - 1] == "\\":
        at -= 1
    return end - at


class Markers:
    """Markers in JSON, which is read piece by piece from its beginning.

    In place of a number, or of anything else that is no string, one becomes a string. What does not begin as an object
    or a list is no JSON, whatever it was asked to be.
    """

    __slots__ = ("_backslash", "_inside", "_is_json", "_open")

    def __init__(self) -> None:
        self._is_json: bool | None = None
        self._inside = False
        # Whether the last character was a backslash that is one half of an escape, and whether a marker is not closed.
        self._backslash = False
        self._open = False

    def read(self, text: str) -> str:
        """Text that stays, or goes with a marker: the same."""
        if self._is_json is None and (begun := text.lstrip()):
            self._is_json = begun[0] in "{["
        rest = text[1:] if self._backslash and text else text
        self._backslash = self._backslash and not text
        for found in _LEXICAL.findall(rest):
            self._inside ^= found == '"'
            self._backslash = found == "\\"
        return text

    def open(self, marker: str) -> str:
        """A marker, before what it stands for is read."""
        if not self._is_json:
            return marker
        self._open = True
        return ("" if self._inside else '"') + json.dumps(marker, ensure_ascii=False)[1:-1]

    def close(self) -> str:
        """The end of the marker, behind it."""
        closing = '"' if self._open and not self._inside else ""
        self._open = False
        return closing
