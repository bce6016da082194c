"""Refinements made of two questions: is the number one of its kind, and does a word before it say so?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from extproc.policies.base import Refine, Span

# A number that goes on is taken along by one digit: then its length is wrong, and it is passed over as a whole.
END = r"\b(?:[-./]\d)?"

# A part of a longer name, fraction or amount.
_PART_OF_SOMETHING = re.compile(r"[\w][-./+_]$|[$€£¥=]\w*$|[\w]$")
_PLAIN = re.compile(r"[\W_]+")


def plain(candidate: str) -> str:
    """Its letters and digits, in capitals."""
    return _PLAIN.sub("", candidate).upper()


def words(*names: str, reach: int = 30) -> re.Pattern[str]:
    """One of these words, then at most `reach` characters of the same line and sentence up to the candidate."""
    gap = rf"(?:[^.;\n]|\.\S|(?<=\bn[or])\.){{0,{reach}}}"
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(names)})(?![A-Za-z]){gap}\Z", re.IGNORECASE)


def number(check: Callable[[str], bool], said: re.Pattern[str] | None = None) -> Refine:
    """The whole candidate, if its letters and digits pass `check` and, where words are asked for, one is there."""

    def refine(candidate: str, before: str) -> Sequence[Span]:
        if said is not None:
            if not said.search(before):
                return ()
        elif _PART_OF_SOMETHING.search(before):
            return ()
        return ((0, len(candidate)),) if check(plain(candidate)) else ()

    return refine


def behind(names: str, value: str, check: Callable[[str], bool], *, reach: int) -> tuple[str, Refine]:
    """Expression and refinement of a value so short or common that it is only looked for behind one of `names`.

    Between them lie at most `reach` characters of the same sentence, none of them a digit.
    """
    gap = rf"(?:n[or]\.|[^.;\n0-9]){{0,{reach}}}?"
    parts = re.compile(rf"(?i)(?:{names})\b{gap}({value})", re.ASCII)

    def refine(candidate: str, before: str) -> Sequence[Span]:
        del before
        found = parts.fullmatch(candidate)
        return (found.span(1),) if found and check(plain(found[1])) else ()

    return rf"(?i)\b(?:{names})\b{gap}{value}", refine


def anything(text: str) -> bool:
    """The check of a number that has none: it only must not be one digit over and over."""
    return len(set(text)) > 1
