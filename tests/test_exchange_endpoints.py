"""Completions and embeddings as exchanges: judged on both sides, translated, and told in their own form."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.actions import BodyMode, Continue, Release, Replace, Respond
from extproc.errors import ContextLengthExceeded, UnsupportedParameter
from extproc.events import RequestBody, ResponseBody
from extproc.openai import completions, embeddings
from extproc.policies.table import build
from extproc.routing.targets import Target
from extproc.testing import (
    MODEL,
    Playbook,
    Some,
    answer_headers,
    chat_body,
    chat_headers,
    frame,
    make_runtime,
    make_target,
    play,
)

WORDS = [
    {"name": "fatal", "regex": r"\d{4}-FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
POLICIES = [build("dlp-filter", {"patterns": WORDS}), build("pii-detector", {})]
COMPLETING = make_target("east", kind="completion", temperature=None)
EMBEDDING = make_target("east", kind="embedding", format="tei")


def body(**fields: Any) -> RequestBody:
    """A request with these fields beside its model."""
    return RequestBody(orjson.dumps({"model": MODEL, **fields}))


def asked(target: Target, path: str, **fields: Any) -> Playbook:
    """An exchange that has been asked."""
    playbook = play(chat_headers(path), policies=POLICIES, targets=[target])
    return playbook.feed(body(**fields))


def sent(playbook: Playbook) -> Any:
    """The document of the last body that was put in another's place: what goes upstream, or to the client."""
    last = playbook.actions[-1]
    assert isinstance(last, Replace)
    return orjson.loads(last.body)


def released(playbook: Playbook) -> bytes:
    """All that a stream has let go."""
    return b"".join(action.body for action in playbook.actions if isinstance(action, Release))


def events(raw: bytes) -> list[Any]:
    """The documents of a stream's events; [DONE] as itself."""
    payloads = [event.removeprefix(b"data: ") for event in raw.split(b"\n\n") if event]
    return ["[DONE]" if payload == b"[DONE]" else orjson.loads(payload) for payload in payloads]


def text(raw: bytes) -> str:
    """The text of a stream's chunks."""
    return "".join(c["text"] for event in events(raw) if "choices" in event for c in event["choices"])


# Completions.


def answered(*texts: str, **fields: Any) -> ResponseBody:
    """A container's whole completion with a choice for each text."""
    choices = [{"index": at, "text": said, "finish_reason": "stop"} for at, said in enumerate(texts)]
    return ResponseBody(orjson.dumps({"id": "cmpl-1", "object": "text_completion", "choices": choices, **fields}), True)


def pieces(*texts: str) -> bytes:
    """A container's streamed completion."""
    parts: list[Any] = [{"index": 0, "text": said, "finish_reason": None} for said in texts]
    parts.append({"index": 0, "text": "", "finish_reason": "stop"})
    chunks = [b"data: " + orjson.dumps({"id": "cmpl-1", "choices": [part]}) + b"\n\n" for part in parts]
    return b"".join([*chunks, b"data: [DONE]\n\n"])


