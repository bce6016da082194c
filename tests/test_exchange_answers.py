"""What comes back from upstream: served, judged, or told as the error that it is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc import testing
from extproc.actions import BodyMode, Continue, Release, Replace, Respond
from extproc.config.runtime import Limits
from extproc.events import AttemptOutcome, DeadlinePassed, Event, ResponseBody, ResponseHeaders, ResponseTrailers
from extproc.policies.base import Rule
from extproc.policies.table import build
from extproc.policies.verdict import Finding, Phase, Place, Text, Verdict
from extproc.testing import (
    NOW,
    Playbook,
    Some,
    answer_headers,
    chat_body,
    chat_headers,
    completion,
    frame,
    make_target,
    streamed,
)

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "TICKET", "action": "redact"},
]
POLICIES = (build("dlp-filter", {"patterns": WORDS}),)
FRAMES = streamed("Hi ", "there")
ASK: tuple[Event, ...] = (chat_headers(), chat_body("Hi"))
ASK_STREAM: tuple[Event, ...] = (chat_headers(), chat_body("Hi", stream=True))
WHOLE = Some(Continue, body_mode=BodyMode.BUFFERED)


def play(*events: Event, **fields: Any) -> Playbook:
    """A playbook whose exchange redacts one word and blocks at another."""
    return testing.play(*events, policies=POLICIES, **fields)


def test_an_answer_is_served() -> None:
    """The client gets OpenAI's JSON with the target's name in a header, and none of SageMaker's headers."""
    playbook = play(*ASK).feed(answer_headers("east"))
    assert playbook.actions[-1:] == [WHOLE]
    playbook.feed(completion("TICKET", usage={"prompt_tokens": 3, "completion_tokens": 1})).ends("served")
    (answer,) = playbook.actions[-1:]
    assert isinstance(answer, Replace)
    assert dict(answer.set_headers) == {"content-type": "application/json", "x-kt-target": "east"}
    assert {"x-amzn-requestid", "content-length", "content-encoding"} <= set(answer.remove_headers)
    assert orjson.loads(answer.body)["choices"][0]["message"]["content"] == "[WORD_REDACTED]"
    record = playbook.exchange.record
    assert (record.target, record.response_bytes, record.verdict) == ("east", len(answer.body), "redact")
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == (3, 1, False)


def test_a_client_is_told_what_was_estimated() -> None:
    """Who asked for usage gets it, whole or streamed, and is told which counts are not the container's."""
    expected = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    for told, names in (
        (None, ["completion_tokens", "prompt_tokens"]),
        ({"completion_tokens": 3, "x": 1}, ["prompt_tokens"]),
    ):
        playbook = play(*ASK, answer_headers("east"), completion("eleven char", usage=told))
        answer = playbook.actions[-1]
        assert isinstance(answer, Replace)
        assert orjson.loads(answer.body)["usage"] == {**expected, **(told or {}), "estimated": names}
    asked = chat_body("Hi", stream=True, stream_options={"include_usage": True})
    playbook = play(chat_headers(), asked, answer_headers("east", stream=True), *streamed("eleven", " char"))
    raw = b"".join(action.body for action in playbook.actions if isinstance(action, Release))
    *_, usage, done, end = raw.split(b"\n\n")
    chunk = orjson.loads(usage.removeprefix(b"data: "))
    assert (chunk["choices"], done, end) == ([], b"data: [DONE]", b"")
    assert chunk["usage"] == {**expected, "estimated": ["completion_tokens", "prompt_tokens"]}


def test_a_stream_is_served() -> None:
    """Server-sent events with a status of 200, whose bytes are counted as they go."""
    playbook = play(*ASK_STREAM, answer_headers("east", stream=True))
    (head,) = playbook.actions[-1:]
    assert isinstance(head, Continue)
    assert dict(head.set_headers) == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-kt-target": "east",
    }
    assert head.body_mode is BodyMode.STREAMED
    playbook.feed(*FRAMES).ends("served")
    sent = [action for action in playbook.actions if isinstance(action, Release)]
    assert [action.end_of_stream for action in sent] == [False] * (len(sent) - 1) + [True]
    assert b"".join(action.body for action in sent).endswith(b"data: [DONE]\n\n")
    assert playbook.exchange.record.response_bytes == sum(len(action.body) for action in sent)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", "", "Application/Vnd.Amazon.EventStream"])
