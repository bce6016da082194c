"""What users of both OpenAI SDKs see of a stream, whatever the container writes: the text, or an error; never less.

Read by the SDKs as they come, a good half of these streams crash them, are empty, or end too early without a word.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

ID = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m"'
DONE = "data: [DONE]\n\n"
USAGE = '{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}'


def chunk(text: str = "", finish: str | None = None) -> str:
    """One chunk as a container writes it."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f'{{{ID},"choices":[{json.dumps(choice, ensure_ascii=False)}]}}'


def event(text: str = "", finish: str | None = None) -> str:
    """A chunk as an event."""
    return f"data: {chunk(text, finish)}\n\n"


FIRST, SECOND, END = event("Grüße "), event("an alle"), event(finish="stop")
TEXT = "Grüße an alle"
WHOLE = (FIRST, SECOND, END, DONE)


@dataclass(frozen=True)
class Seen:
    """What a container writes, and what is to be seen: the whole text, or `code` of what is raised after `text`.

    With a `status` the answer is no stream at all: nothing of it was content.
    """

    raw: tuple[str, ...]
    text: str = TEXT
    code: str | None = None
    message: str = ""
    knobs: dict = field(default_factory=dict)
    request: dict = field(default_factory=dict)
    status: int | None = None


def broken(*raw: str, text: str = "", code: str = "model_stream_error", message: str = "broke off", **knobs) -> Seen:
    """A stream that is no whole answer."""
    return Seen(raw, text, code, message, knobs)


def nothing(*raw: str, code: str = "model_stream_error", message: str = "failed", status: int = 502) -> Seen:
    """A stream that fails before its first content."""
    return Seen(raw, "", code, message, status=status)


