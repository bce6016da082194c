"""Numbers of patients, providers and insurances."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("MEDICAL_RECORD", "MRN 00123456", ["00123456"]),
        ("MEDICAL_RECORD", "patient ID: AHC-123456 and 77", ["AHC-123456"]),
        ("MEDICAL_RECORD", "patient 00123456", []),
        ("MEDICAL_RECORD", "MRN no. 00123456", ["00123456"]),
        ("HEALTH_INSURANCE_ID", "Member ID: XYZ123456789", ["XYZ123456789"]),
        ("HEALTH_INSURANCE_ID", "insurance policy #12345-LK", ["12345-LK"]),
        ("HEALTH_INSURANCE_ID", "insurance policy of 2024", []),
        ("US_NPI", "NPI: 1234567893", ["1234567893"]),
        ("US_NPI", "NPI: 1234567894, 1111111112", []),
        ("US_NPI", "1234567893", []),
        ("US_DEA", "DEA AB1234563", ["AB1234563"]),
        ("US_DEA", "AB1234564", []),
        ("US_MBI", "1EG4-TE5-MK73 and 1EG4TE5MK73", ["1EG4-TE5-MK73", "1EG4TE5MK73"]),
        ("US_MBI", "1SG4-TE5-MK73", []),
    ],
)
def test_health(found, entity, text, values):
    """A number counts with its check or behind its word."""
    assert found(entity, text) == values
