"""How a generated text is written down."""

from __future__ import annotations

import json

import pytest

from extproc.emulator import text_events
from extproc.emulator.text_events import Said

SAID = Said(("One", " two"), "stop", 5, details=True)
WHOLES = [
    text_events.array,
    text_events.lmi_object,
    text_events.rolling_object,
    text_events.rolling_array,
    text_events.bare_array,
    text_events.dialog,
    text_events.wrapped,
]
STREAMS = {
    "tgi": text_events.tgi(b"data: "),
    "lmi": text_events.lmi_async,
    "rolling": text_events.lmi_rolling,
    "compat": text_events.lmi_compat,
    "dynamic": text_events.lmi_dynamic,
    "bedrock": text_events.wrapped_lines,
}


def documents(payload):
    """The JSON of a stream's lines."""
    found = [line.removeprefix("data:").strip() for line in payload.decode().splitlines()]
    return [json.loads(line) for line in found if line and not line.startswith(":")]


@pytest.mark.parametrize("whole", WHOLES, ids=lambda whole: whole.__name__)
def test_a_whole_answer_holds_the_text_once(whole) -> None:
    """In one JSON value."""
    body = whole(SAID).decode()
    assert body.count("One two") == 1
    assert json.loads(body)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_holds_every_token(name) -> None:
    """One document a token, and for TGI one for the token that ends it."""
    found = documents(b"".join(STREAMS[name](SAID)))
    assert len(found) == {"tgi": 3, "bedrock": 3}.get(name, 2)
    assert [json.dumps(document).count(" two") > 0 for document in found][1]


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("name", ["tgi", "lmi", "rolling", "compat"])
def test_details_come_when_asked_for(name, details) -> None:
    """With the last token only."""
    found = documents(b"".join(STREAMS[name](Said(("a", "b"), "length", 5, details=details))))
    assert [bool(document.get("details")) for document in found] == [False, details]
    assert [document.get("generated_text") for document in found] == [None, "ab"]


def test_compatibility_with_tgi_is_a_matter_of_form() -> None:
    """The lines of the rolling batch as events, with the name that TGI has for a probability, and an array."""
    lines, events = documents(b"".join(STREAMS["rolling"](SAID))), list(STREAMS["compat"](SAID))
    assert all(event.startswith(b"data: {") and event.endswith(b"}\n\n") for event in events)
    for line, event in zip(lines, documents(b"".join(events)), strict=True):
        line["token"]["logprob"] = line["token"].pop("log_prob")
        assert event == line
    assert json.loads(text_events.rolling_array(SAID)) == [json.loads(text_events.rolling_object(SAID))]


def test_tgi_keeps_the_connection_alive() -> None:
    """Comments stand between events, where a reader must skip them."""
    assert b":\n\n" in list(STREAMS["tgi"](SAID))


@pytest.mark.parametrize("name", STREAMS)
def test_an_answer_without_tokens_still_ends(name) -> None:
    """Except where a container has no way to say so."""
    said = Said((), "stop", 5, details=True)
    assert (documents(b"".join(STREAMS[name](said))) != []) == (name != "dynamic")
