"""PHONE: telephone numbers: candidates by pattern, then libphonenumber's numbering plans.

Parsing costs 21 µs, so only candidates are parsed. A number in international form counts when it is possible at all,
one in national form when it is valid in a plan and written as people write them, or when a word before it says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import phonenumbers

from extproc.policies.base import Span

# The whole run of digits and separators is taken, so that a part of a longer number is not mistaken for one.
_MORE = r"(?:[ .()/-]{0,3}\d)"
_EXTENDED = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6}|[A-Za-z_]?)"
_SAID = r"(?i:[ -]{1,2}(?:office|fax|cell|mobile|home|work)\b)"
EXPRESSION = rf"(?:\+|\b|\()\d{_MORE}{{6,17}}{_EXTENDED}{_SAID}?"

# Three-three-four. With blanks only, the plan's own first digits (2 to 9) are asked for: tables hold such numbers.
_NANP = re.compile(
    r"(?:(?:00)?1[ .-]?)?(?:\(\d{3}\)[ -]?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4}"
    r"|[2-9]\d\d[ -][2-9]\d\d[ -]\d{4})"
)
_SSN = re.compile(r"\d{3}( ?[-./ ] ?)\d{2}\1\d{4}")
_SAID_AFTER = re.compile(r"[ -]{1,2}[A-Za-z]{3,6}$")
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension) ?\d{1,6}$")
_WORDS = (
    r"(?:tel(?:e?phone)?|phone|mobile|cell|call(?: me| us| him| her)?|fax|whatsapp|sms|text (?:me|us)|dial|ring"
    r"|reach(?:ed)? (?:me|us|him|her)?|contact|answer(?:ing|ed)?|numero|telefon"
    r"|téléphone|telefono|móvil|handy|hotline)"
    r"(?:\W{1,3}(?:no|nr|number|num|num[eé]ro|is|at|on|me|us|was|to|the|my|of|our|her|his|home|work|office)\b){0,4}\W{0,4}"
)
_LABEL = re.compile(rf"\b{_WORDS}$", re.IGNORECASE)
_OTHER_NUMBER = re.compile(
    r"(?:\b(?:order|invoice|ticket|case|ref(?:erence)?|isbn|ean|gtin|upc|imei|sku|id|uuid|tracking|serial|account|acct"
    r"|iban|ssn|version|v|oid|rfc|part|model|card|lat|lon|pos|ts|ms|epoch|timestamp|build|commit|no|nr)"
    r"\W{0,2}(?:number|no|nr|num|is|id)?\W{0,3}|[$€£¥#=%*/<>^&]\s?|[\w][-_./:]|\d[,:]\s?"
    r"|\b[A-Z]{2}\d{2} (?:[A-Z0-9]{4} )*)$",
    re.IGNORECASE,
)
# A ZIP code with its four further digits; those of New England begin with a zero, as numbers in national form do.
_ZIP = re.compile(r"\d{5}-\d{4}")
_DATE = re.compile(r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}\b.*|\d{1,2}[-./]\d{1,2}[-./]\d{4}\b.*")
# Most runs of seven digits are dates, years and sums. A number has a plus sign, the form of the North American plan, a
# zero in front, or a word before or behind it.
GATE = (
    rf"\+\d{_MORE}{{7}}|\(\d{{3}}\)[ -]?\d{{3}}[ .-]\d{{4}}"
    r"|\b(?:(?:00)?1[ .-]?)?(?:\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4}|[2-9]\d\d[ -][2-9]\d\d[ -]\d{4})"
    rf"|\b0{_MORE}{{8}}|(?i:\b{_WORDS})\(?\d{_MORE}{{6}}|\b\d{_MORE}{{6,17}}{_EXTENDED}{_SAID}"
)
# Plans asked for numbers in national form; each costs a parse.
_REGIONS = ("US", "GB", "FR", "DE", "ES", "IT", "NL", "CH", "AU", "IN", "JP", "BR", "IL")


def refine(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it is a telephone number."""
    said_after = _SAID_AFTER.search(candidate)
    candidate = candidate[: said_after.start()] if said_after else candidate
    number = _EXTENSION.sub("", candidate)
    if number[-1].isalpha() or number[-1] == "_" or number.count("(") > 1 or _SSN.fullmatch(number):
        return ()
    count = sum(character.isdigit() for character in number)
    if number[0] == "+":
        return ((0, len(candidate)),) if 7 < count < 16 and not before[-1:].isalnum() and _possible(number) else ()
    if _OTHER_NUMBER.search(before) and not _LABEL.search(before):
        return ()
    if _NANP.fullmatch(number):
        return ((0, len(candidate)),)
    if _DATE.fullmatch(number):
        return ()
    labelled = bool(said_after or _LABEL.search(before))
    if (
        labelled
        and len(re.findall(r"\d+", number)) < 7
        and 7 <= count <= 15
        and ("." not in number or number.count(".") > 1)
    ):
        return ((0, len(candidate)),)
    # National form without a word: a trunk zero and groups, as in 020 7946 0958 or 01.42.68.53.00.
    if _ZIP.fullmatch(number):
        return ()
    grouped = 1 < len(re.findall(r"\d+", number)) < 7 and number.lstrip("(")[0] == "0" and 9 <= count <= 12
    if grouped and "  " not in number and any(_valid(number, region) for region in _REGIONS):
        return ((0, len(candidate)),)
    return ()


def _possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def _valid(number: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
