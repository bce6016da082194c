"""What the container behind an endpoint writes, and its own faults."""

from __future__ import annotations

import json

import pytest

from extproc.emulator import containers, text_generation
from extproc.emulator.container import ContainerRefused
from extproc.emulator.containers import Invocation
from extproc.emulator.knobs import DEFAULT, Knobs
from extproc.emulator.vectors import vector

CHAT = {"messages": [{"role": "user", "content": "one two three"}]}


def written(kind, document, fault="", *, stream=False, chat_alone=False, settings=DEFAULT):
    """The content type, the body and the fault that is left."""
    asked = Invocation(
        kind=kind,
        fault=fault,
        document=document,
        settings=settings,
        endpoint="e",
        attributes=b"accept_eula=true",
        created=1_790_000_000,
        number=7,
        stream=stream,
        chat_alone=chat_alone,
    )
    content_type, events, left = containers.written(asked)
    return content_type, b"".join(events), left


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        ("chat", CHAT, b'"chat.completion"'),
        ("chat", {"prompt": "one two"}, b'"text_completion"'),
        ("jsonlines", {"prompt": "one two"}, b'"text_completion"'),
        ("stateful", {"prompt": "one two"}, b'"text_completion"'),
        ("sglang", CHAT, b'"chat.completion"'),
        ("tgi", {"inputs": "one two"}, b'[{"generated_text"'),
        ("tgi", CHAT, b'"chat.completion"'),
        ("tgi", {"prompt": "one two"}, b'"text_completion"'),
        ("tei", {"inputs": "one two"}, b"[["),
        ("vllm-embedding", {"input": "one two"}, b'"object":"list"'),
    ],
)
def test_each_kind_answers_as_its_container(kind, document, words) -> None:
    """By the container's own schema, whole and as JSON."""
    content_type, body, left = written(kind, document)
    assert (content_type, left) == ("application/json", "")
    assert words in body


@pytest.mark.parametrize(("kind", "document"), [("chat", {**CHAT, "stream": True}), ("tgi", {"inputs": "one two"})])
def test_a_stream_may_be_given_event_by_event(kind, document) -> None:
    """`raw` takes the place of the container's events, byte for byte, and leaves faults to come; whole answers stay."""
    settings = Knobs(raw=("\ufeffdata: {}\r\n", ": ü\n"))
    content_type, body, left = written(kind, document, "truncated", stream=True, settings=settings)
    assert (body, left) == (b"\xef\xbb\xbfdata: {}\r\n: \xc3\xbc\n", "truncated")
    assert content_type.startswith("text/event-stream")
    assert b"one two" in written(kind, {**document, "stream": False}, settings=settings)[1]


@pytest.mark.parametrize("kind", ["tei", "tgi"])
def test_behind_the_openai_path_there_is_only_chat(kind) -> None:
    """Whatever the container is on the other path: SageMaker routes nothing else there."""
    assert b'"chat.completion"' in written(kind, CHAT, chat_alone=True)[1]
    with pytest.raises(ContainerRefused, match="messages"):
        written("chat", {"prompt": "x"}, chat_alone=True)


@pytest.mark.parametrize("kind", ["tei", "cohere", "chat"])
def test_a_stream_of_what_cannot_be_streamed_is_the_document(kind) -> None:
    """Embeddings, and completions that were not asked to stream, are the same on both operations."""
    document = {
        "tei": {"inputs": "x"},
        "cohere": {"texts": ["x"], "input_type": "search_query"},
        "chat": {"prompt": "x"},
    }[kind]
    assert written(kind, document, stream=True) == written(kind, document)


@pytest.mark.parametrize("kind", ["chat", "jsonlines", "no-done", "tgi", "lmi", "tei", "voyage"])
@pytest.mark.parametrize("stream", [False, True])
def test_any_container_may_answer_nonsense(kind, stream) -> None:
    """In the place of what it would have said, and nothing else is wrong."""
    document = {"tgi": {"inputs": "x"}, "lmi": {"inputs": "x"}, "tei": {"inputs": "x"}, "voyage": {"input": "x"}}
    asked = document.get(kind, {"prompt": "x", "stream": stream})
    expected = b"data: This is not JSON {\n\n" if stream else b"This is { not JSON"
    assert written(kind, asked, "not-json", stream=stream)[1:] == (expected, "")
    assert written(kind, asked, "empty-body", stream=stream)[1:] == (b"", "")


@pytest.mark.parametrize("kind", sorted(text_generation.PERSONALITIES))
def test_a_text_containers_error_is_in_its_own_words(kind) -> None:
    """After some events of a stream, or instead of any; whole, without what is around an event."""
    document = {"inputs": "one two three", "prompt": "one two three"}
    if kind == "llama2":
        document = {"inputs": [CHAT["messages"]]}
    error = text_generation.PERSONALITIES[kind].error
    late = written(kind, document, "stream-error", stream=True, settings=Knobs(after=1))
    assert late[1].endswith(error)
    assert late[1] != error
    assert late[2] == ""
    assert written(kind, document, "error-200", stream=True)[1] == error
    assert "one two" not in json.dumps(json.loads(written(kind, document, "error-200")[1]))


def test_a_generating_container_may_say_200_to_an_error() -> None:
    """In vLLM's shape, of a chat and of a completion."""
    for document in (CHAT, {"prompt": "x"}):
        assert json.loads(written("chat", document, "error-200")[1])["error"]["code"] == 500


def test_faults_of_the_connection_are_left() -> None:
    """What the container cannot do itself is still to be done."""
    assert written("tei", {"inputs": "x"}, "cut-midstream")[2] == "cut-midstream"
    assert written("chat", CHAT, "stream-error", stream=True)[2] == "stream-error"


def test_a_huge_answer_is_of_either_kind() -> None:
    """A chat or a completion of about the size asked for."""
    for document in (CHAT, {"prompt": "x"}):
        assert 90_000 < len(written("huge", document, settings=Knobs(bytes=100_000))[1]) < 110_000


def test_a_fault_of_vectors_is_in_the_answer() -> None:
    """And nothing of it is left for the connection."""
    texts = ["one", "two"]
    made = json.loads(written("tei", {"inputs": texts}, "vector-missing")[1])
    assert made == [vector("one")]
