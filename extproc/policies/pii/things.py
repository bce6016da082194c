"""Identifiers of things that lead to their owners: devices, vehicles, wallets, banks, and logins in URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from hashlib import sha256

from extproc.policies.base import Refine, Span
from extproc.policies.pii.checks import weighted
from extproc.policies.pii.labelled import behind, words
from extproc.policies.secrets.embedded import URL_WITH_LOGIN, url_password

_VALUES = str.maketrans("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789")


def is_vin(text: str) -> bool:
    """A vehicle identification number with a valid check digit, as in North America and China (49 CFR 565.15)."""
    digits = text.translate(_VALUES)
    return (
        sum(map(str.isalpha, text)) >= 3
        and text[13:].isdigit()
        and text[8] == "0123456789X"[weighted(digits, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)) % 11]
    )


_SAYS_VEHICLE = words("VIN", r"vehicle id\w*", "vehicle", "chassis", r"Fahrgestell\w*")


def vin(candidate: str, before: str) -> Sequence[Span]:
    """The candidate; behind a word that says vehicle it needs no check digit, which Europe does not use."""
    if before[-1:] in ("-", "/", "_", "."):
        return ()
    letters = sum(map(str.isalpha, candidate))
    said = 2 <= letters <= 14 and _SAYS_VEHICLE.search(before)
    return ((0, len(candidate)),) if said or is_vin(candidate) else ()


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def is_base58check(text: str) -> bool:
    """Whether the last four bytes are the checksum of the others (en.bitcoin.it/wiki/Base58Check_encoding)."""
    value = reduce(lambda total, character: total * 58 + _BASE58.index(character), text, 0)
    data = value.to_bytes(25, "big") if value < 1 << 200 else b""
    return len(data) == 25 and sha256(sha256(data[:21]).digest()).digest()[:4] == data[21:]


def is_bech32(text: str) -> bool:
    """Whether the last six characters are the checksum of the others (BIP 173, BIP 350)."""
    name, _, data = text.lower().rpartition("1")
    if len(data) < 7 or not set(data) <= set(_BECH32):
        return False
    state = 1
    expanded = [ord(character) >> 5 for character in name] + [0] + [ord(character) & 31 for character in name]
    for value in (*expanded, *map(_BECH32.index, data)):
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            state ^= generator if top >> bit & 1 else 0
    return state in (1, 0x2BC830A3)


_SAYS_WALLET = words("eth(?:er|ereum)?", "wallets?", "address", "account", "0x", "crypto")


def wallet(candidate: str, before: str) -> Sequence[Span]:
    """An address of Bitcoin by its checksum, of Ethereum by a word before it."""
    if candidate.startswith("0x"):
        good = _SAYS_WALLET.search(before) is not None
    else:
        good = is_bech32(candidate) if candidate[:3].lower() in ("bc1", "tb1") else is_base58check(candidate)
    return ((0, len(candidate)),) if good and before[-1:] not in ("/", "-", "_", "+") else ()


def mac(candidate: str, before: str) -> Sequence[Span]:
    """The address of a network card, unless it is one part of a longer string of bytes or nobody's."""
    if len(candidate) > 17 or before[-1:] in (":", "-", ".", "_", "/"):
        return ()
    digits = re.sub("[^0-9A-F]", "", candidate.upper())
    return ((0, len(candidate)),) if len(digits) == 12 and len(set(digits)) > 2 else ()


# ISO 3166-1 codes of the countries whose banks are in SWIFT, each between blanks.
_COUNTRIES = (
    " AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG "
    "CH CI CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GG GH "
    "GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP "
    "KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ "
    "NA NC NE NG NI NL NO NP NR NZ OM PA PE PF PG PH PK PL PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SI "
    "SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN "
    "VU WS XK YE ZA ZM ZW "
)


def login(candidate: str, before: str) -> Sequence[Span]:
    """User name and password of a URL, if the password is one."""
    if not url_password(candidate, before):
        return ()
    return ((candidate.index("://") + 3, len(candidate) - 1),)


_BYTE = "[0-9A-Fa-f]{2}"

ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "MAC_ADDRESS": (
        (
            rf"\b(?:{_BYTE}(?:(?::{_BYTE}){{5}}|(?:-{_BYTE}){{5}})|[0-9A-Fa-f]{{4}}(?:\.[0-9A-Fa-f]{{4}}){{2}})\b(?:[:.-]\w)?",
            mac,
        ),
    ),
    "VIN": ((r"\b[A-HJ-NPR-Z0-9]{17}\b", vin),),
    "CRYPTO": (
        (r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|tb1|BC1|TB1)[a-zA-Z0-9]{11,71}|0x[0-9a-fA-F]{40})\b", wallet),
    ),
    "SWIFT_CODE": (
        behind(
            "SWIFT(?:[/-]BIC)?|BIC|bank identifier",
            r"(?-i:\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b)",
            lambda text: f" {text[4:6]} " in _COUNTRIES,
            reach=16,
        ),
    ),
    "URL_CREDENTIALS": ((URL_WITH_LOGIN, login),),
}
