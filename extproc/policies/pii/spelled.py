"""Values written so that a pattern would miss them: "jane at example dot com", 203[.]0[.]113[.]7, "four one one one".

Words for signs and digits are undone here, by expressions and refinements of their own beside those of the plain
forms, so that a stream holds back no more than what may still become one. What disguises single characters is undone
before any rule looks (disguise.py). Each refinement writes the candidate plainly and asks the entity's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from extproc.policies.base import CONTEXT, Refine, Span
from extproc.policies.pii import card, email, iban, ip_address, phone, ssn

# In brackets of any kind, as a character reference, or percent-encoded; and as a word or sign between blanks.
_AT_SIGN = r" ?[\[({<] ?(?i:at|arroba|@) ?[\])}>] ?|&#0?64;|&commat;|%40| @ |@ "
_AT_WORD = r" {1,2}(?i:at|arroba) {1,2}"
_DOT_SIGN = r" ?[\[({<] ?(?i:dot|punto|\.) ?[\])}>] ?|&#46;|&period;| \. "
_DOT_WORD = r" {1,2}(?i:dot|punto|punkt) {1,2}"
_OTHER_WORD = r" {1,2}(?i:underscore|dash) {1,2}"
_LETTERS = r"A-Za-z0-9\x{C0}-\x{24F}"
_SIGN = rf"(?:{_DOT_WORD}|{_DOT_SIGN}|{_OTHER_WORD})"
_DOT = rf"(?:{_DOT_WORD}|{_DOT_SIGN}|\.)"
EMAIL = (
    rf"[{_LETTERS}][{_LETTERS}_.+'-]{{0,31}}(?:{_SIGN}[{_LETTERS}]{{1,20}}){{0,2}}"
    rf"(?:{_AT_SIGN}|{_AT_WORD}|@)[{_LETTERS}-]{{1,30}}(?:{_DOT}[{_LETTERS}-]{{1,30}}){{0,3}}{_DOT}[A-Za-z]{{2,12}}\b"
)
_SAID = [
    (re.compile(source), plain)
    for source, plain in (
        (_AT_SIGN, "@"),
        (_DOT_SIGN, "."),
        (_AT_WORD, "@"),
        (_DOT_WORD, "."),
        (" {1,2}(?i:underscore) {1,2}", "_"),
        (" {1,2}(?i:dash) {1,2}", "-"),
    )
]
_PLAIN_AT = re.compile(rf"@|{_AT_SIGN}")
_HIDDEN_DOT = re.compile(rf"{_DOT_SIGN}|{_DOT_WORD}")
_SENTENCE_END = re.compile(r" \. ")
# Top-level domains that are words: "look at the dot in the corner".
_WORDS = re.compile("am|as|at|be|by|do|he|hm|id|in|is|it|me|my|no|of|or|pa|so|to|us|we", re.IGNORECASE)
# What stands before "at" in a sentence about a site: "visit us at example dot com".
_NO_NAME = re.compile(
    "a|all|and|are|available|back|be|book|buy|call|check|click|come|found|get|go|here|hers?|him|hosted|is|it|learn|live"
    "|located|look|me|meet|more|now|off|on|online|open|order|out|page|read|register|shop|sign|site|start|store|than"
    "|that|them|there|this|up|us|visit|was|watch|website|you",
    re.IGNORECASE,
)
# Where only words say that it is an address, the name must look like one or be announced: "john.smith at gmail.com",
# not "index.html at example.com".
_PERSON = re.compile(r"[a-z]{1,20}(?:[._][a-z]{2,20}(?:[+-][a-z\d]{1,20})?\d{0,4}|\d{1,4})", re.IGNORECASE)
_FILE = re.compile(
    r"[._](?:[a-z]{1,2}|html?|json|ya?ml|toml|txt|csv|xml|pdf|png|jpe?g|conf|cfg|exe|java|rb)\d?$", re.IGNORECASE
)
_ANNOUNCED = re.compile(r"\b(?:e-?mail(?: address)?(?: is)?|mailto|b?cc|write to)\W{1,3}$", re.IGNORECASE)


def refine_email(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it is an address in disguise and hardly a sentence."""
    plain = candidate
    for expression, sign in _SAID:
        plain = expression.sub(sign, plain)
    local, _, domain = plain.partition("@")
    if plain == candidate or "@" in domain or email.refine(plain, before) != ((0, len(plain)),):
        return ()
    if not _PLAIN_AT.search(candidate):
        named = (
            (_PERSON.fullmatch(local) and not _FILE.search(local))
            or _ANNOUNCED.search(before)
            or (" AT " in candidate and local.islower())
        )
        sentence = _SENTENCE_END.search(candidate) or not _HIDDEN_DOT.search(candidate)
        if not named and (sentence or _WORDS.fullmatch(domain.rpartition(".")[2])):
            return ()
        if _NO_NAME.fullmatch(local) or (_SENTENCE_END.search(candidate) and "." not in local):
            return ()
    return ((0, len(candidate)),)


