"""Chunks through the policies, on their way to the client."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from extproc.openai.call import MAX_CHOICES
from extproc.openai.delta import MAX_PLACES
from extproc.openai.stream import Relay

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "system_fingerprint": "fp"}


def chunk(*choices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A chunk as a container sends it."""
    return {**HEAD, "model": "/opt/ml/model", "choices": list(choices), **fields}


def part(delta: Any, index: int = 0, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """One choice's part of a chunk."""
    return {"index": index, "delta": delta, "finish_reason": finish_reason, **fields}


def sent(*choices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A chunk as the client gets it."""
    return {**HEAD, "model": "m", "choices": list(choices), **fields}


@pytest.fixture
def relay(word_guard: Any) -> Relay:
    """A relay whose client did not ask for usage."""
    return Relay(word_guard(), "m", include_usage=False)


@pytest.fixture
def accounting(word_guard: Any) -> Relay:
    """A relay whose client asked for usage."""
    return Relay(word_guard(), "m", include_usage=True)


def test_chunks_pass_with_the_clients_name_of_the_model(relay: Relay) -> None:
    """A role, text and the finish go through as they came, but for the model."""
    for given_part in (part({"role": "assistant", "content": ""}), part({"content": "Hi"}), part({}, 0, "stop")):
        assert relay.push(chunk(copy.deepcopy(given_part))) == [sent(given_part)]
    assert relay.finish() == []
    assert relay.finish_reasons == ["stop"]


def test_held_text_sends_no_empty_chunk(relay: Relay) -> None:
    """A chunk whose text is held is not sent; its text follows with a later one."""
    assert relay.push(chunk(part({"content": "a sec"}))) == [sent(part({"content": "a "}))]
    assert relay.push(chunk(part({"content": "re"}))) == []
    assert relay.push(chunk(part({"content": "t b"}))) == [sent(part({"content": "[X] b"}))]


def test_held_text_does_not_hold_a_role_or_an_unknown_field(relay: Relay) -> None:
    """Only the text waits."""
    assert relay.push(chunk(part({"role": "assistant", "content": "s"}))) == [sent(part({"role": "assistant"}))]
    assert relay.push(chunk(part({"content": "e"}, stop_reason=7))) == [sent(part({}, stop_reason=7))]
    assert relay.push(chunk(part({"content": "c"}), x_queue=1)) == [sent(part({}), x_queue=1)]


def test_what_is_held_goes_before_the_finish(relay: Relay) -> None:
    """The finish is the last thing that a choice says, in a chunk of its own."""
    assert relay.push(chunk(part({"content": "sec"}))) == []
    assert relay.push(chunk(part({}, 0, "length"))) == [sent(part({"content": "sec"})), sent(part({}, 0, "length"))]


def test_a_finish_with_text_is_one_chunk(relay: Relay) -> None:
    """Containers that finish with their last words are followed."""
    relay.push(chunk(part({"content": "sec"})))
    assert relay.push(chunk(part({"content": "re"}, 0, "stop"))) == [sent(part({"content": "secre"}, 0, "stop"))]


def test_choices_do_not_wait_for_each_other(relay: Relay) -> None:
    """What one choice holds does not hold another."""
    both = relay.push(chunk(part({"content": "sec"}, 0), part({"content": "b"}, 1)))
    assert both == [sent(part({"content": "b"}, 1))]
    assert relay.push(chunk(part({"content": "ret"}, 1))) == [sent(part({"content": "ret"}, 1))]
    assert relay.push(chunk(part({}, 0, "stop"), part({}, 1, "stop"))) == [
        sent(part({"content": "sec"}, 0)),
        sent(part({}, 0, "stop"), part({}, 1, "stop")),
    ]


def test_a_choice_that_comes_twice_in_a_chunk_stays_in_order(relay: Relay) -> None:
    """What the second part flushes does not overtake the first."""
    got = relay.push(chunk(part({"content": "a s"}), part({}, 0, "stop")))
    assert got == [sent(part({"content": "a "})), sent(part({"content": "s"})), sent(part({}, 0, "stop"))]


def test_a_choice_without_a_finish_gets_one(relay: Relay) -> None:
    """After [DONE] alone, text that was held is judged and released, and clients still read why it ended."""
    relay.push(chunk(part({"content": "sec"}), part({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, 1)))
    held, stop, calls = relay.finish()
    assert held == sent(part({"content": "sec"}))
    assert (stop, calls) == (sent(part({}, 0, "stop")), sent(part({}, 1, "tool_calls")))
    assert relay.finish_reasons == []


def test_a_choice_always_has_a_delta(relay: Relay) -> None:
    """User code looks into it without a look at whether it is there."""
    assert relay.push(chunk({"index": 0, "finish_reason": "stop"})) == [sent(part({}, 0, "stop"))]


def test_what_comes_without_a_choice_gets_one(accounting: Relay) -> None:
    """User code looks for a choice; a chunk of usage has none, and what came before is not taken for it."""
    accounting.push(chunk(part({}, 0, "stop"), usage=USAGE))
    assert accounting.push(chunk(x_filter=1)) == [sent(part({}), x_filter=1)]
    assert accounting.finish() == [sent(usage=USAGE)]


def test_a_block_ends_the_stream(relay: Relay) -> None:
    """Nothing of the chunk that is blocked goes out, nor anything after it."""
    relay.push(chunk(part({"content": "a "})))
    assert relay.push(chunk(part({"content": "b poison"}))) == []
    assert relay.block is not None
    assert relay.push(chunk(part({"content": "c"}))) == []
    assert relay.finish() == []


def test_a_block_can_come_at_the_end(word_guard: Any) -> None:
    """The whole-text judgement of what stands outside deltas blocks too."""
    relay = Relay(word_guard(), "m", include_usage=False)
    assert relay.push(chunk(part({"content": "a"}, stop_reason="poison"))) == []
    assert relay.block is not None


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "CUDA out of memory", "type": "InternalServerError", "code": 500}},
        {"error": "Request failed during generation", "error_type": "generation"},
        {"object": "error", "message": "boom", "type": "server_error", "code": 500},
        chunk(part({}, 0, "error")),
    ],
)
def test_an_error_in_the_stream_ends_it(relay: Relay, error: dict[str, Any]) -> None:
    """Every container's way of failing in mid-stream becomes one error, in our words."""
    assert relay.push(error) == []
    assert relay.error is not None
    assert (relay.error.openai_code, relay.error.type) == ("model_stream_error", "server_error")
    assert "CUDA" not in relay.error.message
    assert relay.push(chunk(part({"content": "more"}))) == []
    assert relay.finish() == []


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def test_usage_is_kept_from_clients_that_did_not_ask(relay: Relay) -> None:
    """Usage is recorded, and neither its own chunk nor its key on others goes out."""
    assert relay.push(chunk(part({"content": "a"}), usage=None)) == [sent(part({"content": "a"}))]
    assert relay.push(chunk(part({"content": "b"}), usage={"total_tokens": 1})) == [sent(part({"content": "b"}))]
    assert relay.push(chunk(part({}, 0, "stop"), usage=USAGE)) == [sent(part({}, 0, "stop"))]
    assert relay.push(chunk(usage=USAGE)) == []
    assert relay.finish() == []
    assert relay.usage == USAGE


def test_usage_goes_to_clients_that_asked(accounting: Relay) -> None:
    """The upstream's own usage chunk passes, once."""
    assert accounting.push(chunk(part({"content": "a"}), usage=None)) == [sent(part({"content": "a"}), usage=None)]
    assert accounting.push(chunk(part({}, 0, "stop"))) == [sent(part({}, 0, "stop"))]
    assert accounting.push(chunk(usage=USAGE)) == [sent(usage=USAGE)]
    assert accounting.finish() == []


def test_usage_without_a_chunk_of_its_own_gets_one(accounting: Relay) -> None:
    """Containers that put usage on the finish chunk are made to look like OpenAI."""
    accounting.push(chunk(part({}, 0, "stop"), usage=USAGE))
    assert accounting.finish() == [sent(usage=USAGE)]


def test_usage_is_not_held_with_text(accounting: Relay) -> None:
    """A chunk that reports usage goes out though its text waits."""
    assert accounting.push(chunk(part({"content": "sec"}), usage=USAGE)) == [sent(usage=USAGE)]


@pytest.mark.parametrize("empty", [{}, chunk(), {**HEAD, "choices": None}, {**HEAD, "choices": [None]}])
def test_a_chunk_that_says_nothing_is_not_sent(accounting: Relay, empty: dict[str, Any]) -> None:
    """SDKs would hand it to code that looks for a choice."""
    assert accounting.push(empty) == []


def test_unknown_fields_are_judged_and_pass(relay: Relay) -> None:
    """Strings of a chunk or a choice that we have never heard of are judged whole."""
    given_chunk = chunk(part({"content": "a"}, note="my secret"), citations=["secret", ""])
    assert relay.push(given_chunk) == [sent(part({"content": "a"}, note="my [X]"), citations=["[X]", ""])]
    assert len(relay.take_findings()) == 2
    assert relay.take_findings() == ()


def test_probabilities_do_not_outrun_their_text(relay: Relay) -> None:
    """They come with the chunk that releases the text, or not at all."""
    probabilities = {"content": [{"token": "a sec"}]}
    (first,) = relay.push(chunk(part({"content": "a sec"}, logprobs=probabilities)))
    assert first["choices"][0]["logprobs"] is None
    (second,) = relay.push(chunk(part({"content": "ond"}, logprobs={"content": [{"token": "ond"}]})))
    assert second["choices"][0]["logprobs"] == {"content": [{"token": "a sec"}, {"token": "ond"}]}


def test_progress_is_told(relay: Relay) -> None:
    """Findings, finish reasons and characters are there for the record at any time."""
    relay.push(chunk(part({"content": "a secret"}), part({"content": "b"}, 1)))
    relay.push(chunk(part({}, 0, "stop"), part({}, 1, "length")))
    assert [(found.start, found.end) for found in relay.findings] == [(2, 8)]
    assert relay.finish_reasons == ["stop", "length"]
    assert relay.completion_characters == 9


@pytest.mark.parametrize("fields", [{"x": {"y": "sec"}}, {"y": "sec"}])
def test_text_in_pieces_outside_the_delta_ends_the_stream(relay: Relay, fields: dict[str, Any]) -> None:
    """There is no hold-back for it, so that what a policy redacts cannot be completed."""
    more = {name: {"y": "ret"} if isinstance(value, dict) else "ret" for name, value in fields.items()}
    assert relay.push(chunk(part({"content": "a"}), **fields))
    assert relay.push(chunk(part({"content": "b"}), **more)) == []
    assert relay.error is not None
    assert relay.error.openai_code == "model_stream_error"


def test_a_block_in_pieces_outside_the_delta_is_a_block(relay: Relay) -> None:
    """As if it had come in one."""
    relay.push(chunk(part({"content": "a"}, text="poi")))
    assert relay.push(chunk(part({"content": "a"}, text="son"))) == []
    assert relay.block is not None


def test_what_every_chunk_repeats_is_no_text_in_pieces(relay: Relay) -> None:
    """A constant passes as often as it comes, whatever many of it would spell."""
    for _ in range(3):
        assert relay.push(chunk(part({"content": "a"}), provider="retsec")) != []
    assert relay.error is None


@pytest.mark.parametrize("delta", ["secret", ["secret"], 5])
def test_a_delta_that_is_no_object_is_empty(relay: Relay, delta: object) -> None:
    """Nothing stands where no policy looks."""
    assert relay.push(chunk(part(delta, finish_reason="stop"))) == [sent(part({}, finish_reason="stop"))]


def test_a_key_is_judged(relay: Relay) -> None:
    """In a delta and beside it; a name of some letters is only a name."""
    (told,) = relay.push(chunk(part({"a secret": "x", "x": {"my secret": 1}}), **{"our secret": 1}))
    assert told["choices"][0]["delta"] == {"x": {"my [X]": 1}, "a [X]": "x"}
    assert told["our [X]"] == 1


TOO_MANY = {
    "choices": (MAX_CHOICES, lambda at: chunk(part({"content": "a"}, at))),
    "fields of a delta": (MAX_PLACES, lambda at: chunk(part({f"x{at}": "a"}))),
    "choices with fields": (MAX_PLACES, lambda at: chunk(part({f"x{at}": "a"}, at % 7))),
    "fields of a chunk": (MAX_PLACES, lambda at: chunk(part({"content": "a"}), **{f"x{at}": "a b"})),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_what_a_stream_can_take_up_is_bounded(relay: Relay, name: str) -> None:
    """A container that sends ever new choices or fields is cut off at the limit, and not before."""
    limit, made = TOO_MANY[name]
    for at in range(limit - 1):
        assert relay.push(made(at))
    assert relay.error is None
    sent_after = [relay.push(made(at)) for at in range(limit - 1, limit + 2)]
    assert sent_after[-1] == []
    assert relay.error is not None
    assert relay.error.openai_code == "model_stream_error"


@pytest.mark.parametrize(
    "flood",
    [
        chunk(*[part({"content": "a"})] * (MAX_CHOICES + 1)),
        chunk(x=["a"] * (MAX_PLACES + 1)),
        chunk(part({"x": ["a"] * (MAX_PLACES + 1)})),
    ],
    ids=["choices", "strings outside the deltas", "strings in a delta"],
)
def test_what_one_chunk_can_hold_is_bounded(relay: Relay, flood: dict[str, Any]) -> None:
    """One line of a payload has room for millions: none of them is judged."""
    assert relay.push(flood) == []
    assert relay.error is not None
    assert relay.error.openai_code == "model_stream_error"


def test_a_choice_that_ends_again_and_again_is_noted_so_often(relay: Relay) -> None:
    """Reasons are for the record, which keeps no more of them."""
    for _ in range(2 * MAX_CHOICES):
        relay.push(chunk(part({}, 0, "stop")))
    assert len(relay.finish_reasons) == MAX_CHOICES
