"""A stream is the same however its bytes are cut: by the network, by SageMaker's frames, or by the container."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.actions import Release
from extproc.events import ResponseBody
from extproc.policies.table import build
from extproc.sagemaker.eventstream import encode
from extproc.testing import answer_headers, chat_body, chat_headers, frame, play, streamed

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
POLICIES = (build("pii-detector", {}), build("dlp-filter", {"patterns": WORDS}))
EXCEPTION = encode({":message-type": "exception", ":exception-type": "ModelStreamError"}, b"{}")


def data(*texts: str, **fields: object) -> bytes:
    """The bytes of a streamed answer."""
    return b"".join(part.body for part in streamed(*texts, **fields))


SAID = ["Grüße ", "an jo@example", ".com, ", "SEC", "RET", " 日本語 ", "🙂", "078-05-", "1120", " FAT"]
ENDINGS: dict[str, bytes] = {
    "served": data(*SAID, "!", usage={"prompt_tokens": 9, "completion_tokens": 4}),
    "estimated": data(*SAID, "!"),
    "blocked": data(*SAID, "AL, and more"),
    "exception": data(*SAID)[: -len(data())] + EXCEPTION,
    "garbled": data(*SAID)[: -len(data())] + b"\0" * 99,
    "cut short": data(*SAID)[:-9],
}
# What the client reads last, how the exchange ends, and the tokens of the answer: 53, 64 and 52 characters.
EXPECTED = {
    "served": (" FAT!", "served", 4),
    "estimated": (" FAT!", "served", 14),
    "blocked": (" ", "blocked", 16),
    "exception": (" ", "failed", 13),
    "garbled": (" ", "failed", 13),
    "cut short": (" FAT", "failed", 13),
}


def result(pieces: Sequence[bytes], *, framed: bool = True) -> tuple[bytes, dict[str, object]]:
    """All that a client and the record see of a stream whose body comes in these pieces."""
    head = answer_headers("east", stream=framed)
    playbook = play(chat_headers(), chat_body("Hi", stream=True), head, policies=POLICIES)
    playbook.feed(*(ResponseBody(piece) for piece in pieces), ResponseBody(b"", end_of_stream=True))
    got = b"".join(action.body for action in playbook.actions if isinstance(action, Release))
    return got, playbook.exchange.record.document()


def split(content: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes in pieces, which may be empty."""
    return [content[start:end] for start, end in pairwise([0, *sorted(cuts), len(content)])]


@given(st.sampled_from(sorted(ENDINGS)), st.data())
def test_cuts_of_frames_make_no_difference(ending: str, draw: st.DataObject) -> None:
    """The network may cut anywhere: the client's bytes and the record are the same."""
    content = ENDINGS[ending]
    cuts = draw.draw(st.lists(st.integers(0, len(content)), max_size=12))
    assert result(split(content, cuts)) == result([content])


@given(st.data())
def test_cuts_of_payloads_make_no_difference(draw: st.DataObject) -> None:
    """Frames may end inside an event, inside JSON, inside a character; so may a bare payload's pieces."""
    payload = b"".join(
        b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}) + b"\n\n" for text in SAID
    )
    payload += b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    cuts = draw.draw(st.lists(st.integers(0, len(payload)), max_size=12))
    pieces = split(payload, cuts)
    assert result([frame(piece) for piece in pieces]) == result([frame(payload)])
    assert result(pieces, framed=False) == result([frame(payload)])


def text(got: bytes) -> str:
    """The content of a stream's events, added up."""
    events = [event.removeprefix(b"data: ") for event in got.split(b"\n\n") if event and b"[DONE]" not in event]
    choices = [choice for event in events for choice in orjson.loads(event).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_byte_by_itself(ending: str) -> None:
    """The extreme of cuts, for every kind of end, against what is known to be right."""
    got, record = result([bytes((byte,)) for byte in ENDINGS[ending]])
    end, outcome, tokens = EXPECTED[ending]
    assert text(got) == "Grüße an [EMAIL_REDACTED], [WORD_REDACTED] 日本語 🙂[SSN_REDACTED]" + end
    assert record["outcome"] == outcome
    assert got.endswith(b"data: [DONE]\n\n") is (outcome == "served")
    assert (b'"error"' in got) is (outcome != "served")
    found = {str(found["entity"]): found["count"] for found in record["findings"]}
    assert found == {"EMAIL": 1, "SSN": 1, "word": 1, **({"fatal": 1} if ending == "blocked" else {})}
    prompt = {"prompt_tokens": 9} if ending == "served" else {"prompt_tokens": 5, "estimated": True}
    assert record["usage"] == {**prompt, "completion_tokens": tokens}
