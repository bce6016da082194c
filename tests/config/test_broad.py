"""Patterns of the user's that match what is everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extproc.config.broad import check

if TYPE_CHECKING:
    from collections.abc import Callable

ADVICE = (
    "use `secrets: true` of dlp-filter, which knows keys by their form or name, or ask for the name in front, as in "
    "(?i)secret.{0,20}[A-Za-z0-9/+=]{40}"
)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[A-Za-z0-9/+=]{40}", "matches every SHA-1 (a git commit), every SHA-256, text in base64"),
        (r"\b[0-9a-f]{40}\b", "matches every SHA-1 (a git commit)"),
        ("[a-f0-9]{64}", "matches every SHA-256"),
        (r"\w{8}(?:-\w{4}){3}-\w{12}", "matches every UUID"),
        (r"[\w/+]{20,}={0,2}", "matches every SHA-1 (a git commit), every SHA-256, text in base64"),
    ],
)
def test_broad_patterns(pattern: str, message: str) -> None:
    """A pattern that finds every digest, UUID or base64 text is named, with what it finds and what to write instead."""
    (problem,) = check(("here",), pattern)
    assert (problem.message, problem.suggestion, problem.path) == (message, ADVICE, ("here",))
    assert problem.code.value == "W107"


@pytest.mark.parametrize(
    "pattern",
    [
        "AKIA[A-Z0-9]{16}",
        "arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:",
        "(?i)secret.{0,20}[A-Za-z0-9/+=]{40}",
        "[A-Z0-9]{40}",
        "[a-z]",
        r"\d+",
        "commit [0-9a-f]{40}",
        "(?=x)",
        "",
        None,
        7,
    ],
)
def test_other_patterns(pattern: Any) -> None:
    """Patterns that ask for more than random characters pass, short ones too; faulty ones are told of elsewhere."""
    assert list(check(("here",), pattern)) == []


def test_every_place(base: str, said: Callable[..., list[str]]) -> None:
    """Patterns are tried wherever users write them, and the warning stands at the pattern."""
    broad = "'[0-9a-f]{40}'"
    text = base + (
        f"  dlp-filter:\n    patterns: [{{name: a, regex: ok}}, {{name: b, regex: {broad}}}]\n"
        f"    detect_patterns: [ok, {broad}]\n"
        f"  pii-detector: {{detect_patterns: [{broad}]}}\n"
    )
    message = f"matches every SHA-1 (a git commit), every SHA-256; {ADVICE} [W107]"
    assert [line for line in said(text) if "W107" in line] == [
        f"17:55: warning: policy.dlp-filter.patterns[1].regex: {message}",
        f"18:27: warning: policy.dlp-filter.detect_patterns[1]: {message}",
        f"19:36: warning: policy.pii-detector.detect_patterns[0]: {message}",
    ]
