"""What `healthcare_mode` adds: numbers of patients, providers and insurances."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.policies.base import Refine
from extproc.policies.pii.card import luhn
from extproc.policies.pii.checks import weighted
from extproc.policies.pii.labelled import END, behind, number, words


def is_npi(digits: str) -> bool:
    """A national provider identifier: Luhn's digit with 80840 in front (45 CFR 162.406)."""
    return len(digits) == 10 and digits[0] in "12" and len(set(digits)) > 2 and luhn("80840" + digits)


def is_dea(text: str) -> bool:
    """A registration number of the Drug Enforcement Administration: two letters, six digits and their check digit."""
    digits = text[2:]
    return weighted(digits, (1, 2, 1, 2, 1, 2)) % 10 == int(digits[6])


def has_digits(text: str) -> bool:
    """An identifier of no common form; four digits are a year more often."""
    return len(text) <= 16 and sum(map(str.isdigit, text)) >= 5


# https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi-format.pdf: no S, L, O, I, B, Z.
_L = "[AC-HJKMNP-RT-Y]"
_A = "[0-9AC-HJKMNP-RT-Y]"

ENTITIES: Mapping[str, tuple[tuple[str, Refine], ...]] = {
    "MEDICAL_RECORD": (
        behind(
            r"MRNs?|medical (?:record|file|chart)s?|patient (?:id|number|no|file)|chart (?:no|number)",
            rf"\b[A-Z]{{0,6}}-?\d{{4,10}}(?:-\d{{1,4}})?{END}",
            has_digits,
            reach=20,
        ),
    ),
    "HEALTH_INSURANCE_ID": (
        behind(
            r"(?:insurance|plan|policy|policyholder|beneficiary|subscriber|member)"
            r" (?:id|number|no|code|policy|card)|HICN",
            rf"\b[A-Z]{{0,4}}-?\d{{3,12}}(?:-?[A-Z0-9]{{1,6}}){{0,2}}{END}",
            has_digits,
            reach=16,
        ),
    ),
    "US_NPI": (
        (
            rf"\b[12]\d{{3}}-?\d{{3}}-?\d{{3}}{END}",
            number(is_npi, words("NPI", r"(?:national )?provider(?: \w+)?", "prescriber")),
        ),
    ),
    "US_DEA": ((r"\b[ABFGMPRX][A-Z9]\d{7}\b", number(is_dea)),),
    "US_MBI": ((rf"\b[1-9]{_L}{_A}\d-?{_L}{_A}\d-?{_L}{{2}}\d\d\b", number(bool)),),
}
