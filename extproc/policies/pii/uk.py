"""Numbers that authorities of the United Kingdom give to people."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.policies.base import Refine
from extproc.policies.pii.checks import weighted
from extproc.policies.pii.labelled import END, number, words


def is_nhs(digits: str) -> bool:
    """A National Health Service number: NHS Data Dictionary, modulus 11."""
    return (
        len(digits) == 10 and len(set(digits)) > 1 and (weighted(digits, range(10, 1, -1)) + int(digits[9])) % 11 == 0
    )


def is_nino(text: str) -> bool:
    """A National Insurance number: HMRC manual NIM39110 names the prefixes that are not given out."""
    return text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def is_utr(text: str) -> bool:
    """A unique taxpayer reference: its first digit checks the other nine (HMRC, modulus 11)."""
    digits = text.rstrip("K")
    return len(digits) == 10 and digits[0] == "21987654321"[weighted(digits[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]


ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "UK_NHS": (
        (
            rf"\b\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}}{END}",
            number(is_nhs, words("NHS", r"national health(?: service)?", r"health service")),
        ),
    ),
    "UK_NINO": (
        (
            r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\d{6}| \d\d \d\d \d\d |-\d\d-\d\d-\d\d-)[A-D]\b(?:-?\w)?",
            number(lambda text: len(text) == 9 and is_nino(text)),
        ),
        (
            r"(?i)\b[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]\b",
            number(is_nino, words("NINO", r"national insurance(?: \w+)?", "NI (?:number|no)")),
        ),
    ),
    "UK_UTR": (
        (
            rf"\b(?:\d{{5}} ?\d{{5}}|\d{{3}} \d{{3}} \d{{4}})[Kk]?{END}",
            number(is_utr, words("UTR", "unique tax(?:payer)?", r"self.assessment", "HMRC", r"tax reference")),
        ),
    ),
}
