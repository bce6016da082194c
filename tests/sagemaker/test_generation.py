"""Generated texts as chat completions, whole and streamed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import GatewayError, RateLimited, UpstreamError, UpstreamFailed
from extproc.openai.call import Call
from extproc.openai.sse import PayloadFault
from extproc.routing.targets import Target
from extproc.sagemaker import generation

MESSAGES = [{"role": "user", "content": "Hi"}]
WORDS = ("One", " two", " Ünïcode 🙂", " four")
TEXT = "".join(WORDS)


def call(**document: Any) -> Call:
    """A call with that document."""
    return Call("m", True, True, {"messages": MESSAGES, **document})


def target(**fields: Any) -> Target:
    """A target whose container takes text."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", **fields)


def tgi(*words: str, reason: str = "eos_token", key: str = "logprob") -> list[dict[str, Any]]:
    """A stream of TGI's, or with the other key LMI's, token by token."""
    tokens = [{"id": at, "text": word, key: -0.5} for at, word in enumerate(words)]
    details = {"finish_reason": reason, "generated_tokens": len(words), "input_length": 7}
    ends: list[dict[str, Any]] = [{} for _ in tokens]
    ends[-1] = {"generated_text": "".join(words), "details": details}
    return [{"token": token, **end} for token, end in zip(tokens, ends, strict=True)]


def bedrock(*words: str) -> list[dict[str, Any]]:
    """A stream in Bedrock's wrapping."""
    said = [{"body": {"generation": word, "stop_reason": None}} for word in words]
    count = {"prompt_token_count": 7, "generation_token_count": len(words)}
    return [*said, {"body": {"generation": "", "stop_reason": "stop", **count}, "metering": {}}]


def sse(documents: list[dict[str, Any]], space: bytes = b" ") -> bytes:
    """Server-sent events."""
    return b"".join(b"data:" + space + orjson.dumps(document) + b"\n\n" for document in documents)


def lines(documents: list[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


WHOLE = {"generated_text": TEXT, "details": {"finish_reason": "eos_token", "generated_tokens": 4, "input_length": 7}}
REPORTED = {
    "TGI": sse(tgi(*WORDS)),
    "TGI before 2.1: no space": sse(tgi(*WORDS), b""),
    "TGI with keep-alives": b": keep-alive\n\n:\n\n" + b":\n\n".join(sse([d]) for d in tgi(*WORDS)),
    "TGI with an event's name": b"event: message\nid: 1\n" + sse(tgi(*WORDS)),
    "TGI with a terminator": sse(tgi(*WORDS)) + b"data: [DONE]\n\n",
    "LMI rolling": lines(tgi(*WORDS, key="log_prob")),
    "LMI async": lines([{"index": 0, "generated_text": None, "details": None, **d} for d in tgi(*WORDS)]) + b"\n",
    "a pretty-printed last line": lines(tgi(*WORDS)[:-1]) + orjson.dumps(tgi(*WORDS)[-1], option=orjson.OPT_INDENT_2),
    "Bedrock": lines(bedrock(*WORDS)),
    "one that does not stream": orjson.dumps(WHOLE),
    "one that does not stream, in an array": orjson.dumps([WHOLE], option=orjson.OPT_INDENT_2),
    "the whole text once more in a line of its own": sse([*tgi(*WORDS)[:-1], {"token": {"text": WORDS[-1]}}, WHOLE]),
}
UNREPORTED = {
    "dynamic batch": lines([{"outputs": [word]} for word in WORDS]),
    "JumpStart": orjson.dumps([{"generation": {"role": "assistant", "content": TEXT}}]),
}
COMPLETE = {**REPORTED, **UNREPORTED}
TRUNCATED = {
    "nothing at all": b"",
    "keep-alives only": b":\n\n:\n\n",
    "no end": sse(tgi(*WORDS)[:-1]),
    "no end, but a terminator": sse(tgi(*WORDS)[:-1]) + b"data: [DONE]\n\n",
    "no end of a line stream": lines(tgi(*WORDS, key="log_prob")[:-1]),
    "no stop_reason": lines(bedrock(*WORDS)[:-1]),
}


def stream(payload: bytes, cuts: list[int] | None = None, asked: Call | None = None, **fields: Any) -> Any:
    """The chunks of a payload cut there, and whether it was complete."""
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts or ()), len(payload)]
    translation = generation.stream(asked or call(), target(**fields))
    chunks = [chunk for a, b in pairwise(edges) for chunk in translation.feed(payload[a:b])]
    return chunks + translation.finish(), translation.complete


def said(chunks: list[dict[str, Any]]) -> str:
    """The joined content."""
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def reasons(chunks: list[dict[str, Any]]) -> list[str]:
    """Every finish_reason."""
    return [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]


