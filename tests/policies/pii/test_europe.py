"""Numbers of the European continent, and Brazil."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("entity", "text", "values"),
    [
        ("ES_NIF", "12345678Z, 12345678-z", ["12345678Z", "12345678-z"]),
        ("ES_NIF", "12345678A", []),
        ("ES_NIE", "X1234567L", ["X1234567L"]),
        ("ES_NIE", "X1234567M", []),
        ("IT_FISCAL_CODE", "RSSMRA85T10A562S and rssmra85t10a562s", ["RSSMRA85T10A562S", "rssmra85t10a562s"]),
        ("IT_FISCAL_CODE", "RSSMRA85T10A562T", []),
        ("PL_PESEL", "PESEL: 44051401359", ["44051401359"]),
        ("PL_PESEL", "PESEL 44051401358, 44991401359", []),
        ("PL_PESEL", "44051401359", []),
        ("FR_NIR", "2 55 08 14 168 025 38", ["2 55 08 14 168 025 38"]),
        ("FR_NIR", "255082A16802597", ["255082A16802597"]),
        ("FR_NIR", "2 55 08 14 168 025 39", []),
        ("FR_NIR", "2 55 08 14 168 025 38 12", []),
        ("DE_TAX_ID", "Steuer-ID 86 095 742 719", ["86 095 742 719"]),
        ("DE_TAX_ID", "Steuer-ID 86 095 742 718", []),
        ("DE_TAX_ID", "86 095 742 719", []),
        ("CH_AHV", "756.9217.0769.85", ["756.9217.0769.85"]),
        ("CH_AHV", "756.9217.0769.86", []),
        ("FI_HETU", "131052-308T, 131052A308T", ["131052-308T", "131052A308T"]),
        ("FI_HETU", "131052-308U 133052-308T", []),
        ("SE_PERSONNUMMER", "personnummer 811228-9874", ["811228-9874"]),
        ("SE_PERSONNUMMER", "personnummer 198112289874", ["198112289874"]),
        ("SE_PERSONNUMMER", "personnummer 811228-9875", []),
        ("NL_BSN", "BSN 111222333", ["111222333"]),
        ("NL_BSN", "BSN 111222334", []),
        ("BR_CPF", "111.444.777-35", ["111.444.777-35"]),
        ("BR_CPF", "111.444.777-36 111.111.111-11", []),
    ],
)
def test_europe(found, entity, text, values):
    """A number counts with its check, and where digits alone would say too little, behind its word."""
    assert found(entity, text) == values
