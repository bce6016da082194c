"""The pii-detector's settings, and all entities at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.chain import Chain
from extproc.policies.pii import asia, europe, health, person, things, uk, us
from extproc.policies.pii.detector import DEFAULT, ENTITIES, HEALTHCARE, PCI, build
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
TEXT = "bob@example.com, 415-555-2671, 123-45-6789, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 203.0.113.7"

EVERYTHING = Chain((build({"entities": list(ENTITIES)}),))


def judge(chosen, text=TEXT):
    return Chain((build(chosen),)).judge([Text(PLACE, text)])


@pytest.mark.parametrize(
    ("chosen", "entities"),
    [
        ({}, ["EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IBAN", "IP_ADDRESS"]),
        ({"pci_mode": False}, ["EMAIL", "PHONE", "SSN", "IBAN", "IP_ADDRESS"]),
        ({"entities": ["SSN", "EMAIL"]}, ["EMAIL", "SSN"]),
        ({"entities": ["CREDIT_CARD"], "pci_mode": False}, ["CREDIT_CARD"]),
        ({"entities": ["SSN"], "detect_patterns": ["bob"]}, ["CUSTOM", "SSN"]),
    ],
)
def test_entities(chosen, entities):
    """`entities` filters; without it all are on, cards as `pci_mode` says; custom patterns are always on."""
    assert [finding.entity for finding in judge(chosen).findings] == entities


def test_redaction():
    """Each value becomes its marker, and nothing else changes."""
    assert judge({}).texts == (
        ", ".join(f"[{name}_REDACTED]" for name in ("EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IBAN", "IP_ADDRESS")),
    )


def test_block():
    """`action: block` refuses and names the entity, not the value."""
    block = judge({"action": "block"}).block
    assert (block.policy, block.rule) == ("pii-detector", "EMAIL")
    assert "bob" not in block.message


def test_reversible():
    """In a request values become placeholders; what is found in an answer is marked, since nobody there gave it."""
    chain = Chain((build({"redaction": {"reversible": True}, "entities": ["EMAIL", "SSN"]}),))
    asked, answered = (
        chain.judge([Text(Place(phase, "user"), TEXT)]).texts[0] for phase in (Phase.REQUEST, Phase.RESPONSE)
    )
    assert asked.startswith("[EMAIL_1], 415-555-2671, [SSN_1], 4111")
    assert answered.startswith("[EMAIL_REDACTED], 415-555-2671, [SSN_REDACTED], 4111")


VALUES = st.sampled_from(
    [
        "bob@example.com",
        "415-555-2671",
        "+1 (415) 555-2671",
        "123-45-6789",
        "4111 1111 1111 1111",
        "378282246310005",
        "DE89 3704 0044 0532 0130 00",
        "203.0.113.7",
        "2001:db8::1",
        "Order #6213582421",
        "ssn 123 45 6789",
        "phone 4155552671",
        "1.2.3.4.5",
        "jörg@bücher.example",
        "x@y",
        "jane at example dot com",
        "jane [at] example.com",
        "four one one one one one one one one one one one one one one one",
        "1 2 3 - 4 5 - 6 7 8 9",
        "１２３-４５-６７８９",
        "203[.]0[.]113[.]7",
        "4111\u200b1111\u00a01111 1111",
        "12",
        "\ud83d",
    ]
)
GLUE = st.sampled_from(
    ["", " ", ", ", "-", ".", "@", "\n", "1", "a", " 4", "é", ": ", " at ", " dot com", "—", "\u200b"]
)


@given(st.lists(st.tuples(GLUE, VALUES), max_size=4), GLUE, st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_streams_equal_whole_texts(pieces, end, size):
    """With the built-in entities too, a stream delivers what the unary path delivers, whatever stands next to what."""
    chain = Chain((build({}),))
    text = "".join(glue + value for glue, value in pieces) + end
    window = chain.window(PLACE)
    out = "".join(window.push(text[at : at + size]).text for at in range(0, len(text), size)) + window.finish().text
    assert out == chain.judge([Text(PLACE, text)]).texts[0]


def test_table_is_complete():
    """The four entities of the printed configuration are there, and every default and mode names what exists."""
    assert {"EMAIL", "PHONE", "SSN", "CREDIT_CARD"} <= set(ENTITIES)
    assert {*DEFAULT, *PCI, *HEALTHCARE} <= set(ENTITIES)


@pytest.mark.parametrize(
    ("chosen", "entities"),
    [
        ({}, ["CREDIT_CARD_CVV"]),
        ({"pci_mode": False}, []),
        ({"healthcare_mode": True}, ["CREDIT_CARD_CVV", "US_NPI"]),
        ({"entities": ["EMAIL"], "healthcare_mode": True}, ["US_NPI"]),
        ({"entities": ["DATE_OF_BIRTH"]}, ["DATE_OF_BIRTH"]),
    ],
)
def test_modes(chosen, entities):
    """`pci_mode` counts while `entities` is not given; `healthcare_mode` adds to whatever is looked for."""
    text = "cvv 123, NPI 1234567893, born on 1980-05-04"
    assert [finding.entity for finding in judge(chosen, text).findings] == entities


MORE = st.sampled_from(
    [
        "ITIN 912-70-1234",
        "passport no. A12345678",
        "NHS 943 476 5919",
        "AB 12 34 56 C",
        "ABCPK1234L",
        "Aadhaar 2345 6789 0124",
        "S1234567D",
        "12345678Z",
        "2 55 08 14 168 025 38",
        "756.9217.0769.85",
        "131052-308T",
        "111.444.777-35",
        "00:1B:44:11:3A:B7",
        "1M8GDM9AXKP042788",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BIC is DEUTDEFF500",
        "https://anna:s3cr3t@db.example",
        "born on 4 May 1980",
        "cvv: 123",
        "card 4111 1111 1111 1111 exp 04/27",
        "MRN no. 00123456",
        "Member ID: XYZ123456789",
        "NPI: 1234567893",
        "policy",
        "\u212a",
    ]
)


@given(st.lists(st.tuples(GLUE, MORE | VALUES), max_size=4), GLUE, st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_streams_of_every_entity_equal_whole_texts(pieces, end, size):
    """With every entity on, a stream still delivers what the unary path delivers."""
    text = "".join(glue + value for glue, value in pieces) + end
    window = EVERYTHING.window(PLACE)
    out = "".join(window.push(text[at : at + size]).text for at in range(0, len(text), size)) + window.finish().text
    assert out == EVERYTHING.judge([Text(PLACE, text)]).texts[0]


NEW = [
    (name, source, refine)
    for family in (us, uk, asia, europe, things, person, health)
    for name, rules in family.ENTITIES.items()
    for source, refine in rules
]


@pytest.mark.parametrize(("name", "source", "refine"), NEW)
@given(data=st.data(), before=st.sampled_from(["", "a-", "SIN ", "IdNr. ", "passport no. "]) | st.text(max_size=48))
@settings(max_examples=30, deadline=None)
def test_refinements_never_raise(name, source, refine, data, before):
    """Whatever an expression matches, its refinement names a part of it or nothing, and never raises."""
    candidate = data.draw(st.from_regex(re.compile(source, re.ASCII), fullmatch=True), label=name)
    assert all(0 <= start < end <= len(candidate) for start, end in refine(candidate, before))
