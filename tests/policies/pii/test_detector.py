"""The pii-detector's settings, and all entities at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.chain import Chain
from extproc.policies.pii.detector import ENTITIES, build
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
TEXT = "bob@example.com, 415-555-2671, 123-45-6789, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, 203.0.113.7"


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
    """The four entities of the printed configuration are there."""
    assert {"EMAIL", "PHONE", "SSN", "CREDIT_CARD"} <= set(ENTITIES)
