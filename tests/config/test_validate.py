"""The table of refusals: what is wrong, where, and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from extproc.config.model.testing import Case
from extproc.config.validate import refused, validate

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = (Path(__file__).parent / "refusals.txt").read_text(encoding="utf-8")


def refusals() -> list[pytest.param]:
    """Each block of the table: text to replace, its replacement, and the lines expected."""
    cases = []
    for block in re.split(r"^## ", TABLE, flags=re.MULTILINE)[1:]:
        name, *lines = block.rstrip("\n").split("\n")
        old = "\n".join(line[2:] for line in lines if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines if line.startswith("+ "))
        expected = [line for line in lines if not line.startswith(("- ", "+ "))]
        cases.append(pytest.param(old, new, expected, id=name.replace(" ", "-")))
    return cases


@pytest.mark.parametrize(("old", "new", "expected"), refusals())
def test_refusal(base: str, said: Callable[..., list[str]], old: str, new: str, expected: list[str]) -> None:
    """A bad configuration is refused with exactly these texts, at exactly these places, and no others."""
    assert old in base
    assert said(base.replace(old, new, 1)) == expected
    assert any(": warning: " not in line for line in expected)


def test_table_is_read() -> None:
    """The table holds its hundred cases, each with an expectation."""
    assert len(refusals()) >= 100


def test_base_is_valid(base: str, said: Callable[..., list[str]]) -> None:
    """The configuration that the table changes has nothing wrong with it."""
    assert said(base) == []


def test_every_problem_of_a_file_is_told_at_once_in_its_order(base: str, said: Callable[..., list[str]]) -> None:
    """Problems of syntax, fields and relations between fields come together, sorted by place."""
    text = (
        base.replace("enabled: true", "enabled: yes")
        .replace("aws_region: us-east-1", "aws_regin: us-east-1\n      timeout_seconds: soon\n      model: other")
        .replace("    - audit-logger", "    - audit-loger\n    - rbac")
    )
    assert [line.split(": ")[0] + line[-7:] for line in said(text)] == [
        "4:12 [E006]",
        "9:7 [E002]",
        "10:24 [E006]",
        "11:14 [E010]",
        "14:7 [E001]",
        "15:7 [E004]",
        "17:3 [E003]",
    ]


@pytest.mark.parametrize(
    ("text", "found"), [("7", "the number 7"), ("- a", "a list"), ("text", "text"), ("~", "nothing")]
)
def test_file_that_is_no_mapping(said: Callable[..., list[str]], text: str, found: str) -> None:
    """A file that is one value is told what a configuration looks like."""
    expected = f"1:1: a configuration is a mapping of sections, found {found}; begin with pack, providers, policies"
    more = "provider_routing, provider_fallback, circuit_breaker, model_groups"
    assert said(text) == [f"{expected}, policy, size_limits, testing, {more} [E006]"]


def test_secrets_are_not_repeated(base: str, said: Callable[..., list[str]]) -> None:
    """A key pasted where a variable's name belongs, or in a URL, never stands in the text."""
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    text = base.replace(
        "      aws_region",
        f"      aws_access_key_env: {secret}\n      aws_secret_key_env: {secret}\n"
        f"      base_url: https://me:{secret}@host\n      aws_region",
    )
    lines = said(text)
    assert len(lines) == 3
    assert secret[:8] not in "".join(lines)


def test_valid_bytes_become_a_configuration(base: str) -> None:
    """A valid file gives its model, no problems, and a document that places every path."""
    configuration, document, problems = validate(base.encode())
    assert configuration is not None
    assert configuration.pack.name == "demo"
    assert problems == ()
    assert document.place(("providers", "targets", 0, "aws_region")) is not None


def test_object_form_without_conditions_is_the_plain_form(base: str) -> None:
    """`- audit-logger: {}` and `- audit-logger:` in the chain say no more than `- audit-logger`."""
    for entry in ("- audit-logger: {}", "- audit-logger:"):
        configuration, _, problems = validate(base.replace("- audit-logger", entry).encode())
        assert problems == ()
        assert configuration is not None
        assert configuration.policies.chain == ["audit-logger"]


def test_a_value_by_itself_is_told_as_if_it_stood_in_a_file() -> None:
    """Its problems have the format's words and advice, with paths that count from the value."""
    with pytest.raises(ValidationError) as error:
        Case.model_validate({"name": "n", "input": {"anwser": "x"}, "expected": {"verdict": "alow"}})
    problems = refused(error.value, ("testing", "suites", 0, "cases", 0))
    assert sorted(problem.render("") for problem in problems) == [
        ": expected.verdict: expected one of [allow, redact, block], found 'alow'; did you mean allow? [E007]",
        ": input.anwser: unknown key; did you mean answer? [E002]",
    ]
