"""Check digits of many numbering schemes, as their publishers define them. Luhn's is in card.py, mod-97 in iban.py."""

from __future__ import annotations

from collections.abc import Sequence


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of each digit times its weight; what has no weight does not count."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    """Whether such a day may be in a calendar; `year` matters for the 29th of February only."""
    longest = 29 if year % 4 == 0 else 28
    return 1 <= month <= 12 and 1 <= day <= (31, longest, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


# The multiplication of the dihedral group D5 and the permutation: J. Verhoeff, Error Detecting Decimal Codes, 1969.
_MULTIPLIED = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the Verhoeff check digit of the others."""
    state = 0
    for at, digit in enumerate(reversed(digits)):
        state = int(_MULTIPLIED[state][int(_PERMUTED[at % 8][int(digit)])])
    return state == 0


def mod_11_10(digits: str) -> bool:
    """Whether the last digit is the check digit of the others by ISO 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def mod_10(digits: str, weights: Sequence[int]) -> bool:
    """Whether the last digit makes the weighted sum of all a multiple of ten."""
    return (weighted(digits[:-1], weights) + int(digits[-1])) % 10 == 0
