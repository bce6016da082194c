"""Facts of a person that are no number of an authority: the day of birth, and what stands on a payment card."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from extproc.policies.base import CONTEXT, Refine, Span
from extproc.policies.pii.labelled import anything, behind, number, words

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    r"(?i)\b(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -]{_MONTH}\.?,?[ -]\d{{4}}"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})\b"
)
_BORN = words(
    r"born(?: on)?", r"birth(?:day|date|[ _]date)?", r"date[ _]of[ _]birth", r"D\.?O\.?B\.?", "geboren(?: am)?",
    "naissance", "nacimiento", "nascita", reach=24,
)  # fmt: skip

EXPIRY = r"\b(?:0?[1-9]|1[0-2]) ?[/-] ?(?:20)?\d\d\b"
_EXPIRES = re.compile(r"\b(?:exp(?:\b|ir\w+)|valid (?:thru|until|through|to)|good thru)[^\n\d]{0,16}$", re.IGNORECASE)
# Any two numbers with a stroke or hyphen between them look like one.
EXPIRY_GATE = rf"(?i)\b(?:exp(?:\b|ir)|valid (?:thru|until|through|to)|good thru)[^\n\d]{{0,{CONTEXT}}}{EXPIRY}"
_CARD = re.compile(r"\b(?:card|visa|master ?card|amex|cc|pan)\b|\d{4}[ -]?\d{2,6}\b", re.IGNORECASE)


def expiry(candidate: str, before: str) -> Sequence[Span]:
    """Month and year behind a word that says until, if a card is spoken of before it."""
    said = _EXPIRES.search(before)
    return ((0, len(candidate)),) if said and _CARD.search(before[: said.start()]) else ()


ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "DATE_OF_BIRTH": ((_DATE, number(anything, _BORN)),),
    "CREDIT_CARD_CVV": (
        behind(
            r"cvv2?|cvc2?|cvn2?|card (?:verification|security) (?:code|value|number)", r"\b\d{3,4}\b", bool, reach=10
        ),
    ),
    "CREDIT_CARD_EXPIRY": ((EXPIRY, expiry),),
}
