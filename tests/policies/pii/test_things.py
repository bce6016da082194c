"""Devices, vehicles, wallets, banks and logins."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        (
            "MAC_ADDRESS",
            "00:1B:44:11:3A:B7, 00-1b-44-11-3a-b7, 001b.4411.3ab7",
            ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"],
        ),
        ("MAC_ADDRESS", "00:1B:44:11:3A:B7:00 ff:ff:ff:ff:ff:ff", []),
        ("MAC_ADDRESS", "12:34:56", []),
        ("VIN", "1M8GDM9AXKP042788", ["1M8GDM9AXKP042788"]),
        ("VIN", "1M8GDM9A1KP042788", []),
        ("VIN", "VIN: WVWZZZ1JZXW000001", ["WVWZZZ1JZXW000001"]),
        ("VIN", "WVWZZZ1JZXW000001", []),
        ("VIN", "key-1M8GDM9AXKP042788", []),
        ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
        ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", []),
        ("CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]),
        ("CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5 bc1qqqqbio", []),
        (
            "CRYPTO",
            "ETH wallet 0x52908400098527886E0F7030069857D2E4169EE7",
            ["0x52908400098527886E0F7030069857D2E4169EE7"],
        ),
        ("CRYPTO", "commit 0x52908400098527886E0F7030069857D2E4169EE7", []),
        ("SWIFT_CODE", "SWIFT: DEUTDEFF500", ["DEUTDEFF500"]),
        ("SWIFT_CODE", "BIC is DEUTDEFF.", ["DEUTDEFF"]),
        ("SWIFT_CODE", "SWIFT DEUTZZFF, DEUTDEFF", []),
        ("SWIFT_CODE", "DEUTDEFF", []),
        ("URL_CREDENTIALS", "see https://anna:s3cr3t@db.example/x", ["anna:s3cr3t"]),
        ("URL_CREDENTIALS", "https://user:password@db.example https://u:$PASS@x https://db.example:8080/@x", []),
    ],
)
def test_things(found, entity, text, values):
    """An identifier counts with its checksum or form, and not as a part of something longer."""
    assert found(entity, text) == values
