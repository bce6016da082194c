"""The state machine: every event in every state, what is refused by its head, and what a fault of ours becomes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import orjson
import pytest

from extproc.actions import BodyMode, Continue, Release, Replace, Respond
from extproc.config.runtime import Limits
from extproc.events import (
    Closed,
    DeadlinePassed,
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.exchange import CLAIM, Exchange, State
from extproc.policies.base import Rule
from extproc.policies.verdict import ALLOW, Block, Phase, Place, Text, Verdict
from extproc.testing import (
    Playbook,
    Some,
    answer_headers,
    chat_body,
    chat_headers,
    completion,
    frame,
    make_exchange,
    make_runtime,
    make_target,
    play,
)

ASK: tuple[Event, ...] = (chat_headers(), chat_body("Hi"))
ASK_STREAM: tuple[Event, ...] = (chat_headers(), chat_body("Hi", stream=True))
# How each state is reached.
WAYS: dict[State, tuple[Event, ...]] = {
    State.START: (),
    State.ASKING: (chat_headers(),),
    State.ASKED: ASK,
    State.BUFFERING: (*ASK, answer_headers("east")),
    State.FAILING: (*ASK, answer_headers("east", 500)),
    State.STREAMING: (*ASK_STREAM, answer_headers("east", stream=True)),
    State.DONE: (*ASK, answer_headers("east"), completion("Hi")),
}
EVENTS: dict[type[Event], Event] = {
    RequestHeaders: chat_headers(),
    RequestBody: chat_body("Hi"),
    RequestTrailers: RequestTrailers(),
    ResponseHeaders: answer_headers("east"),
    ResponseBody: completion("Hi"),
    ResponseTrailers: ResponseTrailers(),
    DeadlinePassed: DeadlinePassed(),
    Closed: Closed(),
}
WHOLE = Some(Continue, body_mode=BodyMode.BUFFERED)
ON = Continue()
# What each row of TRANSITIONS answers to the event above, and where it leads.
ROWS: dict[tuple[State, type[Event]], tuple[tuple[Any, ...], State]] = {
    (State.START, RequestHeaders): ((Continue(metadata=CLAIM),), State.ASKING),
    (State.ASKING, RequestBody): ((Some(Replace),), State.ASKED),
    (State.ASKING, RequestTrailers): ((ON,), State.ASKING),
    (State.ASKING, ResponseHeaders): ((WHOLE,), State.FAILING),
    (State.ASKED, RequestTrailers): ((ON,), State.ASKED),
    (State.ASKED, ResponseHeaders): ((WHOLE,), State.BUFFERING),
    (State.BUFFERING, ResponseBody): ((Some(Replace),), State.DONE),
    (State.FAILING, ResponseBody): ((Some(Respond, status=502),), State.DONE),
    # A body that is no event-stream frame: the stream is broken.
    (State.STREAMING, ResponseBody): ((Some(Release, end_of_stream=True),), State.DONE),
    # The answer's end had not come.
    (State.STREAMING, ResponseTrailers): ((Some(Release, end_of_stream=False), ON), State.DONE),
    (State.STREAMING, DeadlinePassed): ((Some(Release, end_of_stream=True),), State.DONE),
    (State.DONE, RequestBody): ((ON,), State.DONE),
    (State.DONE, RequestTrailers): ((ON,), State.DONE),
    (State.DONE, ResponseHeaders): ((ON,), State.DONE),
    (State.DONE, ResponseBody): ((), State.DONE),
    (State.DONE, ResponseTrailers): ((ON,), State.DONE),
    (State.DONE, DeadlinePassed): ((), State.DONE),
    (State.DONE, Closed): ((), State.DONE),
}
PAIRS = list(product(State, EVENTS))


def test_the_table_is_covered() -> None:
    """Every row of TRANSITIONS has its expectation here, and every kind of event its example."""
    assert set(ROWS) == set(Exchange.TRANSITIONS)
    assert set(EVENTS) == set(Event.__args__)


def named(pair: tuple[State, type[Event]]) -> str:
    """A pair as a test id."""
    return f"{pair[0].name}-{pair[1].__name__}"


@pytest.mark.parametrize("pair", ROWS, ids=named)
def test_each_row(pair: tuple[State, type[Event]]) -> None:
    """What is expected in a state is answered as the table says, and leads where it says."""
    actions, then = ROWS[pair]
    playbook = play(*WAYS[pair[0]])
    assert playbook.exchange._state is pair[0]
    playbook.feed(EVENTS[pair[1]]).expect(*actions)
    assert playbook.exchange._state is then
    assert playbook.exchange.finished is (then is State.DONE)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in ROWS and pair[1] is not Closed], ids=named)
def test_what_nobody_expects_ends_in_an_error(pair: tuple[State, type[Event]]) -> None:
    """Any other event is a 503, or an error event where the status is sent: nothing passes, and the record says why."""
    state, kind = pair
    playbook = play(*WAYS[state]).feed(EVENTS[kind])
    if state is State.STREAMING:
        playbook.expect(Some(Release, end_of_stream=True)).ends("failed", 200)
    elif state is State.DONE:
        playbook.expect(Some(Respond, status=503)).ends("served", 200)
    else:
        playbook.expect(Some(Respond, status=503)).ends("failed", 503)
    assert playbook.error["code"] == "gateway_unavailable"
    if state is not State.DONE:
        assert playbook.exchange.record.detail == f"{kind.__name__} in state {state.name}"


@pytest.mark.parametrize("state", [state for state in State if state is not State.DONE], ids=lambda state: state.name)
def test_who_leaves_before_the_end_has_aborted(state: State) -> None:
    """499 where no status was sent, else the 200 that was; nothing is answered to somebody who is gone."""
    playbook = play(*WAYS[state]).feed(Closed()).expect()
    playbook.ends("aborted", 200 if state is State.STREAMING else 499)
    # Before the head nothing was claimed: Envoy's own log tells of it, once.
    assert playbook.exchange.record.audited is (state is not State.START)
    assert playbook.exchange.deadline is None


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("late", EVENTS, ids=lambda kind: kind.__name__)
def test_an_end_is_final(state: State, late: type[Event]) -> None:
    """Whatever comes after an end changes nothing in the record, and lets nothing of the upstream's through."""
    playbook = play(*WAYS[state]).feed(Closed())
    before = (playbook.exchange.record.document(), playbook.exchange.record.finished)
    playbook.now += 1
    playbook.feed(EVENTS[late])
    assert (playbook.exchange.record.document(), playbook.exchange.record.finished) == before
    playbook.expect(*([Some(Respond, status=503)] if late is RequestHeaders else ROWS[State.DONE, late][0]))