EMAIL_SPACED = r"\b[A-Za-z0-9](?: [A-Za-z0-9._+-]){1,30} @ [A-Za-z0-9](?: [A-Za-z0-9-]){0,30} \.(?: [A-Za-z.]){2,12}\b"
# What follows may be a word of one letter: the ending is one of these, or two letters.
_ENDING = re.compile(r"(?:\w\w\.)?(?:com|org|net|edu|gov|mil|int|info|biz|example|test|[a-z]{2})", re.IGNORECASE)


def refine_email_spaced(candidate: str, before: str) -> Sequence[Span]:
    """The address at the candidate's start, its characters parted by blanks."""
    plain = candidate.replace(" ", "")
    at = plain.index("@")
    ending = _ENDING.match(plain, plain.index(".", at) + 1)
    if ending is None or email.refine(plain[: ending.end()], before) != ((0, ending.end()),):
        return ()
    return ((0, 2 * ending.end() - 1),)


IP_ADDRESS = rf"\b\d{{1,3}}(?:(?:{_DOT_SIGN}|{_DOT_WORD}|\.)\d{{1,3}}){{3}}\b"


def refine_ip_address(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it is an IPv4 address with dots in disguise."""
    plain = _HIDDEN_DOT.sub(".", candidate)
    return ((0, len(candidate)),) if plain != candidate and ip_address.refine_v4(plain, before) else ()


_DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBER = rf"(?:\d|oh?|{'|'.join(_DIGIT_NAMES)})"
_SEPARATOR = "(?:dash|hyphen|minus|space|dot|point) "
DIGITS = (
    rf"(?:\+ {{0,2}}|\b(?i:plus) |\( ?|\b)(?i:(?:(?:double|triple) )?{_NUMBER}"
    rf"(?:[ ,./()_-]{{1,3}}(?:{_SEPARATOR})?(?:(?:double|triple) )?{_NUMBER}){{6,18}})\b"
)
# Of digits parted by commas, which are lists, none is one: with a comma all of it must be words.
_NAMED = rf"(?:oh?|{'|'.join(_DIGIT_NAMES)})"
DIGITS_GATE = (
    rf"(?i)\b{_NUMBER}(?:[ ./()_-]{{1,3}}(?:{_SEPARATOR})?(?:(?:double|triple) )?{_NUMBER}){{6}}"
    rf"|\b{_NAMED}(?:[ ,./()_-]{{1,3}}(?:{_SEPARATOR})?(?:(?:double|triple) )?{_NAMED}){{6}}"
)
# Characters that an expression here may count: more than a user's, for it is mostly words, of which a text can only be
# in the middle of one.
MOST_POSITIONS = 2000
_NAMES = {name: str(at) for at, name in enumerate(_DIGIT_NAMES)} | {digit: digit for digit in "0123456789"}
_NAMES |= {"o": "0", "oh": "0"}
_PART = re.compile(rf"([ ,./()_-]*(?:{_SEPARATOR})?)((?:double |triple )?)([a-z]+|\d)", re.IGNORECASE)
_TIMES = {"": 1, "double ": 2, "triple ": 3}
_PLUS = re.compile(r"(?:\+|plus) *", re.IGNORECASE)
# More digits or digit words right before: a longer list.
_GOES_ON = re.compile(rf"(?:\d|\b{_NUMBER})[ ,./_-]{{1,3}}$", re.IGNORECASE)
# Ten digits that a North American number may have; as words they are hardly anything else.
_NANP = re.compile(r"1?([2-9]\d\d)([2-9]\d\d)(\d{4})")


def _digits(candidate: str) -> str | None:
    """The digits said, in groups parted by "-"; None if they stand in a list."""
    plus = _PLUS.match(candidate)
    said = [
        (separator.strip(), _NAMES[name.lower()] * _TIMES[times.lower()])
        for separator, times, name in _PART.findall(candidate, plus.end() if plus else 0)
    ]
    if "," in candidate and any(character.isdigit() for character in candidate):
        return None
    # The same sign between any two digits groups nothing.
    grouped = len({separator for separator, _ in said[1:]}) > 1
    digits = said[0][1] + "".join(("-" if separator and grouped else "") + digit for separator, digit in said[1:])
    return f"+{digits}" if plus else digits


def _spoken(refine: Refine, fewest: int, most: int) -> Refine:
    """The candidate if the digits said, grouped as they are said or not at all, are what `refine` looks for."""

    def refine_digits(candidate: str, before: str) -> Sequence[Span]:
        start = 0
        if ")" not in candidate:
            # A parenthesis that was opened before the number is not part of it.
            start = len(candidate) - len(candidate.lstrip("( "))
        said = candidate[start:]
        grouped = None if _GOES_ON.search(before) else _digits(said)
        if grouped is None:
            return ()
        joined = grouped.replace("-", "")
        if not fewest <= len(joined.lstrip("+")) <= most:
            return ()
        plain = {grouped, joined}
        if (known := _NANP.fullmatch(joined)) and not any(character.isdigit() for character in said):
            plain.add("-".join(known.groups()))
        before = (before + candidate[:start])[-CONTEXT:]
        return ((start, len(candidate)),) if any(_is_whole(each, refine(each, before)) for each in plain) else ()

    return refine_digits


def _is_whole(plain: str, spans: Sequence[Span]) -> bool:
    return list(spans) == [(0, len(plain))]


refine_card = _spoken(card.refine, 12, 19)
refine_ssn = _spoken(ssn.refine, 9, 9)
refine_phone = _spoken(phone.refine, 10, 15)

# Groups with other signs between them than the plain forms have, or with blanks around a sign. One more digit is taken
# along to see that the number goes on.
CARD_GROUPS = r"\b\d{4}(?:[ ._/*|:-]{1,3}\d{4,6}){2,3}(?:[ ._/*|:-]{1,3}\d{1,5})?\b"
SSN_GROUPS = r"\b\d{3}[ ._/-]{1,3}\d{2}[ ._/-]{1,3}\d{4}\b(?:[ ._/-]{1,3}\d)?"
PHONE_GROUPS = r"(?:(?:\+|\b)1[ ./-]{1,3})?(?:\(|\b)[2-9]\d\d\)?[ ./-]{1,3}\d{3} ?[./-] ?\d{4}\b(?:[ ./-]{1,3}\d)?"
IBAN_GROUPS = r"\b[A-Z]{2}\d{2}(?:[ ._/-]{1,3}[A-Z0-9]{4}){2,7}(?:[ ._/-]{1,3}[A-Z0-9]{1,3})?\b"
IBAN_SPACED = r"\b[A-Z] ?[A-Z] ?\d \d(?: {1,2}[A-Z0-9]){11,30}\b"
_BETWEEN = re.compile(r"[ ._/*|:()-]+")


def _regrouped(expression: str, refine: Refine, sign: str, otherwise: str | None = None) -> Refine:
    """The candidate if it is what `refine` looks for with `sign` between its groups, and not as it is written.

    `otherwise` is put there instead where the signs are no hyphens: a form for which the entity asks more.
    """
    own = re.compile(expression, re.ASCII)

    def refine_groups(candidate: str, before: str) -> Sequence[Span]:
        bare = candidate.lstrip("(")
        between = {found.strip(" ()") for found in _BETWEEN.findall(bare)} - {""}
        plain = _BETWEEN.sub(sign if between == {"-"} or otherwise is None else otherwise, bare)
        if len(between) > 1 or (own.fullmatch(candidate) and refine(candidate, before)):
            return ()
        return ((0, len(candidate)),) if _is_whole(plain, refine(plain, before)) else ()

    return refine_groups


def refine_iban_spaced(candidate: str, before: str) -> Sequence[Span]:
    """The account number at the candidate's start, its characters parted by blanks."""
    places = [at for at, character in enumerate(candidate) if character != " "]
    found = iban.refine("".join(candidate.split()), before)
    return tuple((0, places[end - 1] + 1) for _, end in found)


refine_card_groups = _regrouped(card.EXPRESSION, card.refine, "-")
refine_ssn_groups = _regrouped(ssn.EXPRESSION, ssn.refine, "-", " ")
refine_phone_groups = _regrouped(phone.EXPRESSION, phone.refine, "-")
refine_iban_groups = _regrouped(iban.EXPRESSION, iban.refine, " ")

# Entity to the expressions of its disguises.
DISGUISES: dict[str, tuple[tuple[str, Refine], ...]] = {
    "EMAIL": ((EMAIL, refine_email), (EMAIL_SPACED, refine_email_spaced)),
    "SSN": ((DIGITS, refine_ssn), (SSN_GROUPS, refine_ssn_groups)),
    "CREDIT_CARD": ((DIGITS, refine_card), (CARD_GROUPS, refine_card_groups)),
    "IBAN": ((IBAN_GROUPS, refine_iban_groups), (IBAN_SPACED, refine_iban_spaced)),
    "IP_ADDRESS": ((IP_ADDRESS, refine_ip_address),),
    "PHONE": ((DIGITS, refine_phone), (PHONE_GROUPS, refine_phone_groups)),
}
