"""Ends that could not be put on the audit trail, and ends in mid-stream."""

from __future__ import annotations

from typing import Any

import pytest

from extproc import testing
from extproc.actions import Continue, Release, Respond
from extproc.events import Closed, DeadlinePassed, Event, ResponseBody, ResponseTrailers
from extproc.policies.base import Action, Rule
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import compile_pattern
from extproc.policies.table import build
from extproc.testing import NOW, Playbook, answer_headers, chat_body, chat_headers, completion, streamed

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
POLICIES = (build("dlp-filter", {"patterns": WORDS}),)
FRAMES = streamed("Hi ", "there")
ASK: tuple[Event, ...] = (chat_headers(), chat_body("Hi"))
ASK_STREAM: tuple[Event, ...] = (chat_headers(), chat_body("Hi", stream=True))


def play(*events: Event, **fields: Any) -> Playbook:
    """A playbook whose exchange redacts one word and blocks at another."""
    return testing.play(*events, policies=POLICIES, **fields)


# Ways to an end, what it is before and after the audit line could not be written.
ENDS: dict[str, tuple[tuple[Event, ...], int]] = {
    "whole": ((*ASK, answer_headers("east"), completion("Hi")), 503),
    "refused": ((chat_headers(), chat_body("FATAL")), 503),
    "listed": ((chat_headers("/v1/models", "GET"),), 503),
    "stream": ((*ASK_STREAM, answer_headers("east", stream=True), *FRAMES), 200),
    "blocked stream": ((*ASK_STREAM, answer_headers("east", stream=True), streamed("FATAL")[0]), 200),
    "deadline": ((*ASK_STREAM, answer_headers("east", stream=True), DeadlinePassed()), 200),
}


@pytest.mark.parametrize(("events", "status"), ENDS.values(), ids=ENDS)
def test_an_end_on_no_record_is_revoked(events: tuple[Event, ...], status: int) -> None:
    """The client gets an error in place of the last bytes, and the record counts what was really sent."""
    *before, last = events
    playbook = play(*before)
    sent = [action for action in playbook.actions if isinstance(action, Release)]
    exchange = playbook.exchange
    (instead,) = exchange.revoke(exchange.feed(last, NOW), NOW + 1)
    assert isinstance(instead, Release if status == 200 else Respond)
    assert b'"code":"gateway_unavailable"' in instead.body
    assert b"[DONE]" not in instead.body
    record = exchange.record
    assert (record.outcome, record.status, record.finished) == ("failed", status, NOW + 1)
    assert record.response_bytes == sum(len(action.body) for action in [*sent, instead])
    assert exchange.feed(Closed(), NOW + 2) == ()
    assert record.outcome == "failed"


def test_revoking_the_end_of_a_stream_with_trailers() -> None:
    """The error event goes before the trailers, which still end the stream."""
    playbook = play(*ASK_STREAM, answer_headers("east", stream=True), *FRAMES[:-1])
    exchange = playbook.exchange
    instead = exchange.revoke(exchange.feed(ResponseTrailers(), NOW), NOW)
    assert [type(action) for action in instead] == [Release, Continue]
    assert not instead[0].end_of_stream
    assert b'"code":"gateway_unavailable"' in instead[0].body


def test_revoking_changes_nothing_where_nothing_is_left_to_hold_back() -> None:
    """Who left stays who left; and with fail mode allow the answer goes out unrecorded."""
    gone = play(*ASK, Closed())
    assert gone.exchange.revoke((), NOW + 1) == ()
    gone.ends("aborted", 499)
    served = play(*ASK, answer_headers("east"), completion("Hi"), fail_open=True)
    actions = tuple(served.actions[-1:])
    assert served.exchange.revoke(actions, NOW + 1) == actions
    served.ends("served")


def test_a_stream_whose_client_left_is_accounted() -> None:
    """What was said until then is estimated, and what was found is counted."""
    playbook = play(
        *ASK_STREAM, answer_headers("east", stream=True), *streamed("one SECRET ", "two thr")[:2], Closed()
    ).ends("aborted", 200)
    record = playbook.exchange.record
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == (5, 5, True)
    assert record.findings == {("response", "dlp-filter", "word"): 1}


def failing(candidate: str, before: str) -> tuple[tuple[int, int], ...]:
    """A refinement that cannot judge."""
    raise RuntimeError(candidate + before)


BROKEN = RulePolicy("broken", [Rule("broken", "r", compile_pattern("there"), Action.REDACT, str, failing)])


@pytest.mark.parametrize(
    ("events", "outcome", "status"),
    [
        pytest.param(
            (*ASK_STREAM, answer_headers("east", stream=True), *FRAMES, ResponseTrailers()), "served", 200, id="stream"
        ),
        pytest.param(
            (*ASK_STREAM, answer_headers("east", stream=True), FRAMES[1], Closed()), "aborted", 200, id="left"
        ),
        pytest.param((*ASK, answer_headers("east"), completion("there")), "served", 200, id="whole"),
        pytest.param(
            (*ASK, answer_headers("east", 400), ResponseBody(b'{"message": "not there"}', end_of_stream=True)),
            "rejected",
            400,
            id="an error's words",
        ),
    ],
)
def test_a_policy_that_failed_open_is_named(events: tuple[Event, ...], outcome: str, status: int) -> None:
    """Wherever a policy was left out because it failed, in mid-stream too, the record says so."""
    playbook = testing.play(*events, policies=(BROKEN,), fail_open=True).ends(outcome, status)
    assert playbook.exchange.record.skipped_policies == {"broken"}
    assert playbook.exchange.record.document()["skipped_policies"] == ["broken"]


def test_a_stream_that_is_only_observed_goes_as_it_comes() -> None:
    """A policy in mode observe holds back and changes nothing, not even what it would block, and is on the record."""
    watching = (build("dlp-filter", {"mode": "observe", "patterns": WORDS}),)
    frames = streamed("a SEC", "RET", " FA", "TAL")
    playbook = testing.play(*ASK_STREAM, answer_headers("east", stream=True), policies=watching)
    for frame, text in zip(frames, ["a SEC", "RET", " FA", "TAL"], strict=False):
        playbook.feed(frame)
        assert f'"content":"{text}"'.encode() in playbook.actions[-1].body
    record = playbook.feed(*frames[4:]).ends("served").exchange.record
    assert record.findings == {("response", "dlp-filter", "word"): 1, ("response", "dlp-filter", "fatal"): 1}
    assert record.verdict == "allow"