def test_a_completion_is_judged_and_told_in_its_own_form() -> None:
    """Every prompt goes through the policies, every text of the answer too."""
    playbook = asked(COMPLETING, "/v1/completions", prompt=["to bob@example.com", "b"], suffix="a SECRET", max_tokens=5)
    assert sent(playbook) == {
        "prompt": ["to [EMAIL_REDACTED]", "b"],
        "suffix": "a [WORD_REDACTED]",
        "max_tokens": 5,
    }
    playbook.feed(answer_headers("east")).expect(Some(Continue, body_mode=BodyMode.BUFFERED))
    playbook.feed(answered("a SECRET", "b", usage={"prompt_tokens": 9, "completion_tokens": 2})).ends("served")
    document = sent(playbook)
    assert (document["object"], document["model"], document["id"]) == ("text_completion", MODEL, "cmpl-1")
    assert [choice["text"] for choice in document["choices"]] == ["a [WORD_REDACTED]", "b"]
    assert not any("message" in choice for choice in document["choices"])
    record = playbook.exchange.record
    assert (record.prompt_tokens, record.completion_tokens, record.path) == (9, 2, "/v1/completions")
    assert record.findings["response", "dlp-filter", "word"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_is_refused(stream: bool) -> None:
    """Before anything goes upstream."""
    playbook = asked(COMPLETING, "/v1/completions", prompt="1234-FATAL", stream=stream).ends("blocked", 409)
    assert playbook.error["code"] == "input_blocked"


def test_a_streamed_completion() -> None:
    """Texts as they come, a finish, the usage that was asked for, [DONE]."""
    playbook = asked(COMPLETING, "/v1/completions", prompt="Once", stream=True, stream_options={"include_usage": True})
    assert sent(playbook)["stream_options"] == {"include_usage": True}
    playbook.feed(answer_headers("east", stream=True))
    raw = pieces("Hi ", "SEC", "RET", ".")
    usage = b'data: {"id": "cmpl-1", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 4}}\n\n'
    playbook.feed(ResponseBody(frame(raw.replace(b"data: [DONE]", usage + b"data: [DONE]")), True)).ends("served")
    *chunks, counted, done = events(released(playbook))
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert text(released(playbook)) == "Hi [WORD_REDACTED]."
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"] if c["finish_reason"]] == ["stop"]
    assert (counted["choices"], counted["usage"]["completion_tokens"], done) == ([], 4, "[DONE]")


@given(
    said=st.lists(st.sampled_from(["Hi ", "SEC", "RET", "bob@", "example.", "com ", "日本"]), min_size=1, max_size=8),
    size=st.integers(1, 40),
)
def test_a_stream_says_what_a_whole_answer_says(said: list[str], size: int) -> None:
    """However it is cut, the text that leaves is the same."""
    whole = asked(COMPLETING, "/v1/completions", prompt="Once").feed(answer_headers("east"), answered("".join(said)))
    streamed = asked(COMPLETING, "/v1/completions", prompt="Once", stream=True)
    streamed.feed(answer_headers("east", stream=True))
    raw = frame(pieces(*said))
    for at in range(0, len(raw), size):
        streamed.feed(ResponseBody(raw[at : at + size], at + size >= len(raw)))
    assert text(released(streamed)) == sent(whole)["choices"][0]["text"]
    assert events(released(streamed))[-1] == "[DONE]"


def test_a_completion_blocked_in_mid_stream_ends_with_an_error() -> None:
    """No [DONE], and nothing of what was blocked."""
    playbook = asked(COMPLETING, "/v1/completions", prompt="Once", stream=True)
    playbook.feed(answer_headers("east", stream=True), ResponseBody(frame(pieces("a ", "1234", "-FATAL", " b")), True))
    assert (playbook.error["code"], b"1234" in released(playbook)) == ("output_blocked", False)
    assert b"[DONE]" not in released(playbook)


@pytest.mark.parametrize("stream", [False, True])
def test_a_container_that_generates_text_completes_it(stream: bool) -> None:
    """TGI's answer in OpenAI's older form, with an id, a time, and usage marked as far as it is estimated."""
    target = make_target("east", kind="completion", format="tgi", temperature=None, streaming=False)
    playbook = asked(target, "/v1/completions", prompt="Once", stream=stream, max_tokens=3, logprobs=0)
    assert sent(playbook)["inputs"] == "Once"
    tokens = [{"id": 1, "text": " upon", "logprob": -0.5, "special": False}]
    details = {"finish_reason": "length", "generated_tokens": 3, "tokens": tokens}
    answer = orjson.dumps([{"generated_text": " upon", "details": details}])
    playbook.feed(answer_headers("east"), ResponseBody(answer, True)).ends("served")
    last = playbook.actions[-1]
    assert isinstance(last, Replace)
    older = {"tokens": [" upon"], "token_logprobs": [-0.5], "top_logprobs": [None], "text_offset": [0]}
    if stream:
        first, end, done = events(last.body)
        assert (first["choices"][0]["text"], first["choices"][0]["logprobs"]) == (" upon", older)
        assert (end["choices"][0]["finish_reason"], done) == ("length", "[DONE]")
    else:
        first = orjson.loads(last.body)
        assert first["choices"] == [{"index": 0, "logprobs": older, "finish_reason": "length", "text": " upon"}]
        assert first["usage"]["estimated"] == ["prompt_tokens"]
    assert (first["id"], first["object"]) == ("cmpl-request-1", "text_completion")
    assert playbook.exchange.record.tokens_estimated


@pytest.mark.parametrize(
    ("dialect", "fields", "param"),
    [
        ("tgi", {"prompt": ["a", "b"]}, "prompt"),
        ("tgi", {"prompt": "a", "echo": True}, "echo"),
        ("tgi", {"prompt": "a", "suffix": "b"}, "suffix"),
        ("tgi", {"prompt": "a", "best_of": 2}, "best_of"),
        ("tgi", {"prompt": "a", "logprobs": 6}, "logprobs"),
        ("lmi", {"prompt": "a", "logprobs": 1}, "logprobs"),
        ("lmi-dynamic-batch", {"prompt": "a", "logprobs": 0}, "logprobs"),
        ("jumpstart-llama2", {"prompt": "a", "stop": "b"}, "stop"),
        ("bedrock-marketplace", {"prompt": "a", "seed": 0}, "seed"),
    ],
)
def test_what_a_container_cannot_express_is_refused_by_name(
    asking: Any, dialect: str, fields: dict[str, Any], param: str
) -> None:
    """Never dropped silently."""
    runtime = make_runtime(make_target("east", kind="completion", format=dialect))
    error, _ = asking.refused(runtime, UnsupportedParameter, endpoint=completions, body=body(**fields).body)
    assert error.param == param


# Embeddings.


def test_texts_are_judged_before_they_are_embedded() -> None:
    """What is redacted is what is embedded; the answer is OpenAI's list, its tokens estimated."""
    playbook = asked(EMBEDDING, "/v1/embeddings", input=["to bob@example.com", "a SECRET"], user="u")
    assert sent(playbook) == {"inputs": ["to [EMAIL_REDACTED]", "a [WORD_REDACTED]"]}
    playbook.feed(answer_headers("east")).expect(Some(Continue, body_mode=BodyMode.BUFFERED))
    playbook.feed(ResponseBody(b"[[0.5, 1], [2, 3]]", True)).ends("served")
    document = sent(playbook)
    assert [(entry["index"], entry["embedding"]) for entry in document["data"]] == [(0, [0.5, 1]), (1, [2, 3])]
    record = playbook.exchange.record
    assert (record.prompt_tokens, record.completion_tokens, record.tokens_estimated) == (10, 0, True)
    assert (record.stream, record.verdict) == (False, "redact")


def test_base64_is_what_was_asked_for() -> None:
    """Whatever the container answers with."""
    playbook = asked(EMBEDDING, "/v1/embeddings", input="a", encoding_format="base64")
    playbook.feed(answer_headers("east"), ResponseBody(b"[[0.5, 1]]", True))
    packed = base64.b64decode(sent(playbook)["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == (0.5, 1.0)


def test_a_blocked_text_among_many_is_refused() -> None:
    """Nothing of the batch goes upstream."""
    playbook = asked(EMBEDDING, "/v1/embeddings", input=["a", "1234-FATAL"]).ends("blocked", 409)
    assert not any(isinstance(action, Replace) for action in playbook.actions)


def test_what_is_no_answer_is_a_502() -> None:
    """A vector too few, say; the client gets none rather than another's."""
    playbook = asked(EMBEDDING, "/v1/embeddings", input=["a", "b"])
    playbook.feed(answer_headers("east"), ResponseBody(b"[[0.5]]", True)).ends("failed", 502)
    assert isinstance(playbook.actions[-1], Respond)


# Both.


def test_a_model_is_served_at_the_path_of_its_kind() -> None:
    """A chat with a model that embeds is told where that model is."""
    playbook = play(chat_headers(), chat_body("Hi"), targets=[EMBEDDING]).ends("rejected", 404)
    assert playbook.error["code"] == "model_not_found"
    assert "/v1/embeddings" in playbook.error["message"]


@pytest.mark.parametrize(
    ("endpoint", "field", "kind"), [(completions, "prompt", "completion"), (embeddings, "input", "embedding")]
)
def test_the_longest_text_has_to_fit(asking: Any, endpoint: Any, field: str, kind: str) -> None:
    """Each is answered by itself: many short ones pass where one long one does not."""
    runtime = make_runtime(make_target("east", kind=kind, max_context_tokens=20))
    short, long = {field: ["a" * 60] * 10}, {field: ["a", "a" * 90]}
    assert asking(runtime, endpoint=endpoint, body=body(**short).body)[0].targets
    error, _ = asking.refused(runtime, ContextLengthExceeded, endpoint=endpoint, body=body(**long).body)
    assert (error.param, error.openai_code) == (field, "context_length_exceeded")


@pytest.mark.parametrize(
    ("target", "path", "fields", "param"),
    [
        (make_target("east"), "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, "messages"),
        (COMPLETING, "/v1/completions", {"prompt": "Hi"}, "prompt"),
        (EMBEDDING, "/v1/embeddings", {"input": "Hi"}, "input"),
    ],
)
def test_a_containers_own_limit_names_the_field(target: Target, path: str, fields: Any, param: str) -> None:
    """Containers say what is too long in words; the field is the endpoint's."""
    said = orjson.dumps({"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 600"})
    wrapped = {"OriginalStatusCode": 413, "OriginalMessage": said.decode(), "Message": ""}
    playbook = asked(target, path, **fields)
    playbook.feed(answer_headers("east", 424), ResponseBody(orjson.dumps(wrapped), True)).ends("rejected", 400)
    assert (playbook.error["code"], playbook.error["param"]) == ("context_length_exceeded", param)
