r"""Matches in JSON, and in texts that quote it: what is replaced takes no half of an escape with it.

Policies read JSON without its escapes, except for those of a quote and a backslash (openai/escapes.py). A marker in
place of the `"` of `\"` would leave a lone backslash; one in place of the backslash alone would end the string.
Where a text quotes JSON nobody says so: of `\nbob@example.com` an expression takes the `n` for a part of the name.
"""

from __future__ import annotations

import re

from extproc.policies.base import CONTEXT, Rule, Span

_ESCAPE = re.compile(r"\\(?:[nrtf]|u[0-9a-fA-F]{4})")


def unbroken(text: str, start: int, end: int) -> Span:
    """The part of a match that begins and ends beside an escape; the match itself, if it is nothing else.

    A stream remembers CONTEXT characters before a match: no more are looked at.
    """
    first = start + _backslashes(text, max(0, start - CONTEXT), start) % 2
    last = end - _backslashes(text, first, end) % 2
    return (first, last) if first < last else (start, end)


def behind_escape(text: str, start: int, end: int, rule: Rule) -> int:
    """Where a rule's match begins: behind an escape whose letter it begins with, if the rest would be one, too."""
    if not start or text[start - 1] != "\\":
        return start
    escape = _ESCAPE.match(text, start - 1, end)
    if escape is None or escape.end() == end:
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
