"""Numbers that authorities in India, Singapore, South Korea and Australia give to people."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.policies.base import Refine
from extproc.policies.pii.checks import is_date, verhoeff, weighted
from extproc.policies.pii.labelled import END, number, words


def is_aadhaar(digits: str) -> bool:
    """An Aadhaar number of India's UIDAI."""
    return len(digits) == 12 and digits[0] not in "01" and len(set(digits)) > 2 and verhoeff(digits)


def is_nric(text: str) -> bool:
    """A Singaporean identity card or foreign identification number: the last letter checks the digits."""
    series = text[0]
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(series, 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(series, "XWUTRQPNMLK")
    return text[8] == letters[total % 11]


def begins_with_birth(digits: str) -> bool:
    """The day of birth at the front of a South Korean resident registration number."""
    return len(digits) == 13 and is_date(0, int(digits[2:4]), int(digits[4:6]))


def is_rrn(digits: str) -> bool:
    """A South Korean resident registration number with its check digit, which those given out since 2020 lack."""
    return begins_with_birth(digits) and (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(
        digits[12]
    )


def is_tfn(digits: str) -> bool:
    """An Australian tax file number."""
    return len(digits) == 9 and weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def is_abn(digits: str) -> bool:
    """An Australian business number: abr.business.gov.au, modulus 89 after one is taken from the first digit."""
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return len(digits) == 11 and digits[0] != "0" and (weighted(digits, weights) - 10) % 89 == 0


def is_medicare(digits: str) -> bool:
    """An Australian Medicare card number, with or without the person's own digit at its end."""
    return (
        len(digits) in (10, 11)
        and digits[0] in "23456"
        and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])
    )


ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "IN_AADHAAR": (
        (
            r"\b\d{4}(?:[ :-]?\d{4}){2}\b(?:[-./ ]\d)?",
            number(is_aadhaar, words("aadha+r", "UIDAI", "UID", "आधार")),
        ),
    ),
    # Income Tax Department: three letters, the kind of holder, a letter of the name, four digits, a letter.
    "IN_PAN": ((r"\b[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]\b", number(lambda text: text[5:9] != "0000")),),
    "IN_VOTER": ((r"\b[A-Za-z]{3}\d{7}\b", number(bool, words(r"voter\W?s?(?: id\w*)?", "EPIC", r"election"))),),
    "SG_NRIC": ((r"\b[STFGM]\d{7}[A-Z]\b", number(is_nric)),),
    "KR_RRN": (
        (rf"\b\d{{6}}-[1-8]\d{{6}}{END}", number(is_rrn)),
        (
            rf"\b\d{{6}}-?[1-8]\d{{6}}{END}",
            number(begins_with_birth, words("RRN", "resident registration", "주민등록번호")),
        ),
    ),
    "AU_TFN": ((rf"\b\d{{3}}[ -]?\d{{3}}[ -]?\d{{3}}{END}", number(is_tfn, words("TFN", r"tax file(?: \w+)?"))),),
    "AU_ABN": (
        (rf"\b\d\d(?:[ -]?\d{{3}}){{3}}{END}", number(is_abn, words("ABN", r"(?:australian )?business number"))),
    ),
    "AU_MEDICARE": ((rf"\b[2-6]\d{{3}}[ -]?\d{{5}}[ -]?\d(?:[ /-]?\d)?{END}", number(is_medicare, words("medicare"))),),
}
