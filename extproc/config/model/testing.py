"""`testing`: cases that `kt policy test` runs; golden files hold the same, one case each or a list."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.config.model.section import Section

Document = dict[str, Any]


class Input(Section):
    """What is judged: a request, an answer, or both, one after the other."""

    messages: list[Document] | None = Field(
        default=None,
        min_length=1,
        description="Messages of a chat request.",
        examples=[[{"role": "user", "content": "My SSN is 123-45-6789"}]],
    )
    request: Document | None = Field(
        default=None,
        description="A whole request instead of `messages`: of chat, completions or embeddings, by whether it has "
        "`messages`, `prompt` or `input`. `model` may be left out.",
    )
    answer: str | None = Field(default=None, description="What the model answers, as text.")
    upstream_response: Document | None = Field(
        default=None, description="What the model answers, as a whole chat completion."
    )
    headers: dict[str, str] | None = Field(
        default=None, description="Headers of the request; no policy of this gateway reads them."
    )
    proxy_name: str | None = Field(default=None, description="Of the wider format; no policy of this gateway reads it.")
    team_slugs: list[str] | None = Field(
        default=None, description="Of the wider format; no policy of this gateway reads them."
    )


class ExpectedFinding(Section):
    """One finding; what is left out may be anything."""

    policy: str = Field(min_length=1, description="The policy's kind.", examples=["pii-detector"])
    entity: str = Field(min_length=1, description="The entity, or the rule's name.", examples=["EMAIL"])
    phase: Literal["request", "response"] | None = Field(default=None, description="Where it was found.")
    path: str | None = Field(
        default=None, description="The field that it was found in.", examples=["messages[0].content"]
    )
    start: int | None = Field(default=None, ge=0, description="Offset of its first character in that text.")
    end: int | None = Field(default=None, ge=0, description="Offset behind its last character.")


class Expected(Section):
    """What must come of it; only what is given is compared."""

    verdict: Literal["allow", "redact", "block"] = Field(description="What the policies say in all.")
    reason_code: str | None = Field(
        default=None,
        min_length=1,
        description="Why: of what blocked, else of the first that redacted; `_` and `.` count as the same.",
        examples=["prompt_injection.detected", "pii.detected", "dlp.detected", "all_policies_passed"],
    )
    messages: list[Document] | None = Field(default=None, description="The messages as they go on.")
    request: Document | None = Field(default=None, description="Fields of the request as it goes on.")
    answer: str | None = Field(default=None, description="The text of the answer as the client gets it.")
    findings: list[ExpectedFinding] | None = Field(
        default=None, description="All findings: the request's, then the answer's, by text and place."
    )


# A part of what is expected, and the parts of the input of which one must be there for it.
_ABOUT = {"messages": ("messages",), "request": ("request",), "answer": ("answer", "upstream_response")}


class Case(Section):
    """One test."""

    name: str = Field(min_length=1, max_length=200, description="Says what is tested.")
    description: str = Field(default="", max_length=2000, description="More about it.")
    input: Input = Field(description="What is judged.")
    expected: Expected = Field(description="What must come of it.")

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        """What the fields say together."""
        given = self.input
        for one, other in (("messages", "request"), ("answer", "upstream_response")):
            if getattr(given, one) is not None and getattr(given, other) is not None:
                raise PydanticCustomError("case", f"input.{one} and input.{other} say the same: keep one")
        if not any(getattr(given, name) is not None for names in _ABOUT.values() for name in names):
            raise PydanticCustomError("case", "input has nothing to judge: give it messages, request or answer")
        for name, about in _ABOUT.items():
            if getattr(self.expected, name) is not None and all(getattr(given, each) is None for each in about):
                raise PydanticCustomError("case", f"expected.{name} needs input.{about[0]}")
        return self


class Suite(Section):
    """Cases that belong together."""

    name: str = Field(min_length=1, max_length=200, description="Stands before its cases' names.")
    description: str = Field(default="", max_length=2000, description="More about it.")
    target: str | None = Field(
        default=None, min_length=1, max_length=200, description="What it is about: a policy kind, or a label."
    )
    cases: list[Case] = Field(min_length=1, max_length=1000, description="The tests.")


class Testing(Section):
    """Tests of this configuration; the gateway itself does not read them."""

    suites: list[Suite] = Field(default=[], max_length=100, description="Tests for `kt policy test`.")
