"""Days of birth, and what stands beside a card number."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("DATE_OF_BIRTH", "born on 4 May 1980", ["4 May 1980"]),
        ("DATE_OF_BIRTH", "DOB: 05/04/1980", ["05/04/1980"]),
        ("DATE_OF_BIRTH", "date of birth May 4th, 1980", ["May 4th, 1980"]),
        ("DATE_OF_BIRTH", '"dob": "1980-05-04"', ["1980-05-04"]),
        ("DATE_OF_BIRTH", "released on 4 May 1980", []),
        ("DATE_OF_BIRTH", "She was born. On 4 May 1980 it rained", []),
        ("CREDIT_CARD_CVV", "cvv: 123", ["123"]),
        ("CREDIT_CARD_CVV", "the card security code is 1234", ["1234"]),
        ("CREDIT_CARD_CVV", "cvv: 12345", []),
        ("CREDIT_CARD_CVV", "code 123", []),
        ("CREDIT_CARD_EXPIRY", "card 4111 1111 1111 1111 exp 04/27", ["04/27"]),
        ("CREDIT_CARD_EXPIRY", "my Visa, valid thru 4/2027", ["4/2027"]),
        ("CREDIT_CARD_EXPIRY", "the offer is valid through 04/27", []),
        ("CREDIT_CARD_EXPIRY", "card 04/27", []),
    ],
)
def test_person(found, entity, text, values):
    """A date or a few digits count only behind the words that say what they are."""
    assert found(entity, text) == values