ASKED = {"stream_options": {"include_usage": True}}
TABLE = {
    "as it should be": Seen(WHOLE),
    # What a reader of events may pass over.
    "comment": Seen((FIRST, ": ping\n\n", SECOND, ":\n", END, DONE)),
    "comment, one newline": Seen((": ping\n", FIRST, ": ping\n", SECOND, END, DONE)),
    "event without data": Seen(("event: ping\n\n", FIRST, "event: ping\n\n", SECOND, END, DONE)),
    "event with empty data": Seen(("event: ping\ndata: {}\n\n", FIRST, SECOND, "event: ping\ndata:\n\n", END, DONE)),
    "event names": Seen(tuple(f"event: message\n{text}" for text in WHOLE)),
    "retry": Seen(("retry: 1000\n\n", FIRST, "retry: 1000\n", SECOND, END, DONE)),
    "id": Seen(("id: 1\n" + FIRST, ": ping\n\n", "id: 2\n" + SECOND, END, DONE)),
    "BOM": Seen(("\ufeff" + FIRST, SECOND, END, DONE)),
    # Where lines and events end.
    "CRLF": Seen(tuple(text.replace("\n", "\r\n") for text in WHOLE)),
    "no space": Seen(tuple(text.replace("data: ", "data:") for text in WHOLE)),
    "JSON lines": Seen((chunk("Grüße ") + "\n", chunk("an alle") + "\n", chunk(finish="stop") + "\n", "\n")),
    "single newlines": Seen(tuple(text.removesuffix("\n") for text in WHOLE)),
    "no blank line at the end": Seen((FIRST, SECOND, END.removesuffix("\n\n"))),
    "no blank line after DONE": Seen((FIRST, SECOND, END, DONE.removesuffix("\n\n"))),
    "no DONE": Seen((FIRST, SECOND, END)),
    "data over lines": Seen((f"data: {{{ID},\ndata: {chunk('Grüße ')[len(ID) + 2 :]}\n\n", SECOND, END, DONE)),
    "events in one write": Seen(("".join(WHOLE),)),
    "anything after DONE": Seen((*WHOLE, FIRST, "nonsense\n")),
    # Chunks that are not what user code looks for.
    "usage unasked": Seen((FIRST, SECOND, END, f'data: {{{ID},"choices":[],"usage":{USAGE}}}\n\n', DONE)),
    "usage asked for": Seen(
        (FIRST, SECOND, END, f'data: {{{ID},"choices":[],"usage":{USAGE}}}\n\n', DONE), request=ASKED
    ),
    "usage on every chunk": Seen(
        tuple(text.replace('"choices"', f'"usage":{USAGE},"choices"') for text in WHOLE), request=ASKED
    ),
    "usage on the finish": Seen(
        (FIRST, SECOND, END.replace('"choices"', f'"usage":{USAGE},"choices"'), DONE), request=ASKED
    ),
    "no choices": Seen((f"data: {{{ID}}}\n\n", FIRST, SECOND, END, f'data: {{{ID},"usage":{USAGE}}}\n\n', DONE)),
    "choices null": Seen((f'data: {{{ID},"choices":null}}\n\n', *WHOLE)),
    "choices empty": Seen((f'data: {{{ID},"choices":[]}}\n\n', *WHOLE)),
    "choices empty, with more": Seen((f'data: {{{ID},"choices":[],"filter":{{"hate":"safe"}}}}\n\n', *WHOLE)),
    "no delta": Seen((f'data: {{{ID},"choices":[{{"index":0,"finish_reason":null}}]}}\n\n', *WHOLE)),
    "no finish": Seen((FIRST, SECOND, DONE)),
    # What is no whole answer.
    "truncated": broken(FIRST, text="Grüße "),
    "truncated in an event": broken(FIRST, SECOND[:40], text="Grüße "),
    "nothing": nothing(),
    "only comments": nothing(": ping\n\n", ": ping\n\n"),
    "only DONE": nothing(DONE),
    "only a ping and DONE": broken("event: ping\ndata: {}\n\n", DONE),
    "connection cut": broken(FIRST, SECOND, END, fault="cut-midstream", after=2),
    "connection reset": broken(FIRST, SECOND, END, fault="reset-midstream", after=2),
    "error": broken(FIRST, 'data: {"error":{"message":"boom","type":"x","code":500}}\n\n', DONE, text="Grüße "),
    "error, a refusal": nothing(
        'data: {"error":{"message":"n must be 1","type":"BadRequestError","code":400}}\n\n', DONE,
        code="", message="n must be 1", status=400,
    ),
    "error, a text": broken(FIRST, 'data: {"error":"boom","error_type":"generation"}\n\n', text="Grüße "),
    "error, flat": broken(FIRST, 'data: {"object":"error","message":"boom","code":500}\n\n', DONE, text="Grüße "),
    "error by its event": broken(
        FIRST, 'event: error\ndata: {"message":"boom","code":500}\n\n', DONE, text="Grüße "
    ),
    "error by its event, a text": broken(FIRST, "event: error\ndata: boom\n\n", DONE, text="Grüße "),
    "error by its event, first": nothing('event: error\ndata: {"detail":"boom"}\n\n', DONE),
    "error by its finish": broken(FIRST, event(finish="error"), DONE, text="Grüße "),
    "no JSON": broken(FIRST, "data: boom\n\n", DONE, text="Grüße "),
}  # fmt: skip


# What each SDK raises when the connection breaks in mid-stream.
LOST = {"python": "APIConnectionError", "node": "TypeError"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, regions, launch):
    """A gateway that judges nothing: what a test makes a container write stands in its request."""
    routes = {"chat": "invocations", "native": "openai"}
    targets = "".join(launch.target(name, regions[0], name, route=route) for name, route in routes.items())
    running = launch.gateway(tmp_path_factory.mktemp("streams"), launch.pack(targets))
    yield running
    assert running.stop() == 0


def body(name: str, model: str = "chat") -> dict:
    """The request of a row; the container takes its time where it matters that the answer has begun."""
    expected = TABLE[name]
    pace = {"delay_ms": 100} if expected.knobs else {}
    return {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        **expected.request,
        "emulator": {"raw": expected.raw, **expected.knobs, **pace},
    }


