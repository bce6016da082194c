"""Numbers of the United States and Canada: their checks, and the words that have to stand before them."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("US_ITIN", "ITIN: 912-70-1234", ["912-70-1234"]),
        ("US_ITIN", "tax id 912701234, and more", ["912701234"]),
        ("US_ITIN", "912-70-1234", []),
        ("US_ITIN", "ITIN 912-66-1234 912-49-1234 812-70-1234", []),
        ("US_BANK_ROUTING", "routing number 011000015.", ["011000015"]),
        ("US_BANK_ROUTING", "ABA 0110-0001-5", ["0110-0001-5"]),
        ("US_BANK_ROUTING", "routing number 011000016", []),
        ("US_BANK_ROUTING", "routing number 000000000 and 500000005", []),
        ("US_BANK_ROUTING", "invoice 011000015", []),
        ("US_PASSPORT", "passport no. A12345678", ["A12345678"]),
        ("US_PASSPORT", "my passport is 123456789", ["123456789"]),
        ("US_PASSPORT", "part A12345678", []),
        ("PASSPORT", "Passport: KX2345678", ["KX2345678"]),
        ("PASSPORT", "passport renewed in 2024", []),
        ("US_DRIVER_LICENSE", "driver's license D123-456-78-901", ["D123-456-78-901"]),
        ("US_DRIVER_LICENSE", "DL: F1234567", ["F1234567"]),
        ("US_DRIVER_LICENSE", "order F1234567", []),
        ("BANK_ACCOUNT", "checking account 12345 678901", ["12345 678901"]),
        ("BANK_ACCOUNT", "account no: 12345678", ["12345678"]),
        ("BANK_ACCOUNT", "account no: 00000000", []),
        ("BANK_ACCOUNT", "12345678", []),
        ("CA_SIN", "SIN 046 454 286", ["046 454 286"]),
        ("CA_SIN", "social insurance number 046454286", ["046454286"]),
        ("CA_SIN", "SIN 046 454 287", []),
        ("CA_SIN", "a sinful 046 454 286", []),
        ("CA_HEALTH_NUMBER", "OHIP 9998-887-773", ["9998-887-773"]),
        ("CA_HEALTH_NUMBER", "OHIP 9998-887-774", []),
    ],
)
def test_us(found, entity, text, values):
    """A number counts with its check and behind its word; not without either, nor as a part of a longer one."""
    assert found(entity, text) == values