def test_a_stream_by_any_name(kind: str) -> None:
    """A container's bare events or JSON become the same stream as SageMaker's frames; the type says which it is."""
    head = ResponseHeaders({":status": "200", "content-type": kind}, False, "east", 1, "via_upstream")
    body = completion("Hi") if kind in ("", "application/json") else ResponseBody(b'data: {"choices":[]}\n\n', True)
    if kind == "text/event-stream":
        body = ResponseBody(b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n', True)
    if kind.startswith("Application"):
        body = ResponseBody(b"".join(part.body for part in streamed("Hi")), True)
    playbook = play(*ASK_STREAM, head, body).ends("served")
    assert b'"content":"Hi"' in playbook.actions[-1].body
    assert playbook.actions[-1].body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", [b"".join(part.body for part in FRAMES), b"data: [DONE]\n\n", b""])
def test_a_stream_that_nobody_asked_for(body: bytes) -> None:
    """Where a whole answer was asked for, a stream is no answer: a 502, and nothing of it passes."""
    playbook = play(*ASK, answer_headers("east", stream=True), ResponseBody(body, True)).ends("failed", 502)
    assert playbook.error["code"] == "model_error"


@pytest.mark.parametrize("asked", [ASK, ASK_STREAM], ids=["whole", "stream"])
def test_a_200_without_a_body(asked: tuple[Event, ...]) -> None:
    """It is a 502, told while a status can still be told: no chunk will come that an error could go into."""
    playbook = play(*asked).feed(answer_headers("east", end_of_stream=True))
    playbook.expect(Some(Respond, status=502)).ends("failed", 502)
    assert playbook.exchange.record.target == "east"


@pytest.mark.parametrize("status", [0, 100, 201, 204, 206, 301, 304, 404, 500])
@pytest.mark.parametrize("asked", [ASK, ASK_STREAM], ids=["whole", "stream"])
def test_any_status_but_200_is_no_answer(status: int, asked: tuple[Event, ...]) -> None:
    """Success without content, redirects and errors are never passed on, with a body or without one."""
    with_body = play(*asked, answer_headers("east", status)).expect(WHOLE)
    with_body.feed(ResponseBody(b'{"choices": []}', True)).ends("failed", 502)
    without = play(*asked, answer_headers("east", status, end_of_stream=True)).ends("failed", 502)
    assert with_body.exchange.record.error_code == without.exchange.record.error_code == "model_error"


def test_a_status_that_is_no_number() -> None:
    """Even that ends in an error answer."""
    head = ResponseHeaders({":status": "two hundred"}, False, "east")
    playbook = play(*ASK, head).expect(Some(Respond, status=503)).ends("failed", 503)
    assert playbook.exchange.record.detail.startswith("bug: ValueError at exchange.py:")


def test_an_answer_over_the_limit() -> None:
    """max_response_bytes holds where max_body_bytes is larger, and Envoy would let it pass."""
    body = completion("x" * 100)
    limits = Limits(max_body_bytes=1_000_000, max_response_bytes=len(body.body) - 1)
    playbook = play(*ASK, answer_headers("east"), body, limits=limits).ends("failed", 502)
    assert playbook.exchange.record.detail == "max_response_bytes"
    play(*ASK, answer_headers("east"), body, limits=Limits(max_response_bytes=len(body.body))).ends("served")


def test_an_answer_of_a_cluster_that_was_not_asked() -> None:
    """Bytes from elsewhere are not taken for an answer, whatever their status."""
    playbook = play(*ASK, answer_headers("west"), completion("Hi")).ends("failed", 502)
    assert playbook.exchange.record.target == ""


def test_an_answer_of_a_cluster_of_several_targets() -> None:
    """Before Envoy 1.40 a cluster holds all of a request's targets; the last attempt tells which one answered."""
    outcomes = (AttemptOutcome("east", 500), AttemptOutcome("west", 200))
    playbook = play(*ASK, targets=[make_target("east"), make_target("west")])
    playbook.feed(answer_headers("east,west", attempts=2, outcomes=outcomes), completion("Hi")).ends("served")
    assert playbook.exchange.record.target == "west"


def test_a_block_in_an_answer() -> None:
    """409 before anything was sent; the message names policy and rule, never the text."""
    playbook = play(*ASK, answer_headers("east"), completion("so FATAL")).ends("blocked", 409)
    error = playbook.error
    assert (error["type"], error["code"], error["policy"]) == ("policy_violation", "output_blocked", "dlp-filter")
    assert "FATAL" not in error["message"]
    assert dict(playbook.actions[-1].headers)["x-should-retry"] == "false"
    assert playbook.exchange.record.block == ("response", "dlp-filter", "fatal")


def test_a_block_in_a_stream() -> None:
    """Text up to the match goes out, then an error event and the end, which cuts the upstream."""
    playbook = play(*ASK_STREAM, answer_headers("east", stream=True), *streamed("fine, ", "FA", "TAL", "more"))
    playbook.ends("blocked", 200).expect()
    sent = [action for action in playbook.actions if isinstance(action, Release)]
    assert sent[-1].end_of_stream
    assert playbook.error["code"] == "output_blocked"
    assert b"fine" in sent[0].body
    assert not any(word in action.body for action in sent for word in (b"FA", b"TAL", b"more", b"[DONE]"))


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        (413, "request_payload_too_large", "request_too_large"),
        (408, "request_overall_timeout", "request_timeout"),
        (408, "stream_idle_timeout", "request_timeout"),
        (503, "overload", "gateway_unavailable"),
    ],
)
def test_envoys_own_answer_before_the_body_came(status: int, details: str, code: str) -> None:
    """What Envoy refused while it waited for the body is told in OpenAI's words."""
    head = ResponseHeaders({":status": str(status)}, False, details=details)
    playbook = play(chat_headers(), head, ResponseBody(b"", True)).ends(
        "rejected" if status < 500 else "failed", status
    )
    assert playbook.error["code"] == code


