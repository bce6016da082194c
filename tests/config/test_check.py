"""Warnings, and relations between fields that the table of refusals does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extproc.config.check import check

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "      aws_region: us-east-1"
DEFAULTS = "has no settings under policy and runs with its defaults"
CLEAR_TEXT = "prompts, answers and session tokens travel in clear text; use https"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "policy:\n  audit-logger:\n    immutable: true\n",
            "",
            [f"12:7: warning: policies.chain[0]: audit-logger {DEFAULTS}"],
        ),
        (
            "    - audit-logger",
            "    - pii-detector",
            [
                f"12:7: warning: policies.chain[0]: pii-detector {DEFAULTS}",
                "14:3: warning: policy.audit-logger: not in policies.chain, so it does not run; add it there",
            ],
        ),
        (
            "  chain:\n    - audit-logger\npolicy:\n  audit-logger:\n    immutable: true\n",
            "  chain: []\n",
            ["11:10: warning: policies.chain: no policy runs: nothing is guarded and nothing is audited"],
        ),
        ("enabled: true", "enabled: false", ["4:12: warning: pack.enabled: all traffic is refused"]),
        (
            TARGET,
            f"{TARGET}\n      base_url: http://example.com",
            [f"10:17: warning: providers.targets[0].base_url: {CLEAR_TEXT}"],
        ),
    ],
)
def test_warnings(base: str, said: Callable[..., list[str]], old: str, new: str, expected: list[str]) -> None:
    """A configuration that runs, but hardly as wished, is told so where it says it."""
    assert old in base
    assert [line[: line.rindex(" [")] for line in said(base.replace(old, new))] == expected


@pytest.mark.parametrize(
    "settings",
    [
        "{threshold: 0.8, detection: {embedding_threshold: 0.8}}",
        "{action: block, response: {action: block, log_level: warn}}",
        "{attack_patterns: [a], embedding_threshold: 0.5}",
    ],
)
def test_both_generations_may_agree(base: str, said: Callable[..., list[str]], settings: str) -> None:
    """The same setting in both spellings is no conflict while the values are equal."""
    text = base.replace("    - audit", "    - prompt-injection\n    - audit") + f"  prompt-injection: {settings}\n"
    assert said(text) == []


def test_null_temperature_is_a_value(base: str, said: Callable[..., list[str]]) -> None:
    """`temperature: null` leaves it to the model; no other key may be empty."""
    assert said(base.replace(TARGET, f"{TARGET}\n      options: {{temperature: null}}")) == []
    assert len(said(base.replace(TARGET, f"{TARGET}\n      options: {{max_tokens: null}}"))) == 1


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"pack": [], "providers": 3, "policies": "x", "policy": [], "size_limits": None},
        {"providers": {"targets": {"a": 1}}, "policies": {"chain": {}}, "policy": {"dlp-filter": []}},
        {"providers": {"targets": [None, 1, [], {"id": [], "provider": {}, "base_url": [], "model": 1}]}},
        {"policies": {"chain": [None, 1, [], {}, {"a": 1, "b": 2}, {"when": []}]}},
        {"policy": {"dlp-filter": {"patterns": [1, {"name": []}]}, "prompt-injection": {"detection": 7}}},
        {"providers": {"targets": [{"aws_access_key_env": 1, "aws_secret_key_env": [], "aws_profile": {}}]}},
    ],
)
def test_checks_survive_any_shape(value: dict[str, object]) -> None:
    """The checks run on values that no model has seen, whatever their types."""
    assert all(problem.message for problem in check(value))


@pytest.mark.parametrize(("distance", "terms", "refused"), [(2, 101, False), (3, 100, False), (3, 101, True)])
def test_many_terms_with_many_edits(distance: int, terms: int, refused: bool) -> None:
    """Above two edits a list of terms is limited, as each is measured against most words."""
    section = {"fuzzy_matching": True, "max_distance": distance, "blocked_terms": ["internationalisation"] * terms}
    problems = list(check({"policy": {"dlp-filter": section}}))
    assert any(problem.path == ("policy", "dlp-filter", "blocked_terms") for problem in problems) is refused
