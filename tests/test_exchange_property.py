"""What holds of an exchange whatever happens to it: any events, in any order, with any bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.actions import Continue, Release, Replace, Respond
from extproc.events import (
    AttemptOutcome,
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
from extproc.policies.table import build
from extproc.testing import (
    CREDENTIALS,
    NOW,
    answer_headers,
    chat_body,
    chat_headers,
    completion,
    frame,
    make_exchange,
    make_runtime,
    make_target,
    streamed,
)

FATAL = "4471-FATAL"
POLICIES = (build("dlp-filter", {"patterns": [{"name": "fatal", "regex": r"\d{4}-FATAL", "action": "block"}]}),)
RUNTIME = make_runtime(make_target("east"), make_target("west", temperature=None), policies=POLICIES)

# Pieces that are harmless one by one, and not when they meet.
said = st.lists(st.sampled_from(["Hi ", "44", "71", "-", "FA", "TAL", FATAL, "日本", '"}', "\n\ndata: "]), max_size=5)
usages = st.none() | st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens"]), st.integers(-2, 9) | st.booleans() | st.text(max_size=3)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
# Documents in the shape of an answer or a chunk, with anything anywhere in them.
odd = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(
            values
            | st.fixed_dictionaries(
                {},
                optional={
                    "index": values,
                    "delta": values | st.fixed_dictionaries({"content": values}),
                    "message": values | st.fixed_dictionaries({"content": values}),
                    "finish_reason": values,
                    "logprobs": values,
                },
            ),
            max_size=3,
        )
        | values,
        "usage": values | usages,
        "error": values,
        "object": st.sampled_from(["error", "chat.completion"]) | values,
        "x": values,
    },
)
bare = st.binary(max_size=40) | odd.map(orjson.dumps) | odd.map(lambda odd: b"data: " + orjson.dumps(odd) + b"\n\n")
exceptions = st.sampled_from(["ModelStreamError", "InternalStreamFailure", "ThrottlingException", ""])


@st.composite
def bodies(draw: st.DrawFn) -> list[ResponseBody]:
    """A whole answer, or a stream in pieces cut anywhere: sound, odd, or rubbish."""
    pieces = draw(said)
    parts = [
        b"".join(part.body for part in streamed(*pieces, usage=draw(usages))),
        completion("".join(pieces), usage=draw(usages)).body,
        draw(bare),
        frame(draw(bare)),
    ]
    data = b"".join(draw(st.lists(st.sampled_from(parts), min_size=1, max_size=3)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    edges = [0, *cuts, len(data)]
    last = draw(st.booleans())
    return [ResponseBody(data[start:end], end_of_stream=last and end == len(data)) for start, end in pairwise(edges)]


heads = st.builds(
    ResponseHeaders,
    st.fixed_dictionaries(
        {":status": st.sampled_from(["200", "200", "204", "302", "400", "424", "429", "503", "", "x"])},
        optional={"content-type": st.sampled_from(["application/vnd.amazon.eventstream", "text/html"])},
    ),
    st.booleans(),
    st.sampled_from(["east", "west", "", "elsewhere"]),
    st.integers(0, 3),
    st.sampled_from(["via_upstream", "", "response_timeout", "no_healthy_upstream"]),
    st.lists(st.builds(AttemptOutcome, st.just("east"), st.integers(0, 599), st.text(max_size=3)), max_size=2).map(
        tuple
    ),
)
requests = st.builds(
    RequestHeaders,
    st.dictionaries(
        st.sampled_from([":method", ":path", "content-length", "content-encoding", "x-request-id"]),
        st.sampled_from(["POST", "GET", "/v1/models", "/v1/chat/completions", "/readyz", "12", "\u00b2"]),
    ),
    st.booleans(),
)
asked = st.builds(chat_body, said.map("".join), stream=st.booleans())
singles: st.SearchStrategy[Event] = st.one_of(
    requests,
    asked,
    st.builds(RequestBody, bare),
    heads,
    *map(st.just, (RequestTrailers(), ResponseTrailers(), DeadlinePassed(), Closed(), chat_headers())),
)
stretches = st.one_of(singles.map(lambda event: [event]), bodies())


@st.composite
def plays(draw: st.DrawFn) -> list[Event]:
    """Events in the order of a real exchange, up to some point; then anything."""
    way: list[Event] = [chat_headers(), draw(asked | st.just(chat_body("Hi", stream=True)))]
    way.append(draw(heads | st.just(answer_headers("east", stream=True)) | st.just(answer_headers("west"))))
    way += draw(bodies())
    kept = way[: draw(st.integers(0, len(way)))]
    return kept + [event for stretch in draw(st.lists(stretches, max_size=4)) for event in stretch]


def is_end(action: Any, event: Event) -> bool:
    """Whether an action is the last of an answer."""
    if isinstance(action, Release):
        return action.end_of_stream
    if isinstance(action, Continue):
        return isinstance(event, ResponseTrailers)
    return isinstance(action, Respond) or isinstance(event, ResponseBody)


def texts(sent: bytes) -> str:
    """Every text in server-sent events or in a JSON body, end to end; fails when they are neither."""
    documents = [sent] if sent.startswith(b"{") else sent.split(b"\n\n")
    assert sent.startswith(b"{") or documents.pop() == b"", "the last event is not whole"
    found: list[str] = []
    for document in documents:
        payload = document if sent.startswith(b"{") else document.removeprefix(b"data: ")
        assert payload is document or document.startswith(b"data: ")
        if payload == b"[DONE]":
            assert document is documents[-1], "something follows [DONE]"
        else:
            collect(orjson.loads(payload), found)
    return "".join(found)


def collect(value: Any, into: list[str]) -> None:
    """Every string of a document, in order, but for ids."""
    if isinstance(value, str):
        into.append(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in ("content", "message", "choices", "delta", "error", "x", "logprobs"):
                collect(item, into)
    elif isinstance(value, list):
        for item in value:
            collect(item, into)


@settings(max_examples=200)
@given(plays())
def test_whatever_happens(events: list[Event]) -> None:
    """No fault gets out, there is one end and nothing after it, the bytes are well-formed, and no match is in them."""
    exchange = make_exchange(RUNTIME)
    sent = b""
    ends = 0
    for at, event in enumerate(events):
        ended = exchange.finished
        document = exchange.record.document() if ended else None
        actions = exchange.feed(event, NOW + at)
        if ended:
            assert exchange.record.document() == document
            assert all(
                action == Continue() or (isinstance(action, Respond) and isinstance(event, RequestHeaders))
                for action in actions
            )
            continue
        upstream = not isinstance(event, RequestBody)
        sent += b"".join(
            action.body
            for action in actions
            if isinstance(action, Release | Respond) or (isinstance(action, Replace) and upstream)
        )
        now_ending = [action for action in actions if is_end(action, event)]
        ends += len(now_ending)
        assert len(now_ending) <= 1
        assert not now_ending or actions[-1] is now_ending[0]
        assert exchange.finished is (bool(now_ending) or isinstance(event, Closed))
    record = exchange.record
    assert ends <= 1
    assert record.response_bytes == len(sent)
    if record.path in ("/v1/chat/completions", ""):
        assert FATAL not in texts(sent or b"{}")
    if record.finished is not None:
        assert record.outcome in ("served", "blocked", "rejected", "failed", "aborted")
        assert 100 <= record.status <= 599
    orjson.dumps(record.document())


@given(plays(), st.integers(0, 12))
def test_whatever_is_revoked(events: list[Event], left: int) -> None:
    """An end that is not on record is taken back wherever it comes, with one error in its place."""
    exchange = make_exchange(RUNTIME)
    sent = b""
    for event in [*events[:left], chat_headers("/v1/models", "GET"), Closed()]:
        actions = exchange.feed(event, NOW)
        if exchange.finished:
            instead = exchange.revoke(actions, NOW + 1)
            assert bool(instead) is bool(actions)
            sent += b"".join(action.body for action in instead if not isinstance(action, Continue))
            assert not instead or sent.count(b'"gateway_unavailable"') >= 1
            assert b"[DONE]" not in sent.rpartition(b"data: ")[2]
            assert exchange.record.response_bytes == len(sent)
            return
        sent += b"".join(action.body for action in actions if isinstance(action, Release))
    raise AssertionError("a closed exchange has not ended")


def test_the_credentials_are_in_no_record() -> None:
    """The record of a served exchange holds neither the secret nor the text."""
    exchange = make_exchange(RUNTIME)
    for event in (chat_headers(), chat_body("Ein Wort"), answer_headers("east"), completion("Noch eins")):
        exchange.feed(event, NOW)
    line = orjson.dumps(exchange.record.document()).decode()
    assert exchange.record.outcome == "served"
    assert not [word for word in (CREDENTIALS.secret_key, CREDENTIALS.access_key, "Wort", "eins") if word in line]