@pytest.mark.parametrize("only", [True, False])
def test_a_missing_endpoint(only: bool) -> None:
    """The model does not exist when its only endpoint does not; else it cannot be reached."""
    targets = [make_target("east")] if only else [make_target("east"), make_target("west")]
    body = b'{"ErrorCode":"NO_SUCH_ENDPOINT","Message":"Endpoint east-endpoint of account 123456789012 not found."}'
    playbook = play(targets=targets)
    playbook.feed(*ASK, answer_headers("east", 400), ResponseBody(body, True))
    playbook.ends("rejected" if only else "failed", 404 if only else 503)
    assert b"123456789012" not in playbook.actions[-1].body
    assert b"east-endpoint" not in playbook.actions[-1].body


def test_attempts_are_recorded() -> None:
    """Which targets were tried, what each brought, and which one answered; a refusal names it to the client too."""
    outcomes = (AttemptOutcome("east", 400, "ThrottlingException"), AttemptOutcome("west", 500))
    playbook = play(*ASK, targets=[make_target("east"), make_target("west")])
    playbook.feed(answer_headers("west", 500, attempts=2, outcomes=outcomes), ResponseBody(b"", True))
    record = playbook.exchange.record
    assert (record.attempts, record.attempt_count, record.target) == (outcomes, 2, "west")
    assert record.planned == ("east", "west")
    headers = dict(playbook.actions[-1].headers)
    assert (headers["x-kt-target"], headers["x-request-id"]) == ("west", "request-1")


def test_what_envoy_answers_for_a_target_is_not_the_targets() -> None:
    """A timeout is Envoy's own answer: the record names no target that answered, and the client is shown none."""
    playbook = play(*ASK, answer_headers("east", 504, details="response_timeout"), ResponseBody(b"", True))
    playbook.ends("failed", 504)
    assert playbook.exchange.record.target == ""
    assert "x-kt-target" not in dict(playbook.actions[-1].headers)


def test_too_large_for_the_endpoint() -> None:
    """A 413 of SageMaker's is not mistaken for our own limit, which was kept."""
    playbook = play(*ASK, answer_headers("east", 413), ResponseBody(b"", True)).ends("rejected", 413)
    assert playbook.error["message"] == "The request is larger than the endpoint takes. Shorten it."


