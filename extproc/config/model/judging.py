"""What the policies that judge text have in common: `mode`, `fail` and `apply_to`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.model.section import Section

Phase = Literal["request", "response"]
Role = Literal["system", "developer", "user", "assistant", "tool"]
ToolText = Literal["tool_arguments", "tool_result", "tool_definition"]


class ReadFrom(Section):
    """Which texts of a request a policy reads."""

    roles: list[Role] | None = Field(
        default=None,
        max_length=5,
        description="Whose messages are read. Prompts and texts to embed count as the user's, and so does a role that "
        "is none of these. Default: all; of prompt-injection user and tool.",
        examples=[["user", "tool"]],
    )
    tools: list[ToolText] | None = Field(
        default=None,
        max_length=3,
        description="Which texts of tools are read, whatever `roles` says; `[]` for none. Default: results with the "
        "role tool, arguments with assistant, definitions with system.",
        examples=[["tool_arguments", "tool_result"]],
    )


class ApplyTo(ReadFrom):
    """Which texts a policy reads; what is not said here is as without `apply_to`."""

    phases: list[Phase] | None = Field(
        default=None,
        min_length=1,
        max_length=2,
        description="Requests, answers (streams included), or both. Default: both.",
        examples=[["request"]],
    )


class Judging(Section):
    """A policy that judges text."""

    mode: Literal["enforce", "observe"] = Field(
        default="enforce",
        description="`observe` records findings and scores, and neither changes, blocks nor holds back anything.",
    )
    fail: Literal["closed", "open"] | None = Field(
        default=None,
        description="When the policy itself fails: `closed` refuses the exchange, `open` goes on without it and names "
        "it in the record. Default: as --fail-mode says, closed unless that is `allow`; open while it observes.",
    )


class Placed(Judging):
    """One that may read every text of requests and answers."""

    apply_to: ApplyTo | None = Field(
        default=None,
        description="Which texts it reads. Default: all of them.",
        examples=[{"phases": ["response"]}, {"roles": ["user"], "tools": ["tool_result"]}],
    )
