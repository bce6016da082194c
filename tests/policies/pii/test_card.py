"""CREDIT_CARD: brands, lengths, checksums and groups; not other long numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.pii.card import luhn
from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["CREDIT_CARD"]})


def cards(text):
    """What is found."""
    found = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    return [text[finding.start : finding.end] for finding in found]


# The payment processors' published test numbers.
@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "5105 1051 0510 5100",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "30569309025904",
        "3056 930902 5904",
        "3530111333300000",
        "6200000000000005",
    ],
)
@pytest.mark.parametrize("around", ["{}", "card: {}.", '{{"pan":"{}"}}', "{} 12/29", "卡{}号"])
def test_found(number, around):
    """Every brand is found, in groups or not, whole and alone."""
    assert cards(around.format(number)) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000000000000000",
        "1234567812345670",
        "order 41111111111111111111111",
        "a4111111111111111",
        "x-4111111111111111",
        "4111111111111111b",
        "ISBN 4111111111111111",
        "41 11 11 11 11 11 11 11",
        "GB33 BUKB 4111 1111 1111 1111",
        "0.4111111111111111",
    ],
)
def test_passed(text):
    """A failed checksum, an unknown brand, odd groups or a longer name is no card."""
    assert cards(text) == []


def test_several_in_a_row():
    """Cards that follow each other are told apart."""
    assert cards("4111 1111 1111 1111 5555555555554444") == ["4111 1111 1111 1111", "5555555555554444"]


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_luhn_finds_every_single_error(digits):
    """Of the ten last digits exactly one is right."""
    assert sum(luhn(digits + last) for last in "0123456789") == 1
