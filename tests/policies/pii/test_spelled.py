"""Values in words and with unusual signs: found as a whole, and no ordinary sentence with them."""

from __future__ import annotations

import pytest

from extproc.policies.chain import Chain
from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
CHAIN = Chain((build({}),))

FOUND = [
    ("EMAIL", "", "jane at example dot com"),
    ("EMAIL", "mail ", "jane [at] example (dot) com"),
    ("EMAIL", "", "jane(at)example.com"),
    ("EMAIL", "", "jane_doe AT example DOT co DOT uk"),
    ("EMAIL", "", "jane dot doe at gmail dot com"),
    ("EMAIL", "", "jane underscore doe at mailbox dot org"),
    ("EMAIL", "", "john.smith at gmail.com"),
    ("EMAIL", "my email is ", "zoe at gmail.com"),
    ("EMAIL", "", "john42 at proton dot me"),
    ("EMAIL", "", "jane @ example . com"),
    ("EMAIL", "", "jane[@]example[.]com"),
    ("EMAIL", "", "jane&#64;example&period;com"),
    ("EMAIL", "", "jane%40example.com"),
    ("EMAIL", "escriba a ", "juana arroba ejemplo punto com"),
    ("EMAIL", "", "jane@ example.com"),
    ("EMAIL", "", "jane AT example.com"),
    ("EMAIL", "", "j a n e . d @ e x a m p l e . c o m"),
    ("EMAIL", "", "j a n e @ e x a m p l e . c o . u k"),
    ("IP_ADDRESS", "", "203[.]0[.]113[.]7"),
    ("IP_ADDRESS", "", "203 dot 0 dot 113 dot 7"),
    ("CREDIT_CARD", "", "four one one one one one one one one one one one one one one one"),
    ("CREDIT_CARD", "", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
    ("CREDIT_CARD", "", "4111.1111.1111.1111"),
    ("CREDIT_CARD", "", "4111 - 1111 - 1111 - 1111"),
    ("SSN", "", "one two three dash four five dash six seven eight nine"),
    ("SSN", "", "One two three, four five, six seven eight nine"),
    ("SSN", "", "one two three hyphen four five hyphen triple six seven"),
    ("SSN", "my ssn (", "one two three four five six seven eight nine"),
    ("SSN", "", "123 - 45 - 6789"),
    ("SSN", "SSN ", "123/45/6789"),
    ("PHONE", "", "four one five, double five five, two six seven one"),
    ("PHONE", "Sie ", "( 4 1 5 ) 5 5 5 - 2 6 7 1"),
    ("PHONE", "call ", "plus four four two zero seven nine four six oh nine five eight"),
    ("PHONE", "", "1 - 415 - 555 - 2671"),
    ("PHONE", "", "(415) 555 - 2671"),
    ("PHONE", "fine, ", "four one five five five five two six seven one"),
    ("IBAN", "", "DE89.3704.0044.0532.0130.00"),
    ("IBAN", "", "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0"),
    ("EMAIL", "", "ｊａｎｅ at example dot com"),
]


@pytest.mark.parametrize(("entity", "before", "value"), FOUND)
@pytest.mark.parametrize("size", [None, 1, 5])
def test_found(entity, before, value, size):
    """The whole value and nothing else is replaced, in a whole text and in a stream."""
    text = f"{before}{value}; and on"
    if size is None:
        passed = CHAIN.judge([Text(PLACE, text)]).texts[0]
    else:
        window = CHAIN.window(PLACE)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        passed = "".join(window.push(piece).text for piece in pieces) + window.finish().text
    assert passed == f"{before}[{entity}_REDACTED]; and on"


@pytest.mark.parametrize(
    "text",
    [
        "look at the dot in the corner",
        "visit us at example dot com",
        "see index.html at example.com",
        "they shoot at them . And then",
        "available at shop.example.com",
        "the meeting is at noon. Come early",
        "one two three four five six seven eight nine ten",
        "[5, 3, 2, 4, 7, 1, 1, 2, 9, 4, 4, 8, 0, 1, 2, 3]",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "1 0 1 1 0 1 0 1 1 0 1 1 0 1 0 1 1 0 1 1 0 1 0 1 1 0",
        "3 - 2 - 1, version 1 . 2 . 3",
        "500/20/1000",
        "370 860 1550 1234 1500",
        "370  160  1550",
        "IN 20 of 30 CASES",
    ],
)
def test_passed(text):
    """Sentences, lists and sums that look a little like it pass."""
    assert CHAIN.judge([Text(PLACE, text)]).findings == ()


def test_plain_values_are_found_once():
    """The expressions for disguises leave plain values to the entity's own."""
    plain = "bob@example.com, 415-555-2671, 123-45-6789, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 203.0.113.7"
    found = build({}).judge([Text(PLACE, plain)])[0].findings
    assert len(found) == len(set(found)) == 6
