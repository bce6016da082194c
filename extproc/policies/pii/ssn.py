"""SSN: a United States social security number.

The Social Security Administration has never issued area 000, 666 or 900-999 (the latter are tax numbers of another
kind), group 00 or serial 0000: https://www.ssa.gov/employer/randomization.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from extproc.policies.base import Span

# One more digit group is taken along, so that a part of a longer number can be told apart and passed over.
EXPRESSION = r"\b\d{3}(?:-\d{2}-|\.\d{2}\.| \d{2} |\d{2})\d{4}\b(?:[-.]\d)?"

_LABELLED = re.compile(r"(?:\bSSNs?\b|\bsocial[ -]sec|\btax ?payer|\bTIN\b)[^.;\n]{0,24}$", re.IGNORECASE)
_PART_OF_SOMETHING = re.compile(r"[\w.+][-.]$|[$€£#]$")


def refine(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if the number may have been issued; nine digits without separators need a word before them."""
    digits = re.sub(r"\D", "", candidate)
    if len(digits) != 9 or _PART_OF_SOMETHING.search(before):
        return ()
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return ()
    if candidate[3] != "-" and not _LABELLED.search(before):
        return ()
    return ((0, len(candidate)),)
