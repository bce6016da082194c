"""`policy.prompt-injection`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.judging import Judging, ReadFrom, Role, ToolText
from extproc.config.model.section import Section
from extproc.config.regex import Regex


class Detection(Section):
    """What counts as an attack (the nested spelling of the fields of the same names above)."""

    embedding_threshold: float | None = Field(default=None, ge=0, le=1, description="See `threshold`.")
    attack_patterns: list[Regex] | None = Field(default=None, max_length=1000, description="See `attack_patterns`.")


class Encoding(Section):
    """Disguises that are taken off before a text is judged."""

    decode_base64: bool = Field(
        default=True, description="Judge what segments of Base64, hexadecimal or binary digits hold as well."
    )
    normalize_unicode: bool = Field(
        default=True, description="Judge compatibility forms, without invisible characters and accents."
    )
    detect_homoglyphs: bool = Field(default=True, description="Read look-alike letters of other scripts as Latin.")


class Boundaries(Section):
    """Forged conversation structure inside a message."""

    enforce_delimiters: Literal[True] = Field(default=True, description="Belongs to `reject_fake_boundaries`.")
    reject_fake_boundaries: bool = Field(
        default=True, description="Count forged role markers, chat templates and broken-out-of delimiters."
    )


class Response(Section):
    """What happens to a request that is judged an attack."""

    action: Literal["block", "log"] | None = Field(default=None, description="See `action`.")
    message: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="What the client is told.",
        examples=["Request blocked: potential prompt injection detected"],
    )
    log_level: Literal["warn"] | None = Field(default=None, description="The one level that there is.")


class PromptInjection(Judging):
    """Scores what comes in for attempts to override the instructions."""

    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Probability from which a text is an attack, 0 to 1; lower flags more. Default 0.8.",
        examples=[0.8],
    )
    embedding_threshold: float | None = Field(default=None, ge=0, le=1, description="Another name of `threshold`.")
    thresholds: dict[Role | ToolText, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        default=None,
        description="Other thresholds for texts of some places: of a kind of tool text, else of a role. They must be "
        "places that are read.",
        examples=[{"tool_result": 0.6}],
    )
    action: Literal["block", "log"] | None = Field(
        default=None, description="`block` refuses the request; `log` only records the finding. Default `block`."
    )
    backend: Literal["local"] | None = Field(default=None, description="Where texts are scored: in this process.")
    attack_patterns: list[Regex] | None = Field(
        default=None,
        max_length=1000,
        description="Further regexes (RE2) that make a text an attack by themselves; the built-in model stays.",
        examples=[["(?i)reveal.*system.*prompt"]],
    )
    detection: Detection | None = Field(default=None, description="Nested spelling of threshold and patterns.")
    encoding: Encoding = Field(default=Encoding(), description="Disguises that are taken off first.")
    boundaries: Boundaries = Field(default=Boundaries(), description="Forged conversation structure.")
    response: Response | None = Field(default=None, description="What happens to an attack.")
    apply_to: ReadFrom | None = Field(
        default=None,
        description="Which texts of a request it reads. Default: user and tool; definitions of tools that you did not "
        "write yourself are worth adding.",
        examples=[{"tools": ["tool_result", "tool_definition"]}],
    )
