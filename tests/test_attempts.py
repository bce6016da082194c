"""What is read of an exchange's attempts."""

from __future__ import annotations

import pytest

from extproc import attempts
from extproc.events import AttemptOutcome, ResponseHeaders
from extproc.testing import answer_headers


def head(*outcomes: AttemptOutcome, count: int = 1, stream: bool = True) -> ResponseHeaders:
    """The head of an answer after these attempts."""
    return answer_headers("east", stream=stream, attempts=count, outcomes=outcomes)


def test_the_traps_answer_is_known_by_its_name() -> None:
    """Only the last attempt's counts: an earlier one has failed over."""
    trapped = AttemptOutcome("east", 429, "NoHealthyHost")
    assert attempts.trapped(head(trapped))
    assert not attempts.trapped(head(trapped, AttemptOutcome("west", 200)))
    assert not attempts.trapped(head())


@pytest.mark.parametrize("name", ["BrokenStream", "NoContent"])
def test_a_wordless_failure_is_a_streams(name: str) -> None:
    """A whole answer of that type would be the upstream's own words."""
    outcome = AttemptOutcome("east", 502, name)
    assert attempts.wordless(head(outcome))
    assert not attempts.wordless(head(outcome, stream=False))
    assert not attempts.wordless(head(AttemptOutcome("east", 424, "ModelStreamError")))


@pytest.mark.parametrize(
    ("told", "count", "asked", "began"),
    [
        ([AttemptOutcome("east", 200, elapsed=3.0)], 2, 10.0, 17.0),
        ([AttemptOutcome("east", 200)], 1, 10.0, 10.0),
        ([], 1, 10.0, 10.0),
        ([], 2, 10.0, 20.0),
        ([], 1, None, 20.0),
    ],
)
def test_when_an_attempt_began(told: list[AttemptOutcome], count: int, asked: float | None, began: float) -> None:
    """As attempt.lua measured it; else the first one with the request, a later one at the latest now."""
    assert attempts.began(head(*told, count=count), asked, 20.0) == began


@pytest.mark.parametrize(
    ("told", "several"),
    [
        ([("east", ""), ("west", "")], True),
        ([("east", ""), ("east", "")], False),
        ([("east", "NoHealthyHost"), ("west", "")], False),
        ([], False),
    ],
)
def test_several_targets_were_tried(told: list[tuple[str, str]], several: bool) -> None:
    """The same one twice is one, and one without a host was not tried."""
    assert attempts.exhausted([AttemptOutcome(target, 500, kind) for target, kind in told]) is several
