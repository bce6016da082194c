"""What containers that generate text take and refuse, and that what they write is read again."""

from __future__ import annotations

import orjson
import pytest

from extproc.emulator.container import ContainerRefused
from extproc.emulator.knobs import DEFAULT
from extproc.emulator.personalities import TEXT
from extproc.emulator.text_generation import PERSONALITIES
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.translate import stream_translator

ACCEPTED = b"a=b;accept_eula=true"
DIALECTS = {
    "tgi": "tgi",
    "tgi-nospace": "tgi",
    "lmi": "lmi",
    "lmi-rolling": "lmi",
    "lmi-compat": "lmi",
    "lmi-dynamic": "lmi-dynamic-batch",
    "llama2": "jumpstart-llama2",
    "llama2-text": "jumpstart-llama2",
    "bedrock": "bedrock-marketplace",
}
TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1", prompt_template="chatml", max_tokens=50)


def complete(kind, document, attributes=ACCEPTED):
    """What a container says to a request."""
    return PERSONALITIES[kind].complete(document, DEFAULT, attributes, 1)


def test_every_kind_has_its_container() -> None:
    """The table that names kinds and the one that makes them agree."""
    assert set(PERSONALITIES) == set(TEXT) == set(DIALECTS)


@pytest.mark.parametrize("kind", sorted(DIALECTS))
@pytest.mark.parametrize("limit", [2, 50])
def test_what_a_container_writes_is_read_again(kind, limit) -> None:
    """Request, answer and stream of each container through its dialect: the same text both ways."""
    # A base model has no chat.
    asked = {
        "chat": {"messages": [{"role": "user", "content": "One two three"}]},
        "completion": {"prompt": "One two three"},
    }
    served = "completion" if kind == "llama2-text" else "chat"
    call = Call("m", True, True, {**asked[served], "max_tokens": limit, "stream": True}, served)
    dialect = stream_translator(served, DIALECTS[kind])
    said = complete(kind, orjson.loads(dialect.request(call, TARGET)))
    whole = dialect.response(PERSONALITIES[kind].whole(said), call, TARGET)
    stream = dialect.stream(call, TARGET)
    chunks = [c for event in PERSONALITIES[kind].events(said) for c in stream.feed(event)] + stream.finish()
    streamed = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
    expected = "One two" if limit == 2 else "One two three"
    assert (whole["choices"][0]["message"]["content"], streamed, stream.complete) == (expected, expected, True)
    if kind not in ("llama2", "llama2-text", "lmi-dynamic"):
        assert whole["choices"][0]["finish_reason"] == ("length" if limit == 2 else "stop")


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_a_container_fails_in_its_own_words(kind) -> None:
    """And its dialect never takes them for an answer."""
    call = Call("m", True, True, {"messages": [{"role": "user", "content": "x"}], "stream": True})
    stream = stream_translator("chat", DIALECTS[kind]).stream(call, TARGET)
    chunks = stream.feed(PERSONALITIES[kind].error)
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk.get("choices", ())]
    assert "error" in reasons or any(chunk.get("error") for chunk in chunks)


REFUSED = {
    "no text": ("tgi", {"messages": []}, 422, "validation"),
    "an empty text": ("tgi", {"inputs": ""}, 422, "cannot be empty"),
    "temperature": ("tgi", {"inputs": "x", "parameters": {"temperature": 0}}, 422, "strictly positive"),
    "top_p": ("tgi", {"inputs": "x", "parameters": {"top_p": 1}}, 422, "< 1.0"),
    "limit": ("tgi", {"inputs": "x", "parameters": {"max_new_tokens": 0}}, 422, "strictly positive"),
    "stops": ("tgi", {"inputs": "x", "parameters": {"stop": list("abcde")}}, 422, "up to 4"),
    "LMI": ("lmi", {"prompt": "x"}, 424, "Input parsing failed"),
    "a parameter": ("lmi-dynamic", {"inputs": "x", "parameters": {"details": True}}, 424, "model_kwargs"),
    "not accepted": ("llama2", {"inputs": [[{"role": "user", "content": "x"}]]}, 400, "EULA"),
    "no dialogs": ("llama2", {"inputs": "x"}, 400, "dialogs"),
    "roles": ("llama2", {"inputs": [[{"role": "assistant", "content": "x"}]]}, 400, "roles"),
    "Bedrock": ("bedrock", {"inputs": "x"}, 424, "Input parsing failed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_container_refuses_what_it_does_not_take(name) -> None:
    """With the status and the words of its kind."""
    kind, document, status, words = REFUSED[name]
    with pytest.raises(ContainerRefused) as refused:
        complete(kind, document, b"" if name == "not accepted" else ACCEPTED)
    assert refused.value.status == status
    assert words in refused.value.body


@pytest.mark.parametrize(("kind", "answer"), [("tgi", "One END"), ("lmi", "One ")])
def test_a_stop_ends_the_answer(kind, answer) -> None:
    """TGI's answers keep the stop sequence, vLLM's do not."""
    said = complete(kind, {"inputs": "One END two", "parameters": {"stop": ["END"]}})
    assert (said.text, said.reason) == (answer, "stop_sequence")


def test_lmi_stops_early_when_nothing_is_said() -> None:
    """Thirty tokens, which is why a limit is always sent."""
    assert len(complete("lmi", {"inputs": "word " * 100}).tokens) == 30
