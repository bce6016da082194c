"""Numbers of India, Singapore, South Korea and Australia."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("IN_AADHAAR", "Aadhaar 2345 6789 0124", ["2345 6789 0124"]),
        ("IN_AADHAAR", "aadhar no 234567890124", ["234567890124"]),
        ("IN_AADHAAR", "Aadhaar 2345 6789 0125", []),
        ("IN_AADHAAR", "Aadhaar 1345 6789 0124", []),
        ("IN_AADHAAR", "Aadhaar 2345 6789 0124 5678", []),
        ("IN_AADHAAR", "order 2345 6789 0124", []),
        ("IN_PAN", "PAN ABCPK1234L", ["ABCPK1234L"]),
        ("IN_PAN", "ABCXK1234L ABCPK0000L ABCPK12345L", []),
        ("IN_VOTER", "voter id ABC1234567", ["ABC1234567"]),
        ("IN_VOTER", "part ABC1234567", []),
        (
            "SG_NRIC",
            "S1234567D T1234567J F1234567N G1234567X M1234567K",
            ["S1234567D", "T1234567J", "F1234567N", "G1234567X", "M1234567K"],
        ),
        ("SG_NRIC", "S1234567E A1234567D", []),
        ("KR_RRN", "900101-1234568", ["900101-1234568"]),
        ("KR_RRN", "900101-1234567 901301-1234568", []),
        ("KR_RRN", "RRN 9001011234567", ["9001011234567"]),
        ("AU_TFN", "TFN 123 456 782", ["123 456 782"]),
        ("AU_TFN", "TFN 123 456 789", []),
        ("AU_ABN", "ABN 51 824 753 556", ["51 824 753 556"]),
        ("AU_ABN", "ABN 51 824 753 557", []),
        ("AU_MEDICARE", "Medicare 2123 45670 1", ["2123 45670 1"]),
        ("AU_MEDICARE", "Medicare 2123 45680 1", []),
    ],
)
def test_asia(found, entity, text, values):
    """A number counts with its check, and where digits alone would say too little, behind its word."""
    assert found(entity, text) == values