@pytest.mark.parametrize("name", COMPLETE)
def test_every_container_streams_the_same_answer(name: str) -> None:
    """The role first, the text once, one reason, and the usage last."""
    chunks, complete = stream(COMPLETE[name])
    assert (said(chunks), reasons(chunks), complete) == (TEXT, ["stop"], True)
    assert [chunk["choices"][0]["delta"].get("role") for chunk in chunks[:2]] == ["assistant", None]
    assert [bool(chunk.get("usage")) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


@pytest.mark.parametrize("name", REPORTED)
def test_reported_usage_is_passed_on(name: str) -> None:
    """Numbers of the container's are no estimates."""
    assert stream(REPORTED[name])[0][-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


@pytest.mark.parametrize("name", UNREPORTED)
def test_unreported_usage_is_an_estimate_and_says_so(name: str) -> None:
    """A client that adds tokens up gets numbers, and can tell what they are worth."""
    usage = stream(UNREPORTED[name])[0][-1]["usage"]
    assert usage["estimated"] == ["prompt_tokens", "completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_truncated_answer_is_told_apart(name: str) -> None:
    """No reason is made up, and the stream is not complete."""
    chunks, complete = stream(TRUNCATED[name])
    assert (reasons(chunks), complete) == ([], False)


@given(st.sampled_from([*COMPLETE.values(), *TRUNCATED.values()]), st.lists(st.integers(0, 900)))
def test_where_the_payload_is_cut_means_nothing(payload: bytes, cuts: list[int]) -> None:
    """Parts may end inside an event, a character or a token."""
    assert stream(payload, cuts) == stream(payload)


@given(
    st.sampled_from(list(COMPLETE.values())),
    st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_no_corruption_is_a_surprise(payload: bytes, changes: list[tuple[int, bytes]]) -> None:
    """Whatever arrives becomes chunks of an answer, a payload fault or an error; never anything else."""
    damaged = bytearray(payload)
    for at, data in changes:
        damaged[at % len(damaged) : at % len(damaged) + 1] = data
        damaged = damaged or bytearray(b" ")
    try:
        chunks, _ = stream(bytes(damaged))
    except (PayloadFault, GatewayError):
        return
    assert all("choices" in chunk or "error" in chunk or chunk.get("object") == "error" for chunk in chunks)


def test_text_goes_out_as_it_comes() -> None:
    """Nothing waits for the end but what may be the beginning of a stop."""
    translation = generation.stream(call(stop="END"), target())
    arrived = [said(translation.feed(sse([document]))) for document in tgi("One", " E", "N", " two")]
    assert arrived == ["One", " ", "", "EN two"]


@pytest.mark.parametrize(
    "payload", [sse(tgi("One", " two", " END", "!")), orjson.dumps({"generated_text": "One two END!"})]
)
def test_a_stop_sequence_is_no_part_of_the_answer(payload: bytes) -> None:
    """TGI answers with it, OpenAI without; what the container says after it is its own business."""
    chunks, complete = stream(payload, asked=call(stop=[" END"]))
    assert (said(chunks), reasons(chunks), complete) == ("One two", ["stop"], True)


def test_a_templates_own_tokens_are_no_part_of_the_answer() -> None:
    """A model that ends its turn in text does not show it to the client."""
    payload = sse(tgi("Hi", "<|eot", "_id|>", "assistant", reason="length"))
    chunks, _ = stream(payload, prompt_template="llama3")
    assert (said(chunks), reasons(chunks)) == ("Hi", ["stop"])


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("length", "length"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("stop", "stop"),
        ("eos", "stop"),
        ("error", "error"),
        ("abort", "error"),
        ("<|eot_id|>", "stop"),
    ],
)
def test_reasons_are_openais(reason: str, expected: str) -> None:
    """An error stays one: whoever relays it ends the stream with an error event."""
    assert reasons(stream(sse(tgi("a", reason=reason)))[0]) == [expected]


def test_an_error_in_the_stream_is_passed_to_who_judges_it() -> None:
    """TGI's string and vLLM's object alike."""
    error = {"error": "Request failed during generation", "error_type": "generation"}
    chunks, complete = stream(sse([*tgi(*WORDS)[:1], error]))
    assert (chunks[-1], complete) == (error, False)


def test_another_dialect_in_the_stream_is_a_failure() -> None:
    """Never an empty answer."""
    with pytest.raises(UpstreamFailed):
        stream(sse([{"choices": [{"delta": {"content": "x"}}]}]))


@given(st.lists(st.integers(0, 900)))
def test_what_comes_before_a_failure_is_given_at_any_split(cuts: list[int]) -> None:
    """The chunks before a document that is no answer are the same wherever the payload is cut."""
    payload = lines([{"outputs": ["a"]}, {"outputs": [" b"]}, {"text": "c"}, {"outputs": [" d"]}])
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    translation, chunks = generation.stream(call(), target()), []
    with pytest.raises(UpstreamFailed):  # noqa: PT012 - where it is raised depends on the split
        for a, b in pairwise(edges):
            chunks += translation.feed(payload[a:b])
        translation.finish()
    assert said(chunks) == "a b"


def test_log_probabilities_come_with_their_text() -> None:
    """While a stop may still begin in a token's text, neither goes out."""
    asked = call(logprobs=True, stop="END")
    documents = tgi("One", " E", "ND", "!")
    documents[0]["top_tokens"] = [{"text": "Uno", "logprob": -2}]
    chunks, _ = stream(sse(documents), asked=asked)
    spelled = [
        entry for chunk in chunks for c in chunk["choices"] for entry in (c["logprobs"] or {}).get("content", ())
    ]
    uno = {"token": "Uno", "logprob": -2.0, "bytes": [85, 110, 111]}
    assert spelled == [{"token": "One", "logprob": -0.5, "bytes": [79, 110, 101], "top_logprobs": [uno]}]
    assert said(chunks) == "One "


def test_what_comes_after_a_stop_is_not_kept() -> None:
    """A container that does not stop may go on as long as it likes: nothing of it is held."""
    translation = generation.stream(call(stop="END", logprobs=True), target())
    translation.feed(sse([{"token": {"text": "END", "logprob": 0}}]))
    for _ in range(100):
        assert translation.feed(sse([{"token": {"text": "more" * 1000, "logprob": 0}}])) == []
    assert len(translation._answer._tokens) <= 1
    assert not translation._answer._filter.held


def test_tokens_that_wait_for_their_text_are_bounded() -> None:
    """A container that holds the beginning of a stop for ever, and sends tokens that spell nothing, is cut off."""
    translation = generation.stream(call(stop="END", logprobs=True), target())
    translation.feed(sse([{"token": {"text": "EN", "logprob": 0}}]))
    nothing = sse([{"token": {"text": "", "logprob": 0}}])
    with pytest.raises(UpstreamFailed):  # noqa: PT012 - which of them is one too many is not said
        for _ in range(2 * generation.MAX_WAITING_TOKENS):
            translation.feed(nothing)
    assert len(translation._answer._tokens) <= generation.MAX_WAITING_TOKENS + 1


def test_a_whole_answers_log_probabilities() -> None:
    """From the tokens in its details; one without a probability is an unlikely one."""
    tokens = [{"id": 1, "text": "Hi", "logprob": None}, {"id": 2, "text": "</s>", "logprob": 0, "special": True}]
    body = orjson.dumps([{"generated_text": " Hi", "details": {"finish_reason": "eos_token", "tokens": tokens}}])
    document = generation.response(body, call(logprobs=True), target())
    assert document["choices"][0]["logprobs"] == {
        "content": [{"token": "Hi", "logprob": -9999.0, "bytes": [72, 105], "top_logprobs": []}]
    }


NO_ANSWER = {
    "empty": (b"", "model_error"),
    "prose": (b"Internal Server Error", "model_error"),
    "two answers": (b'[{"generated_text": "a"}, {"generated_text": "b"}]', "model_error"),
    "no answers": (b"[]", "model_error"),
    "another dialect": (b'{"choices": []}', "model_error"),
    "a failed generation": (b'{"generated_text": "", "details": {"finish_reason": "error"}}', "model_error"),
    "a string error": (b'{"error": "boom", "code": 424}', "model_error"),
    "an overload": (b'[{"error": "Model is overloaded", "error_type": "overloaded"}]', "rate_limit_exceeded"),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_what_is_no_answer_is_the_upstreams_failure(name: str) -> None:
    """Whatever a container answers with status 200, the client gets a completion or an error."""
    body, code = NO_ANSWER[name]
    with pytest.raises(UpstreamError) as failed:
        generation.response(body, call(), target())
    assert failed.value.openai_code == code
    assert isinstance(failed.value, RateLimited) == (code == "rate_limit_exceeded")


@given(st.binary(max_size=60) | st.sampled_from(list(COMPLETE.values())))
def test_no_body_is_a_surprise(body: bytes) -> None:
    """A completion or an UpstreamError."""
    try:
        document = generation.response(body, call(), target())
    except UpstreamError:
        return
    assert document["choices"][0]["message"]["content"] == TEXT


@given(st.lists(st.sampled_from([*WORDS, "END", "E", "N", "D", ""]), min_size=1, max_size=8))
def test_a_stream_says_what_a_whole_answer_says(words: list[str]) -> None:
    """Token by token or at once: text, reason and usage are the same."""
    documents = tgi(*words)
    asked = call(stop=["END", "ND"])
    chunks, _ = stream(sse(documents), asked=asked)
    whole = {"generated_text": "".join(words), "details": documents[-1]["details"]}
    document = generation.response(orjson.dumps([whole]), asked, target())
    choice = document["choices"][0]
    assert (said(chunks), reasons(chunks)) == (choice["message"]["content"], [choice["finish_reason"]])
    assert chunks[-1]["usage"] == document["usage"]
