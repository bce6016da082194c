"""Numbers that authorities on the European continent, and Brazil's, give to people."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.policies.base import Refine
from extproc.policies.pii.card import luhn
from extproc.policies.pii.checks import is_date, mod_10, mod_11_10, weighted
from extproc.policies.pii.labelled import END, number, words


def is_nif(text: str) -> bool:
    """A Spanish NIF or NIE: the last letter checks the digits; X, Y, Z at the front of a NIE count 0, 1, 2."""
    digits = str("XYZ".find(text[0])) + text[1:-1] if text[0] in "XYZ" else text[:-1]
    return len(digits) in (7, 8) and text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


_AT_ODD_PLACES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def is_fiscal_code(text: str) -> bool:
    """An Italian codice fiscale: the last letter checks the other fifteen (decree of 23 December 1976)."""
    values = [int(character) if character.isdigit() else ord(character) - 65 for character in text[:15]]
    total = sum(_AT_ODD_PLACES[value] for value in values[::2]) + sum(values[1::2])
    return ord(text[15]) - 65 == total % 26


def is_pesel(digits: str) -> bool:
    """A Polish PESEL: a day of birth, the century added to its month, and a check digit."""
    return (
        len(digits) == 11
        and is_date(0, int(digits[2:4]) % 20, int(digits[4:6]))
        and mod_10(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    )


def is_nir(text: str) -> bool:
    """A French social security number with its key: modulus 97; Corsica's departments are 2A and 2B."""
    if len(text) != 15:
        return False
    head = text[:13].replace("2A", "19").replace("2B", "18")
    return head.isdigit() and 97 - int(head) % 97 == int(text[13:])


def is_tax_id(digits: str) -> bool:
    """A German Steuer-IdNr."""
    return len(digits) == 11 and digits[0] != "0" and mod_11_10(digits)


def is_ahv(digits: str) -> bool:
    """A Swiss AHV number: 756 and an EAN-13 check digit."""
    return len(digits) == 13 and mod_10(digits, (1, 3) * 6)


def is_hetu(text: str) -> bool:
    """A Finnish personal identity code: a day of birth, a number, and what both leave modulo 31."""
    day, rest = text[:6], text[-4:]
    return (
        is_date(0, int(day[2:4]), int(day[:2]))
        and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(day + rest[:3]) % 31] == rest[3]
    )


def is_personnummer(digits: str) -> bool:
    """A Swedish personnummer or, with sixty added to the day, coordination number."""
    last = digits[-10:]
    return len(digits) in (10, 12) and is_date(0, int(last[2:4]), int(last[4:6]) % 60) and luhn(last)


def is_bsn(digits: str) -> bool:
    """A Dutch citizen service number: the eleven test."""
    return len(digits) == 9 and digits.strip("0") != "" and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def is_cpf(digits: str) -> bool:
    """A Brazilian CPF: two check digits, modulus 11."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}"


_TAX_WORDS = words(
    r"steuer\W?id\w*\W?(?:nummer|nr)?", r"id\W?nr", "steueridentifikationsnummer", "IdNr", r"tax (?:id|number)", "TIN"
)

ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "ES_NIF": ((r"\b\d{7,8}-?[A-Za-z]\b", number(is_nif)),),
    "ES_NIE": ((r"\b[XYZxyz]-?\d{7}-?[A-Za-z]\b", number(is_nif)),),
    "IT_FISCAL_CODE": (
        (
            r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b",
            number(lambda text: len(text) == 16 and text.isascii() and is_fiscal_code(text)),
        ),
    ),
    "PL_PESEL": ((rf"\b\d{{11}}{END}", number(is_pesel, words("PESEL"))),),
    "FR_NIR": (
        (
            r"\b[1278] ?\d\d ?(?:0[1-9]|1[0-2]|[2-4]\d|[5-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d\b(?:[-./ ]\d)?",
            number(is_nir),
        ),
    ),
    "DE_TAX_ID": ((rf"\b\d\d ?\d{{3}} ?\d{{3}} ?\d{{3}}{END}", number(is_tax_id, _TAX_WORDS)),),
    "CH_AHV": ((rf"\b756\.\d{{4}}\.\d{{4}}\.\d\d{END}", number(is_ahv)),),
    "FI_HETU": ((r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b", number(lambda text: len(text) >= 10 and is_hetu(text))),),
    "SE_PERSONNUMMER": (
        (
            rf"\b(?:18|19|20)?\d{{6}}[-+]?\d{{4}}{END}",
            number(is_personnummer, words(r"person\w*nummer", "personnr", "samordningsnummer")),
        ),
    ),
    "NL_BSN": ((rf"\b\d{{9}}{END}", number(is_bsn, words("BSN", r"burger ?service ?(?:nummer|nr)?", "sofi\\w*"))),),
    "BR_CPF": ((rf"\b\d{{3}}\.\d{{3}}\.\d{{3}}-\d\d{END}", number(is_cpf)),),
}