@pytest.fixture(scope="module", params=["python", "node"])
def told(request, gateway, see):
    """What one SDK saw of each."""
    rows = []
    for name in TABLE:
        asked = body(name)
        knobs = {"emulator": asked.pop("emulator")}
        rows.append({"name": name, "call": "chat.completions.create", "with": asked, "extra": knobs})
    return request.param, see(request.param, f"{gateway.url}/v1", rows)


@pytest.mark.parametrize("name", TABLE)
def test_a_stream_is_whole_or_raises(told, name):
    """The whole text and one finish reason, or what came of it and an APIError that says so; no crash, no silence."""
    sdk, everything = told
    expected, seen = TABLE[name], everything[name]
    if expected.code is None:
        assert "raised" not in seen, seen
        assert (seen["text"], seen["finish"]) == (expected.text, ["stop"])
        assert seen["usages"] == (1 if expected.request else 0)
        return
    if "fault" in expected.knobs:
        # What was on its way when the connection broke may be lost.
        assert TEXT.startswith(seen["text"])
        assert (seen["raised"], seen["finish"]) == (LOST[sdk], [])
        return
    if expected.status is not None:
        # As any other answer with that status.
        assert (seen["status"], seen["code"]) == (expected.status, expected.code or None)
        assert seen["attempts"] == (3 if expected.status >= 500 else 1)
        assert expected.message in seen["message"]
        return
    assert (seen["text"], seen["finish"]) == (expected.text, [])
    assert (seen["raised"], seen["status"], seen["attempts"]) == ("APIError", None, 1)
    assert expected.message in seen["message"]
    assert seen["code"] == (expected.code or None)
    assert seen["type"]


@pytest.mark.parametrize("model", ["chat", "native"])
@pytest.mark.parametrize("name", [name for name, expected in TABLE.items() if "fault" not in expected.knobs])
def test_what_leaves_is_the_least_that_sdks_need(gateway, name, model):
    """From both of SageMaker's routes: events of one line, a finish and [DONE] after success, one error otherwise."""
    expected = TABLE[name]
    answer = gateway.http().post("/v1/chat/completions", json=body(name, model))
    if expected.status is not None:
        assert (answer.status_code, answer.headers["content-type"]) == (expected.status, "application/json")
        assert expected.message in answer.json()["error"]["message"]
        return
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content.endswith(b"\n\n")
    events = answer.content.removesuffix(b"\n\n").split(b"\n\n")
    assert all(line.startswith((b"data: ", b": ")) and b"\n" not in line and b"\r" not in line for line in events)
    data = [line.removeprefix(b"data: ") for line in events if line.startswith(b"data: ")]
    assert (data[-1] == b"[DONE]") == (expected.code is None)
    assert data.count(b"[DONE]") <= 1
    chunks = [json.loads(line) for line in data if line != b"[DONE]"]
    errors = [chunk["error"] for chunk in chunks if "error" in chunk]
    assert len(errors) == (expected.code is not None)
    finishes = [
        choice["finish_reason"] for chunk in chunks for choice in chunk.get("choices", ()) if choice["finish_reason"]
    ]
    assert finishes == (["stop"] if expected.code is None else [])
    without = [chunk for chunk in chunks if not chunk.get("choices") and "error" not in chunk]
    assert all("usage" in chunk for chunk in without)
    assert len(without) == (1 if expected.request else 0)
    assert "boom" not in answer.text


HELPED = ("as it should be", "choices empty, with more", "no delta", "no finish", "no choices", "usage on the finish")


@pytest.mark.parametrize("name", HELPED)
def test_the_sdks_own_helper_puts_the_answer_together(gateway, name):
    """client.chat.completions.stream gives the whole message and its finish, where chunks were mended too."""
    asked = body(name)
    knobs = {"emulator": asked.pop("emulator")}
    del asked["stream"]
    with gateway.client().chat.completions.stream(**asked, extra_body=knobs) as stream:
        final = stream.get_final_completion()
    assert (final.choices[0].message.content, final.choices[0].finish_reason) == (TEXT, "stop")
