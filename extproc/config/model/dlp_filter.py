"""`policy.dlp-filter`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.judging import Placed
from extproc.config.model.section import Section
from extproc.config.regex import Regex


class Pattern(Section):
    """One named rule."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="Names the rule in refusals, audit records and the marker: `aws-key` gives [AWS_KEY_REDACTED].",
        examples=["aws-access-key"],
    )
    regex: Regex = Field(
        description="RE2 syntax: no look-around, no back-references, and no input that makes it slow.",
        examples=["AKIA[A-Z0-9]{16}"],
    )
    action: Literal["redact", "block"] | None = Field(
        default=None, description="What a match does. Default: the policy's `action`."
    )


class DlpFilter(Placed):
    """Keeps secrets and terms of your own from passing, in requests and answers."""

    patterns: list[Pattern] = Field(default=[], max_length=1000, description="Named regexes, each with its action.")
    detect_patterns: list[Regex] = Field(default=[], max_length=1000, description="Regexes (RE2) without a name.")
    blocked_terms: list[Annotated[str, Field(min_length=1, max_length=1000)]] = Field(
        default=[], max_length=10_000, description="Literal terms, found in any case.", examples=[["project zephyr"]]
    )
    secrets: bool = Field(
        default=False,
        description="Also look for credentials: keys and tokens of known issuers, private keys, JWTs, passwords in "
        "URLs and connection strings, and random values behind names such as api_key. Digests, UUIDs, paths and "
        "base64 text pass.",
    )
    action: Literal["redact", "block"] = Field(
        default="redact", description="What a match does unless the pattern says otherwise."
    )
    fuzzy_matching: bool = Field(
        default=False,
        description="Whether terms are also found with a few letters changed, added or left out, or words joined. "
        "Terms over 64 characters, and those of scripts written without blanks, are found exactly.",
    )
    max_distance: int = Field(
        default=1,
        ge=0,
        le=8,
        description="With `fuzzy_matching`, how many letters may differ (Levenshtein). Every term must be longer than "
        "twice that; above 2 there may be 100 terms, each of at least 3 letters for every edit and 3 more.",
    )
    sensitivity_level: Literal["standard", "high", "restricted"] = Field(
        default="standard",
        description="Classification markings to look for, treated as `action` says. `high`: banners such as "
        "SECRET//NOFORN, TLP:RED, a line that is nothing but a marking, `Classification: Confidential`. `restricted`: "
        "also markings of several words in running text, such as `for internal use only`.",
    )
