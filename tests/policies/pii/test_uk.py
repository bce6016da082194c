"""Numbers of the United Kingdom."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("UK_NHS", "NHS number: 943 476 5919", ["943 476 5919"]),
        ("UK_NHS", "NHS 943 476 5918", []),
        ("UK_NHS", "call 943 476 5919", []),
        ("UK_NINO", "it is AB123456C.", ["AB123456C"]),
        ("UK_NINO", "AB 12 34 56 C", ["AB 12 34 56 C"]),
        ("UK_NINO", "nino: ab 123456 c", ["ab 123456 c"]),
        ("UK_NINO", "ab123456c", []),
        ("UK_NINO", "GB123456C QQ123456C AB123456E AB123456CD", []),
        ("UK_UTR", "UTR 11234 56789", ["11234 56789"]),
        ("UK_UTR", "your tax reference is 1123456789K", ["1123456789K"]),
        ("UK_UTR", "UTR 2123456789", []),
        ("UK_UTR", "ticket 1123456789", []),
    ],
)
def test_uk(found, entity, text, values):
    """A number counts with its check or form, and where digits alone would say too little, behind its word."""
    assert found(entity, text) == values