def test_a_target_without_a_healthy_host() -> None:
    """The trap's answer is nobody's: no target is named, and the client may try again."""
    outcome = AttemptOutcome("east", 429, "NoHealthyHost")
    playbook = play(*ASK, answer_headers("east", 429, outcomes=(outcome,)), ResponseBody(b"", True))
    playbook.ends("failed", 503)
    assert playbook.exchange.record.target == ""
    assert "x-kt-target" not in dict(playbook.actions[-1].headers)


@pytest.mark.parametrize(("attempts", "begins"), [(0, 0.0), (1, 0.0), (2, 4.0)])
def test_the_deadline_of_a_stream(attempts: int, begins: float) -> None:
    """A stream has its target's time from when it was asked; after a failover, from its answer's begin."""
    playbook = play(*ASK_STREAM, targets=[make_target(timeout_seconds=7.0)])
    playbook.now += 4
    playbook.feed(answer_headers("east", stream=True, attempts=attempts))
    assert playbook.exchange.deadline == NOW + begins + 7
    playbook.feed(FRAMES[0]).feed(DeadlinePassed()).expect(Some(Release, end_of_stream=True)).ends("failed", 200)
    assert playbook.error["code"] == "timeout"
    assert "7 seconds" in playbook.error["message"]
    assert playbook.exchange.deadline is None


def test_whole_answers_have_no_deadline_here() -> None:
    """Their time is Envoy's business: a status is still free then."""
    assert play(*ASK, answer_headers("east")).exchange.deadline is None


def test_trailers_end_a_stream() -> None:
    """What is left goes out before them, and not they but the last byte's place ends the body."""
    *chunks, _ = streamed("Hi SEC")
    playbook = play(*ASK_STREAM, answer_headers("east", stream=True), *chunks).feed(ResponseTrailers())
    playbook.expect(Some(Release, end_of_stream=False), Continue()).ends("served")
    assert playbook.actions[-2].body.endswith(b"data: [DONE]\n\n")


def refusal_of(word: str) -> tuple[ResponseHeaders, ResponseBody]:
    """A container's refusal that quotes a word of the request."""
    said = orjson.dumps({"object": "error", "message": f"'{word}' is too long", "type": "BadRequestError", "code": 400})
    wrapped = {"ErrorCode": "CLIENT_ERROR_FROM_MODEL", "OriginalStatusCode": 400, "OriginalMessage": said.decode()}
    return answer_headers("east", 424), ResponseBody(orjson.dumps(wrapped), end_of_stream=True)


def test_a_containers_words_are_judged() -> None:
    """What a refusal quotes is redacted for the client and for the record, or withheld from both."""
    playbook = play(*ASK, *refusal_of("TICKET")).ends("rejected", 400)
    assert playbook.error["message"] == "'[WORD_REDACTED]' is too long"
    assert "TICKET" not in playbook.exchange.record.detail
    assert "[WORD_REDACTED]" in playbook.exchange.record.detail
    playbook = play(*ASK, *refusal_of("FATAL")).ends("rejected", 400)
    assert playbook.error["message"] == "The model's container refused the request or failed."
    assert playbook.exchange.record.detail == "withheld: the policies did not pass what the upstream said"
    assert b"FATAL" not in playbook.actions[-1].body


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_that_came_as_an_answer_is_judged(stream: bool) -> None:
    """The same holds of an error with status 200, whole or as an event of a stream."""
    said = orjson.dumps({"error": {"message": "TICKET is too long", "type": "BadRequestError", "code": 400}})
    asked, body = (ASK_STREAM, frame(b"data: " + said + b"\n\n")) if stream else (ASK, said)
    playbook = play(*asked, answer_headers("east", stream=stream), ResponseBody(body, end_of_stream=True))
    assert playbook.error["message"] == "[WORD_REDACTED] is too long"
    assert "TICKET" not in playbook.exchange.record.detail