@pytest.mark.parametrize(("fail_open", "status"), [(False, 503), (True, 0)], ids=["block", "allow"])
def test_without_an_audit_trail_nothing_is_spent(fail_open: bool, status: int) -> None:
    """While the trail cannot be written a request is refused at its head, unless the fail mode is allow."""
    exchange = make_exchange(make_runtime(fail_open=fail_open), audit_failed=True)
    playbook = Playbook(exchange).feed(chat_headers())
    playbook.expect(Some(Respond, status=status) if status else Some(Continue))
    assert playbook.exchange.finished is not fail_open
    assert playbook.exchange.record.detail == ("" if fail_open else "audit not writable")


def test_the_head_is_recorded_without_its_query() -> None:
    """Method, path, ids and address are kept, cut to a length; a query, which may hold a key, is not."""
    head = chat_headers("/v1/models/" + "x" * 5000 + "?api_key=hunter2", "GET", x_client_request_id="c" * 500)
    record = play(replace(head, source_address="192.0.2.7")).exchange.record
    assert record.path == "/v1/models/" + "x" * 1013
    assert (record.method, record.request_id, record.source_address) == ("GET", "request-1", "192.0.2.7")
    assert len(record.client_request_id) == 128
    assert record.config == {"pack": "tests@1.0.0", "hash": "0" * 64}


