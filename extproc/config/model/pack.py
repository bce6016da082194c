"""`pack`: the configuration's own name and version."""

from __future__ import annotations

from pydantic import Field

from extproc.config.model.section import Section

# https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string, without its groups.
SEMVER = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)


class Pack(Section):
    """Name and version of this configuration; they stand in logs, audit records and /keeptrusts/config."""

    name: str = Field(min_length=1, max_length=200, description="Human name of this configuration.")
    version: str = Field(
        pattern=SEMVER,
        max_length=200,
        description="Version of this configuration, SemVer (MAJOR.MINOR.PATCH). Recorded with every decision.",
        examples=["1.0.0"],
    )
    enabled: bool = Field(
        description="Master switch. `false` refuses all traffic; it never lets traffic pass unguarded."
    )
    id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Stable machine identifier. Default: derived from `name`.",
    )
    author: str = Field(default="", max_length=200, description="Who answers for this configuration.")
    description: str = Field(default="", max_length=2000, description="What this configuration is for.")