class Careless:
    """A policy that fails on answers, by raising or by saying something senseless."""

    kind = "careless"
    phases = frozenset({Phase.RESPONSE})

    def __init__(self, *, raises: bool) -> None:
        self._raises = raises

    def judge(self, texts: list[Text]) -> list[Verdict]:
        """Fail, or name a policy that does not exist."""
        if self._raises:
            raise ValueError(texts[0].text)
        return [Verdict(findings=(Finding("another", "X", 0, 1),)) for _ in texts]

    def rules(self, _: Place) -> tuple[Rule, ...]:
        """None."""
        return ()


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("answered", [(answer_headers("east"), completion("private")), refusal_of("private")])
def test_a_policy_that_cannot_judge_an_answer(raises: bool, answered: tuple[Event, ...]) -> None:
    """Nothing that was not judged is passed on, be it an answer or a refusal; whose fault it was is in the record."""
    playbook = testing.play(*ASK, *answered, policies=[Careless(raises=raises)])
    record = playbook.exchange.record
    assert playbook.exchange.finished
    assert "private" not in playbook.error["message"] + record.detail
    if not raises:
        assert record.detail.startswith("bug: KeyError at chain.py:")
    elif answered[0].headers[":status"] == "200":
        assert record.detail.startswith("policy careless failed: ValueError at test_exchange_answers.py:")
    else:
        assert record.detail.startswith("withheld: ")
    assert record.status == (400 if record.detail.startswith("withheld: ") else 503)


def whole_only(*events: Event) -> Playbook:
    """A stream request at a target that cannot stream, after these events."""
    return play(*ASK_STREAM, *events, targets=[make_target("east", streaming=False)])


def test_a_stream_request_at_a_target_that_cannot_stream() -> None:
    """Its answer is taken whole; the client gets a stream of it."""
    playbook = whole_only(answer_headers("east")).expect(WHOLE)
    (action,) = playbook.feed(completion("Hello")).ends("served").actions[-1:]
    assert isinstance(action, Replace)
    assert dict(action.set_headers)["content-type"] == "text/event-stream; charset=utf-8"
    first, last, done, rest = action.body.split(b"\n\n")
    assert orjson.loads(first.removeprefix(b"data: "))["choices"][0]["delta"]["content"] == "Hello"
    assert orjson.loads(last.removeprefix(b"data: "))["choices"][0]["finish_reason"] == "stop"
    assert (done, rest) == (b"data: [DONE]", b"")


def test_policies_refuse_a_stream_that_was_taken_whole_with_a_status() -> None:
    """Nothing has been sent yet: a 409 instead of an error event; what is redacted is redacted in the stream."""
    blocked = whole_only(answer_headers("east"), completion("so FATAL")).ends("blocked", 409)
    assert blocked.error["code"] == "output_blocked"
    redacted = whole_only(answer_headers("east"), completion("so TICKET")).ends("served")
    assert b"so [WORD_REDACTED]" in redacted.actions[-1].body


def test_a_target_that_cannot_stream_fails_with_a_status() -> None:
    """What it says wrongly, whole, is an error body."""
    playbook = whole_only(answer_headers("east"), ResponseBody(b"no JSON", end_of_stream=True)).ends("failed", 502)
    assert playbook.error["type"] == "server_error"


def test_a_session_is_opened_and_told() -> None:
    """The client's header reaches the attempt; the session that SageMaker opened comes back with its target's name."""
    head = chat_headers(x_sagemaker_session_id="new")
    playbook = play(head, chat_body("Hi"), targets=[make_target("east", sessions=True)])
    (replace,) = playbook.actions[-1:]
    assert isinstance(replace, Replace)
    assert replace.metadata["kt.attempts"]["east"]["x-amzn-sagemaker-session-id"] == "NEW_SESSION"
    opened = {"x-amzn-sagemaker-new-session-id": "1f2e; Expires=2027-01-15T09:00:00Z"}
    answered = answer_headers("east")
    playbook.feed(testing.answer_headers("east", headers={**answered.headers, **opened}), completion("Hello"))
    (told,) = playbook.actions[-1:]
    assert isinstance(told, Replace)
    assert dict(told.set_headers)["x-sagemaker-session-id"] == "east:1f2e; Expires=2027-01-15T09:00:00Z"
    assert set(opened) <= set(told.remove_headers)


def test_a_session_that_is_none_is_refused() -> None:
    """A header that names no session, and one that asks a model without sessions for one: 400, nothing is sent."""
    broken = play(chat_headers(x_sagemaker_session_id="?")).ends("rejected", 400)
    assert "x-sagemaker-session-id" in broken.error["message"]
    unknown = play(chat_headers(x_sagemaker_session_id="new"), chat_body("Hi")).ends("rejected", 400)
    assert unknown.error["code"] == "unsupported_parameter"
