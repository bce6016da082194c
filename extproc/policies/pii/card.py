"""CREDIT_CARD: 12 to 19 digits with a brand's prefix, a length that brand issues, and the Luhn check digit.

Prefixes and lengths: ISO/IEC 7812-1 issuer ranges as the networks publish them; Mastercard's 2-series is 2221-2720.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from extproc.policies.base import Span

# Runs longer than any card are taken whole and looked into, so that no card is cut out of a longer number.
EXPRESSION = r"\b\d(?:[ -]?\d){11,27}\b"

_VISA = frozenset({13, 16, 19})
_SIXTEEN_UP = frozenset({16, 17, 18, 19})
_MAESTRO = frozenset(range(12, 20))
# (lowest and highest prefix, of the same length; lengths issued)
_BRANDS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", _VISA),
    ("51", "55", frozenset({16})),
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("6011", "6011", _SIXTEEN_UP),
    ("644", "659", _SIXTEEN_UP),
    ("62", "62", _SIXTEEN_UP),
    ("300", "305", frozenset({14, 16})),
    ("3095", "3095", frozenset({14, 16})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16})),
    ("3528", "3589", _SIXTEEN_UP),
    ("2200", "2204", frozenset({16, 19})),
    ("5018", "5018", _MAESTRO),
    ("5020", "5020", _MAESTRO),
    ("5038", "5038", _MAESTRO),
    ("5893", "5893", _MAESTRO),
    ("6304", "6304", _MAESTRO),
    ("6759", "6759", _MAESTRO),
    ("6761", "6763", _MAESTRO),
    ("8192", "8192", frozenset({16})),
)
# How digits are grouped in print: 4-4-4-4, Amex 4-6-5, Diners 4-6-4, the 19 digits 4-4-4-4-3 and 6-13.
_GROUPINGS = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13), (4, 4, 4, 1), (4, 4, 5), (4, 4, 4)}
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_NOT_A_CARD = re.compile(r"(?:\bEAN|\bISBN|\bGTIN|\bUPC|\bIMEI|barcode)\b[\s:#-]*(?:\d+[\s-])*$", re.IGNORECASE)
# The country and check digits of an IBAN in print, or the rest of a longer name or decimal fraction.
_PART_OF_SOMETHING = re.compile(r"(?:\b[A-Z]{2}\d{2} (?:[A-Z0-9]{4} )*|[\w.]-|\d\.)$")


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    values = [int(digit) for digit in digits]
    return (sum(values[-1::-2]) + sum(_DOUBLED[value] for value in values[-2::-2])) % 10 == 0


def refine(candidate: str, before: str) -> Sequence[Span]:
    """The cards in a run of digits that may be grouped by blanks or hyphens."""
    if _NOT_A_CARD.search(before) or _PART_OF_SOMETHING.search(before):
        return ()
    groups = re.split("[ -]", candidate)
    starts = [0, *accumulate(len(group) + 1 for group in groups)]
    found = []
    first = 0
    while first < len(groups):
        for last in range(min(len(groups), first + 5), first, -1):
            if _is_card(groups[first:last]):
                found.append((starts[first], starts[last] - 1))
                first = last
                break
        else:
            first += 1
    return found


def _is_card(groups: Sequence[str]) -> bool:
    digits = "".join(groups)
    size = len(digits)
    return (
        12 <= size <= 19
        and (len(groups) == 1 or tuple(map(len, groups)) in _GROUPINGS)
        and any(low <= digits[: len(low)] <= high and size in sizes for low, high, sizes in _BRANDS)
        and len(set(digits)) > 1
        and luhn(digits)
    )
