"""Numbers that authorities and banks of the United States and Canada give to people."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.policies.base import Refine
from extproc.policies.pii.card import luhn
from extproc.policies.pii.checks import weighted
from extproc.policies.pii.labelled import END, anything, number, words


def is_itin(digits: str) -> bool:
    """An individual taxpayer identification number: IRS publication 4757, the groups that are in use."""
    group = int(digits[3:5]) if len(digits) == 9 else 0
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def is_routing(digits: str) -> bool:
    """An ABA routing transit number: a Federal Reserve district and the 3-7-1 check."""
    if len(digits) != 9 or not digits.strip("0"):
        return False
    district = int(digits[:2])
    return (district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80) and weighted(
        digits, (3, 7, 1) * 3
    ) % 10 == 0


def is_sin(digits: str) -> bool:
    """A Canadian social insurance number; none begins with an 8."""
    return len(digits) == 9 and digits[0] != "8" and luhn(digits)


def is_licence(text: str) -> bool:
    """A driver's licence: the states agree on no more than that most of it is digits."""
    return 6 <= len(text) <= 16 and sum(map(str.isdigit, text)) >= 5


_LICENCE = words(
    r"driv(?:er|ing|ers)(?:\W{0,2}s)? ?licen[cs]e", r"licen[cs]e (?:number|no|num|id)", "DLN?", "driver ?id"
)
_ACCOUNT = words(
    r"(?:bank|checking|savings?|deposit|current) (?:account|acct)", r"(?:account|acct)\W{0,2}(?:number|no|num|nr)"
)

ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "US_ITIN": (
        (
            rf"\b9\d\d[- ]?\d\d[- ]?\d{{4}}{END}",
            number(is_itin, words("ITINs?", r"tax(?:payer)? (?:id\w*|no|number)", "TIN")),
        ),
    ),
    "US_BANK_ROUTING": (
        (
            rf"\b\d{{4}}-?\d{{4}}-?\d{END}",
            number(is_routing, words(r"routing(?: transit)?", "ABA", "RTN", "transit", r"wire to")),
        ),
    ),
    "US_PASSPORT": ((rf"\b[A-Za-z]?\d{{8,9}}{END}", number(lambda text: len(text) == 9, words("passports?"))),),
    # Other countries' forms too: up to three letters, six to nine digits, perhaps a letter.
    "PASSPORT": (
        (rf"\b[A-Za-z]{{0,3}}\d{{6,9}}[A-Za-z]?{END}", number(lambda text: 7 <= len(text) <= 12, words("passports?"))),
    ),
    "US_DRIVER_LICENSE": ((rf"\b[A-Za-z]{{0,3}}\d(?:-?\d){{4,15}}[A-Za-z]?{END}", number(is_licence, _LICENCE)),),
    "BANK_ACCOUNT": ((rf"\b\d(?:[ -]?\d){{5,16}}{END}", number(anything, _ACCOUNT)),),
    "CA_SIN": (
        (
            rf"\b\d{{3}}[- ]?\d{{3}}[- ]?\d{{3}}{END}",
            number(is_sin, words("SINs?", r"social insurance(?: \w+)?", "NAS", "assurance sociale")),
        ),
    ),
    "CA_HEALTH_NUMBER": (
        (
            rf"\b\d{{4}}[- ]?\d{{3}}[- ]?\d{{3}}{END}",
            number(
                lambda text: len(text) == 10 and luhn(text), words("OHIP", r"health (?:card|number|insurance)", "HCN")
            ),
        ),
    ),
}
