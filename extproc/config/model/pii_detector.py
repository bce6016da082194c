"""`policy.pii-detector`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.judging import Placed
from extproc.config.model.section import Section
from extproc.config.one_of import OneOf
from extproc.config.regex import Regex
from extproc.policies.pii.detector import DEFAULT, ENTITIES, HEALTHCARE, PCI

# What `detect_patterns` find is called CUSTOM.
Entity = Annotated[str, OneOf(ENTITIES)]
Marked = Annotated[str, OneOf((*ENTITIES, "CUSTOM"))]


class Redaction(Section):
    """How a finding is replaced."""

    marker_format: Literal["label", "asterisks", "partial"] = Field(
        default="label",
        description="`label` writes [EMAIL_REDACTED], `asterisks` stars; `partial` keeps the last four characters.",
    )
    include_metadata: bool = Field(
        default=True, description="`false` writes [REDACTED], which does not say what was there."
    )
    preserve_length: bool = Field(default=False, description="Make the replacement as long as what it replaces.")
    custom_markers: dict[Marked, Annotated[str, Field(max_length=200)]] = Field(
        default={}, description="Marker by entity, instead of the format's.", examples=[{"EMAIL": "<email>"}]
    )
    reversible: bool = Field(
        default=False,
        description="Write [EMAIL_1], [EMAIL_2], ... into requests, by value, and put the values back into the answer. "
        "Needs `action: redact`, and no other setting beside it: what a model makes up is marked in the default way.",
    )


class PiiDetector(Placed):
    """Finds personal data in requests and answers."""

    action: Literal["redact", "block"] = Field(
        default="redact", description="`redact` replaces what is found and goes on; `block` refuses."
    )
    entities: list[Entity] | None = Field(
        default=None,
        min_length=1,
        description=f"What to look for, any of {', '.join(ENTITIES)}. Default: {', '.join(DEFAULT)}, which their form "
        "or checksum tells apart by themselves, and what `pci_mode` says. Most of the others count only behind a word "
        "that says what they are.",
        examples=[["EMAIL", "PHONE", "SSN", "CREDIT_CARD"]],
    )
    healthcare_mode: bool = Field(default=False, description=f"Also {', '.join(HEALTHCARE)}, whatever `entities` says.")
    pci_mode: bool = Field(
        default=True,
        description=f"Also {', '.join(PCI)}: card numbers with a valid checksum, and what stands beside them. Counts "
        "only when `entities` is not given.",
    )
    detect_patterns: list[Regex] = Field(
        default=[], max_length=1000, description="Further regexes (RE2); matches count as entity CUSTOM."
    )
    redaction: Redaction = Field(default=Redaction(), description="How a finding is replaced.")
