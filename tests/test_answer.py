"""From SageMaker's bytes to the client's: whole answers, streams cut anywhere, and what is counted of both."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.answer import StreamedAnswer, whole
from extproc.ask import Asked
from extproc.errors import GatewayError, GatewayUnavailable, PolicyRefusal, UpstreamFailed
from extproc.openai import chat, context
from extproc.policies.base import Rule
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.policies.verdict import Phase, Place, Text, Verdict
from extproc.policies.window import HOLD_LIMIT
from extproc.record import ExchangeRecord
from extproc.sagemaker.eventstream import encode
from extproc.testing import NOW, chat_body, completion, frame, make_target, streamed

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
CHAIN = Chain((build("pii-detector", {}), build("dlp-filter", {"patterns": WORDS})))
NO_POLICY = Chain(())


def asked(**fields: Any) -> Asked:
    """A request that has been asked; its prompt is estimated at 5 tokens."""
    call = chat.parse(chat_body("Hi", **fields).body)
    return Asked(call, (make_target(),), b"", (), {})


def fresh() -> ExchangeRecord:
    """A record with nothing in it."""
    return ExchangeRecord(started=NOW, config={})


def judged(body: bytes, chain: Chain = CHAIN) -> tuple[dict[str, Any], ExchangeRecord]:
    """A whole answer as the client gets it, and the record."""
    record = fresh()
    given_to = whole(body, asked=asked(), target=make_target(), guard=chain.guard(), record=record)
    document: dict[str, Any] = orjson.loads(given_to)
    return document, record


class Client:
    """A stream with its client: what was pushed in, and what came out."""

    def __init__(self, chain: Chain = CHAIN, *, framed: bool = True, **fields: Any) -> None:
        self.record = fresh()
        self.answer = StreamedAnswer(
            asked(stream=True, **fields), make_target(), guard=chain.guard(), record=self.record, framed=framed
        )
        self.got = b""

    def push(self, *pieces: bytes, last: bool = False) -> Client:
        """Push pieces; `last`: the upstream's body ends with the last of them."""
        for at, piece in enumerate(pieces):
            self.got += self.answer.push(piece, last=last and at == len(pieces) - 1)
        return self

    @property
    def events(self) -> list[Any]:
        """The events' documents; [DONE] as itself."""
        *events, end = self.got.split(b"\n\n")
        assert end == b""
        assert all(event.startswith(b"data: ") for event in events)
        payloads = [event.removeprefix(b"data: ") for event in events]
        return ["[DONE]" if payload == b"[DONE]" else orjson.loads(payload) for payload in payloads]

    @property
    def text(self) -> str:
        """The content of all choices, added up."""
        choices = [choice for event in self.events if "choices" in event for choice in event["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def error(self) -> dict[str, Any]:
        """The error that the stream ended in; no [DONE] may follow it."""
        error: dict[str, Any] = self.events[-1]["error"]
        return error


def data(*texts: str, **fields: Any) -> bytes:
    """The bytes of a streamed answer."""
    return b"".join(part.body for part in streamed(*texts, **fields))


# Whole answers.


def test_a_whole_answer() -> None:
    """The client's model name, redacted text in every choice, and the container's count of tokens."""
    document, record = judged(completion("a SECRET", "b", usage={"prompt_tokens": 9, "completion_tokens": 4}).body)
    assert [choice["message"]["content"] for choice in document["choices"]] == ["a [WORD_REDACTED]", "b"]
    assert document["model"] == "model"
    assert record.findings == {("response", "dlp-filter", "word"): 1}
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == (9, 4, False)
    assert record.finish_reasons == ("stop", "stop")


@pytest.mark.parametrize("own", [{}, {"id": "chatcmpl-1", "created": 7}], ids=["without", "with"])
def test_an_answer_has_an_id_and_a_time(own: dict[str, Any]) -> None:
    """The container's if it tells them, else the exchange's: the same in every chunk."""
    record = ExchangeRecord(started=NOW, config={}, request_id="r")
    body = orjson.dumps({**own, "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]})
    got = orjson.loads(whole(body, asked=asked(), target=make_target(), guard=NO_POLICY.guard(), record=record))
    expected = own or {"id": "chatcmpl-r", "created": int(NOW)}
    assert {name: got[name] for name in ("id", "created")} == expected
    answer = StreamedAnswer(asked(stream=True), make_target(), guard=NO_POLICY.guard(), record=record, framed=False)
    chunk = {**own, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    event = orjson.loads(answer.push(b"data: " + orjson.dumps(chunk) + b"\n\n", last=False).removeprefix(b"data: "))
    assert {name: event[name] for name in ("id", "created")} == expected


def test_an_estimate_of_a_dialects_is_one_in_the_record() -> None:
    """A dialect tells the client numbers that its container did not report, and says so."""
    record, target = fresh(), make_target(format="tgi", prompt_template="plain")
    body = b'[{"generated_text": "four words it says"}]'
    whole(body, asked=asked(), target=target, guard=NO_POLICY.guard(), record=record)
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == (5, 5, True)


def test_a_blocked_answer_was_paid_for() -> None:
    """A refusal with its policy; tokens, findings and finish reasons are recorded all the same."""
    record = fresh()
    with pytest.raises(PolicyRefusal) as raised:
        whole(completion("FATAL").body, asked=asked(), target=make_target(), guard=CHAIN.guard(), record=record)
    assert (raised.value.openai_code, raised.value.policy) == ("output_blocked", "dlp-filter")
    assert record.block == ("response", "dlp-filter", "fatal")
    assert (record.prompt_tokens, record.completion_tokens, record.finish_reasons) == (5, 2, ("stop",))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"choices": []}', b'{"choices": [{}]}', b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    """It is a 502, and nothing of it is passed on or kept."""
    with pytest.raises(UpstreamFailed) as raised:
        judged(body)
    assert raised.value.http_status == 502
    assert not body or body.decode("latin-1") not in raised.value.message + raised.value.detail


USAGES: dict[str, tuple[Any, tuple[int, int, bool]]] = {
    "both": ({"prompt_tokens": 9, "completion_tokens": 4}, (9, 4, False)),
    "zeros": ({"prompt_tokens": 0, "completion_tokens": 0}, (0, 0, False)),
    "none": (None, (5, 3, True)),
    "empty": ({}, (5, 3, True)),
    "no object": ("9", (5, 3, True)),
    "half": ({"completion_tokens": 4}, (5, 4, True)),
    "nonsense": ({"prompt_tokens": -1, "completion_tokens": True}, (5, 3, True)),
    "no integers": ({"prompt_tokens": 9.0, "completion_tokens": "4"}, (5, 3, True)),
}


@pytest.mark.parametrize(("usage", "counted"), USAGES.values(), ids=USAGES)
def test_usage(usage: Any, counted: tuple[int, int, bool]) -> None:
    """Whole or streamed, the container's count is taken; what it does not tell is estimated, and marked."""
    _, record = judged(completion("eleven char", usage=usage).body)
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == counted
    record = Client().push(data("eleven", " char", usage=usage), last=True).record
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == counted


def test_estimates_count_what_the_model_said() -> None:
    """Reasoning and tool arguments count, before redaction; names, ids and what is beside the message do not."""
    call = {"id": "call-1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message = {"role": "assistant", "content": "SECRET", "reasoning_content": "hm, let me", "tool_calls": [call]}
    body = {"id": "a" * 99, "x": "y" * 99, "choices": [{"message": message, "finish_reason": "stop", "x": "y" * 99}]}
    _, record = judged(orjson.dumps(body))
    counted = record.completion_tokens
    deltas = [{"reasoning_content": "hm, let me"}, {"content": "SECRET"}, {"tool_calls": [{"index": 0, **call}]}, {}]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    client = Client().push(*(frame(b"data: " + orjson.dumps(chunk) + b"\n\n") for chunk in chunks), b"", last=True)
    assert counted == client.record.completion_tokens == -(-len("SECRET" + "hm, let me" + '{"a":1}') // 4)


def test_the_prompt_is_estimated_as_for_the_context() -> None:
    """One estimate for both purposes."""
    assert fresh().prompt_tokens is None
    assert judged(completion("x").body)[1].prompt_tokens == context.prompt_tokens(asked().call) == 5


class Broken:
    """A policy that cannot judge, and says what it could not."""

    kind = "broken"
    phases = frozenset({Phase.RESPONSE})

    def judge(self, texts: list[Text]) -> list[Verdict]:
        """Fail."""
        raise ValueError(texts[0].text)

    def rules(self, _: Place) -> tuple[Rule, ...]:
        """None for deltas."""
        return ()


def test_a_policy_that_fails_on_an_answer() -> None:
    """503, and of the fault only its kind and place are told."""
    with pytest.raises(GatewayUnavailable) as raised:
        judged(completion("private").body, Chain((Broken(),)))
    assert raised.value.detail.startswith("policy broken failed: ValueError at test_answer.py:")
    assert "private" not in raised.value.message + raised.value.detail
    _, record = judged(completion("private").body, Chain((Broken(),), fail_open=True))
    assert record.skipped_policies == {"broken"}


# Streams.


def test_a_stream() -> None:
    """Deltas as they came, the finish, [DONE], and the record complete at the end."""
    client = Client().push(data("Hi ", "SECRET", " there"), last=True)
    assert client.text == "Hi [WORD_REDACTED] there"
    assert client.events[-1] == "[DONE]"
    assert client.answer.ended
    assert client.answer.error is None
    assert client.record.finish_reasons == ("stop",)
    assert client.record.findings == {("response", "dlp-filter", "word"): 1}


def test_text_goes_as_soon_as_it_may() -> None:
    """What no rule can still match goes at once, even while the frame after it is incomplete."""
    first, second, *_ = (part.body for part in streamed("a plain sentence, ", "SEC", "RET"))
    client = Client(Chain((build("dlp-filter", {"patterns": WORDS}),))).push(first + second[:-1])
    assert client.text == "a plain sentence, "
    assert client.push(second[-1:]).text == "a plain sentence, "


def test_events_of_other_kinds_are_passed_over() -> None:
    """AWS may add kinds of events to the stream: what is no PayloadPart is no text, whatever it holds."""
    other = encode({":message-type": "event", ":event-type": "Telemetry"}, b"<html>")
    client = Client().push(other, data("Hi"), other, last=True)
    assert client.text == "Hi"
    assert client.events[-1] == "[DONE]"


def test_what_is_held_when_a_stream_ends_without_a_finish() -> None:
    """[DONE] alone ends an answer too: text that waited for a match goes out before it."""
    held = frame(b'data: {"choices": [{"index": 0, "delta": {"content": "one SEC"}}]}\n\n')
    client = Client().push(held).push(frame(b"data: [DONE]\n\n"), b"", last=True)
    assert client.text == "one SEC"
    assert client.events[-1] == "[DONE]"
    assert client.record.finish_reasons == ()


@pytest.mark.parametrize("wanted", [True, False])
def test_the_usage_chunk_is_sent_when_asked_for(wanted: bool) -> None:
    """The container is always asked for usage; the client sees it only if it asked, the record always."""
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    fields = {"stream_options": {"include_usage": True}} if wanted else {}
    last = frame(b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\n")
    *parts, done, end = (part.body for part in streamed("Hi"))
    client = Client(**fields).push(*parts, last, done, end, last=True)
    assert [event["usage"] for event in client.events if event != "[DONE]" and event.get("usage")] == [usage] * wanted
    assert (client.record.prompt_tokens, client.record.tokens_estimated) == (9, False)


def exception(kind: str, payload: bytes = b"{}") -> bytes:
    """A frame that ends a stream with an exception."""
    return encode({":message-type": "exception", ":exception-type": kind}, payload)


HI = b"".join(part.body for part in streamed("Hi ")[:1])
BROKEN: dict[str, tuple[list[bytes], str]] = {
    "nothing at all": ([b""], "model_stream_error"),
    "no end": ([HI, b""], "model_stream_error"),
    "cut in a frame": ([HI, HI[:-20]], "model_stream_error"),
    "bad checksum": ([HI, HI[:-1] + b"\0", b""], "model_stream_error"),
    "giant frame": ([HI, b"\xff" * 64], "model_stream_error"),
    "no JSON": ([HI, frame(b"<html>\n")], "model_stream_error"),
    "text outside frames": ([HI, b"data: {}\n\n"], "model_stream_error"),
    "exception": ([HI, exception("ModelStreamError", b'{"Message": "arn:aws:..."}')], "model_stream_error"),
    "throttled": ([HI, exception("ThrottlingException")], "rate_limit_exceeded"),
    "timed out": (
        [HI, exception("ModelStreamError", b'{"ErrorCode": "ModelInvocationTimeExceeded"}')],
        "model_stream_error",
    ),
    "error chunk": ([HI, frame(b'data: {"error": {"message": "CUDA"}}\n\n')], "model_stream_error"),
    "error finish": ([HI, frame(b'data: {"choices": [{"finish_reason": "error"}]}\n\n')], "model_stream_error"),
}


@pytest.mark.parametrize(("pieces", "code"), BROKEN.values(), ids=BROKEN)
def test_a_stream_that_breaks(pieces: list[bytes], code: str) -> None:
    """What came before stays, an error event ends it without [DONE], and the upstream's words are not told."""
    client = Client().push(*pieces, last=True)
    assert client.error["code"] == code
    assert client.answer.ended
    assert isinstance(client.answer.error, GatewayError)
    assert b"[DONE]" not in client.got
    assert not [word for word in (b"arn:", b"CUDA", b"html") if word in client.got]
    begun = pieces[0] == HI
    assert client.text.strip() in (("Hi", "") if begun else ("",))
    assert client.record.tokens_estimated is begun
    assert client.record.completion_tokens == (1 if begun else None)


@pytest.mark.parametrize("end", [exception("ModelStreamError"), data("FATAL"), data("Hi")])
def test_after_the_end_nothing_comes(end: bytes) -> None:
    """Bytes after an end are not read: neither text nor a second error comes out."""
    client = Client().push(end, b"", last=end == data("Hi"))
    assert client.answer.ended
    before = client.got
    assert client.push(data("more"), data("FATAL"), last=True).got == before


def test_an_aborted_stream_is_accounted() -> None:
    """What was said until then is estimated; the container's own count, should it have come, is better."""
    client = Client(NO_POLICY).push(*(part.body for part in streamed("12345678", "9")[:2]))
    client.answer.account()
    assert (client.record.prompt_tokens, client.record.completion_tokens) == (5, 3)
    assert client.record.tokens_estimated
    client.push(*(part.body for part in streamed(usage={"prompt_tokens": 6, "completion_tokens": 2})[:1]))
    client.answer.account()
    assert (client.record.prompt_tokens, client.record.completion_tokens) == (6, 2)
    assert not client.record.tokens_estimated


def test_accounting_twice_counts_once() -> None:
    """An end that is revoked accounts again; findings are not counted again."""
    client = Client().push(data("SECRET"), last=True)
    client.answer.fail(GatewayUnavailable("m"))
    assert client.record.findings == {("response", "dlp-filter", "word"): 1}


def test_a_policy_that_fails_in_a_stream() -> None:
    """An error event in place of everything that was held."""
    *parts, _, _ = (part.body for part in streamed("Hi"))
    odd = frame(b"data: " + orjson.dumps({"choices": [{"delta": {}, "unheard_of": "private"}]}) + b"\n\n")
    client = Client(Chain((Broken(),))).push(*parts[:1], odd, last=True)
    assert client.text == "Hi"
    assert client.error["code"] == "gateway_unavailable"
    assert b"private" not in client.got


# A match that is open for longer than is held back.
OPEN = r"KEY\[[^\]]*\]"


def open_ended(action: str) -> Chain:
    """A chain with one rule whose match can be of any length."""
    return Chain((build("dlp-filter", {"patterns": [{"name": "key", "regex": OPEN, "action": action}]}),))


def flood() -> list[str]:
    """Pieces of a text that opens a match and goes on beyond what is held."""
    return ["before KEY[", *["x" * 1000] * (HOLD_LIMIT // 1000 + 3)]


def test_an_open_match_beyond_the_bound_is_redacted_at_once() -> None:
    """The marker goes out without waiting for the match's end; its text never does, and what follows it does."""
    frames = [part.body for part in streamed(*flood(), "x] after", " it")]
    client = Client(open_ended("redact")).push(*frames[: len(flood())])
    assert client.text == "before [KEY_REDACTED]"
    client.push(*frames[len(flood()) :], last=True)
    assert client.text == "before [KEY_REDACTED] after it"
    assert client.record.findings == {("response", "dlp-filter", "key"): 1}
    assert client.events[-1] == "[DONE]"


def test_an_open_match_beyond_the_bound_is_blocked() -> None:
    """A rule that blocks is not waited for either: text that might belong to its match is never sent."""
    client = Client(open_ended("block")).push(*(part.body for part in streamed(*flood())))
    assert client.text == "before "
    assert client.error["code"] == "output_blocked"
    assert client.record.block == ("response", "dlp-filter", "key")


def test_a_match_that_is_still_open_at_the_end() -> None:
    """Within the bound nothing is lost: a match that never came true is plain text."""
    client = Client(open_ended("redact")).push(data("before KEY[", "never closed"), last=True)
    assert client.text == "before KEY[never closed"


@pytest.mark.parametrize("kind", ["text/event-stream", "json lines", "one document"])
def test_bare_payloads(kind: str) -> None:
    """Without frames: events, JSON lines, or a whole answer from a container that does not stream."""
    parts = [{"choices": [{"index": 0, "delta": {"content": "a SECRET"}, "finish_reason": "stop"}]}]
    bodies = {
        "text/event-stream": b"".join(b"data:" + orjson.dumps(part) + b"\r\n\r\n" for part in parts),
        "json lines": b"".join(orjson.dumps(part) + b"\n" for part in parts),
        "one document": orjson.dumps(orjson.loads(completion("a SECRET").body), option=orjson.OPT_INDENT_2),
    }
    client = Client(framed=False).push(bodies[kind], last=True)
    assert client.text == "a [WORD_REDACTED]"
    assert client.events[-1] == "[DONE]"
