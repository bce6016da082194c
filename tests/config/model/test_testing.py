"""Test cases of a configuration: what a case may say, and what would test nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from extproc.config.model.testing import Case, Suite

MESSAGES = [{"role": "user", "content": "hi"}]
CASE = {"name": "n", "input": {"messages": MESSAGES}, "expected": {"verdict": "allow"}}


def test_the_published_forms() -> None:
    """A golden file and an inline suite as the format prints them, with every input that it knows."""
    given = {"messages": MESSAGES, "headers": {"x-user-id": "u"}, "proxy_name": "p", "team_slugs": ["t"]}
    case = Case.model_validate(
        {"name": "n", "input": given, "expected": {"verdict": "block", "reason_code": "prompt_injection.detected"}}
    )
    assert case.expected.reason_code == "prompt_injection.detected"
    suite = Suite.model_validate({"name": "s", "description": "d", "target": "pii-detector", "cases": [CASE]})
    assert suite.cases[0].input.messages == MESSAGES


@pytest.mark.parametrize(
    ("given", "expected", "said"),
    [
        ({}, {}, "nothing to judge"),
        ({"headers": {}}, {}, "nothing to judge"),
        ({"messages": MESSAGES, "request": {"prompt": "x"}}, {}, "input.messages and input.request say the same"),
        ({"answer": "x", "upstream_response": {}}, {}, "input.answer and input.upstream_response say the same"),
        ({"answer": "x"}, {"messages": MESSAGES}, "expected.messages needs input.messages"),
        ({"messages": MESSAGES}, {"request": {}}, "expected.request needs input.request"),
        ({"messages": MESSAGES}, {"answer": "x"}, "expected.answer needs input.answer"),
    ],
)
def test_what_would_test_nothing(given: dict[str, Any], expected: dict[str, Any], said: str) -> None:
    """Inputs that contradict each other, and expectations of what is not there, are refused."""
    with pytest.raises(ValidationError, match=said):
        Case.model_validate({"name": "n", "input": given, "expected": {"verdict": "allow", **expected}})


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"input": {"messages": []}},
        {"input": {"messages": ["hi"]}},
        {"expected": {}},
        {"expected": {"verdict": "deny"}},
        {"expected": {"verdict": "allow", "findings": [{"entity": "EMAIL"}]}},
        {"expected": {"verdict": "allow", "findings": [{"policy": "p", "entity": "e", "start": -1}]}},
        {"assertions": []},
    ],
)
def test_strict(change: dict[str, Any]) -> None:
    """Unknown keys, empty names, verdicts and findings of another form are refused."""
    Case.model_validate(CASE)
    with pytest.raises(ValidationError):
        Case.model_validate({**CASE, **change})