def test_what_the_gateway_answers_itself() -> None:
    """The model list needs no upstream, and its bytes are counted."""
    playbook = play(chat_headers("/v1/models", "GET")).ends("served", 200)
    (answer,) = playbook.actions
    assert isinstance(answer, Respond)
    assert playbook.exchange.record.response_bytes == len(answer.body) > 0


def test_a_body_over_the_limit() -> None:
    """A body whose length was not declared is measured."""
    playbook = play(*ASK, limits=Limits(max_body_bytes=20)).ends("rejected", 413)
    assert playbook.error["code"] == "request_too_large"
    assert playbook.exchange.record.request_bytes == len(ASK[1].body)


def test_a_bug_before_the_request_went_out_is_a_503() -> None:
    """A fault of ours in a handler: an error answer, and in the record its kind and place, not its message."""
    playbook = play(*ASK, targets=[make_target(endpoint="no endpoint's name")]).ends("failed", 503)
    assert playbook.error["message"] == "The gateway failed. Try again."
    assert playbook.exchange.record.detail.startswith("bug: InvalidEndpointName at invoke.py:")


class Faulty:
    """A policy with a bug: it cannot say what its rules are for the places that are listed."""

    kind = "faulty"
    phases = frozenset(Phase)

    def __init__(self, *kinds: str, message: str = "no") -> None:
        self._kinds = kinds
        self._message = message

    def judge(self, texts: list[Text]) -> list[Verdict]:
        """Refuse `refuse`, with the message given."""
        refusal = Verdict(block=Block(self.kind, "r", self._message))
        return [refusal if text.text == "refuse" else ALLOW for text in texts]

    def rules(self, place: Place) -> tuple[Rule, ...]:
        """None, or a fault."""
        if place.kind in self._kinds:
            raise LookupError("quotes the text")
        return ()


def chunk(**delta: Any) -> ResponseBody:
    """One frame with one delta of choice 0."""
    return ResponseBody(frame(b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"))


def test_a_bug_before_the_first_byte_of_a_stream() -> None:
    """The status is sent by then: the fault becomes the stream's only event, and ends it."""
    playbook = play(*WAYS[State.STREAMING], policies=(Faulty("content"),))
    playbook.feed(chunk(content="Hi")).expect(Some(Release, end_of_stream=True)).ends("failed", 200)
    assert playbook.actions[-1].body.count(b"data: ") == 1
    assert playbook.error["code"] == "gateway_unavailable"
    assert playbook.exchange.record.detail.startswith("bug: LookupError at test_exchange.py:")


def test_a_bug_in_the_middle_of_a_stream() -> None:
    """What went out stays, what was in the chunk is dropped, and the error event comes last."""
    playbook = play(*WAYS[State.STREAMING], policies=(Faulty("reasoning"),))
    playbook.feed(chunk(content="Hi")).expect(Some(Release, end_of_stream=False))
    playbook.feed(chunk(reasoning="Hm")).expect(Some(Release, end_of_stream=True)).ends("failed", 200)
    assert b"Hm" not in playbook.actions[-1].body
    assert b"[DONE]" not in playbook.actions[-1].body


@pytest.mark.parametrize("way", [State.ASKING, State.BUFFERING], ids=lambda state: state.name)
def test_a_refusal_that_cannot_be_written(way: State) -> None:
    """A policy's message that is no text (a lone surrogate) still ends in a refusal, with our words instead."""
    last = chat_body("refuse") if way is State.ASKING else completion("refuse")
    playbook = play(*WAYS[way], last, policies=(Faulty(message="\ud800"),)).ends("failed", 503)
    assert playbook.error["message"] == "The gateway failed. Try again."
    assert playbook.exchange.record.block == ("request" if way is State.ASKING else "response", "faulty", "r")
