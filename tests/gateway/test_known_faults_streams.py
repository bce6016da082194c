"""The known faults of other gateways in front of SageMaker, by number: what goes wrong in streams.

Rows 1 to 8, 26, 29, 30, 32 and 34; the others are in test_known_faults_errors.py and test_known_faults_requests.py. A
test's sentence is what a correct gateway does.
"""

import json
import re
from pathlib import Path

import openai
import pytest

pytestmark = pytest.mark.usefixtures("fresh")

README = Path(__file__).parent.parent.parent / "README.md"
SAID = "Grüße 日本語 🙂 und Ende"
HOTEL = "alpha bravo charlie delta echo foxtrot golf hotel"

# Emulated container → the target's fields.
CONTAINERS = {
    "chat": {},
    "jsonlines": {},
    "no-done": {},
    "tgi": {"format": "tgi", "prompt_template": "llama3"},
    "tgi-nospace": {"format": "tgi", "prompt_template": "mistral"},
    "lmi": {"format": "lmi", "prompt_template": "chatml"},
    "lmi-rolling": {"format": "lmi", "prompt_template": "llama2"},
    "lmi-dynamic": {"format": "lmi-dynamic-batch", "prompt_template": "falcon"},
    "llama2": {"format": "jumpstart-llama2", "accept_eula": True},
    "bedrock": {"format": "bedrock-marketplace", "prompt_template": "llama3"},
}
# How the emulator frames an answer: as it comes; inside characters; three events at once; in parts of seven bytes, and
# without a line feed at the end.
FRAMINGS = ("", "--utf8", "--events3", "--frame7--unended")


@pytest.fixture(scope="module")
def known(tmp_path_factory, regions, launch):
    """One worker and no policy that holds text back, in front of every container and framing."""
    east, west = regions
    made = [
        launch.target(f"{kind}{framing}", east, f"{kind}{framing}", **fields)
        for kind, fields in CONTAINERS.items()
        for framing in FRAMINGS
    ]
    made += [
        launch.target("sniffed-lines", east, "jsonlines", model="auto-jsonlines", format="auto"),
        launch.target("sniffed-events", east, "no-done", model="auto-no-done", format="auto"),
        launch.target("throttled-east", east, "throttle", model="throttled"),
        launch.target("throttled-west", west, "throttle", model="throttled"),
        launch.target("silent", east, "stall-midstream--after2", model="silent", timeout_seconds=30),
        launch.target("serverless", east, "serverless", model="serverless", streaming=False),
        launch.target("mme", east, "multi-model", model="mme", target_model="team a/model.tar.gz"),
    ]
    for fault in ("exception-throttled", "exception-midstream", "reset-midstream", "exception-first", "empty-body"):
        made.append(launch.target(f"{fault}-east", east, fault, model=f"m-{fault}"))
        made.append(launch.target(f"{fault}-west", west, "chat", model=f"m-{fault}"))
    gateway = launch.gateway(tmp_path_factory.mktemp("known"), launch.pack("".join(made)), "--workers", "1")
    yield gateway
    assert gateway.stop() == 0


def request(model, text, **fields):
    """The body of a stream request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": True, **fields}


def events(gateway, model, text, **fields):
    """Every event of a stream, the last one [DONE] as it stands."""
    with gateway.http().stream("POST", "/v1/chat/completions", json=request(model, text, **fields)) as received:
        raw = b"".join(received.iter_bytes())
    assert (received.status_code, received.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    *found, end = raw.split(b"\n\n")
    assert end == b""
    assert all(event.startswith(b"data: ") for event in found)
    payloads = [event.removeprefix(b"data: ") for event in found]
    return ["[DONE]" if payload == b"[DONE]" else json.loads(payload) for payload in payloads], received


def text_of(documents):
    """The joined content of chunks."""
    return "".join(choice["delta"].get("content") or "" for chunk in documents for choice in chunk.get("choices", ()))


def whole_text(gateway, model, text):
    """What a stream says that ends as it should: one reason, then [DONE]."""
    (*chunks, end), _ = events(gateway, model, text)
    assert end == "[DONE]"
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"] if c["finish_reason"]] == ["stop"]
    return text_of(chunks)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_fault_01_a_character_cut_by_the_end_of_a_part(known, kind):
    """Bytes are joined across parts and only whole lines decoded, so that no character is lost or replaced."""
    assert whole_text(known, f"{kind}--utf8", SAID) == SAID


@pytest.mark.parametrize("kind", CONTAINERS)
def test_fault_02_several_events_in_one_part(known, kind):
    """Every event of a part is read, not the first alone."""
    assert whole_text(known, f"{kind}--events3", HOTEL) == HOTEL


@pytest.mark.parametrize("kind", CONTAINERS)
def test_fault_03_an_event_over_several_parts_and_no_line_feed_at_the_end(known, kind):
    """Events are put together from parts, and what has no line feed when the stream ends is read all the same."""
    assert whole_text(known, f"{kind}--frame7--unended", SAID) == SAID


@pytest.mark.parametrize("kind", [*CONTAINERS, "auto-jsonlines", "auto-no-done"])
def test_fault_04_json_lines_events_and_tokens(known, kind):
    """Whatever shape a container's stream has, the client's is one of chunks that ends in [DONE]."""
    assert whole_text(known, kind, SAID) == SAID


# What the upstream does in mid-stream → the code of the event that ends the client's stream.
BROKEN = {
    "exception-midstream": "model_stream_error",
    "exception-timeout": "model_stream_error",
    "exception-throttled": "rate_limit_exceeded",
    "internal-stream-failure": "model_stream_error",
    "stream-error": "model_stream_error",
    "truncated": "model_stream_error",
    "eof-midframe": "model_stream_error",
}
GARBLED = ("bad-crc", "bad-prelude", "giant-frame", "error-frame")


def broken_off(gateway, fault):
    """Let an upstream fail in mid-stream: the text before, the error's type and code, and the audit line's."""
    # Slow enough for the answer to have begun: before that, another target would be asked.
    (*chunks, last), received = events(gateway, "chat", HOTEL, emulator={"fault": fault, "delay_ms": 50})
    error = last["error"]
    assert not re.search(r"\d{12}|arn:|amazonaws|Exception|Telemetry", json.dumps(error))
    line = gateway.audited(received.headers["x-request-id"])
    assert (line["outcome"], line["error"]["code"]) == ("failed", error["code"])
    return text_of(chunks), error["type"], error["code"]


@pytest.mark.parametrize("fault", BROKEN)
def test_fault_05_a_failure_in_mid_stream_is_never_a_complete_answer(enterprise, fault):
    """Exceptions, containers' own errors and truncation become one error event at the end, and no [DONE]."""
    text, _, code = broken_off(enterprise, fault)
    assert HOTEL.startswith(text.strip())
    assert text != HOTEL
    assert code == BROKEN[fault]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("throttle", 429), ("internal", 502), ("no-capacity", 503), ("model-error-400", 400), ("model-error-0", 504)],
)
def test_fault_06_what_fails_before_a_stream_begins_has_its_status(enterprise, fault, status):
    """An error that comes instead of a stream is an answer with a status, not a 200 with nothing in it."""
    with pytest.raises(openai.APIStatusError) as caught:
        enterprise.client().chat.completions.create(**request("chat", HOTEL), extra_body={"emulator": {"fault": fault}})
    assert caught.value.status_code == status


@pytest.mark.parametrize("fault", ["exception-first", "not-json", "empty-body"])
def test_fault_06_what_fails_at_the_first_frame_has_its_status_too(enterprise, fault):
    """The head of an answer waits for what the stream begins with; where that is an error, the status is its own."""
    with pytest.raises(openai.InternalServerError) as caught:
        enterprise.client().chat.completions.create(**request("chat", HOTEL), extra_body={"emulator": {"fault": fault}})
    assert (caught.value.status_code, caught.value.code) == (502, "model_stream_error")
    assert enterprise.audited(caught.value.response.headers["x-request-id"])["outcome"] == "failed"


@pytest.mark.parametrize("fault", ["exception-first", "empty-body"])
def test_fault_06_what_fails_at_the_first_frame_is_tried_elsewhere(known, fault):
    """The client reads the second target's stream, and nothing of the first's."""
    assert whole_text(known, f"m-{fault}", HOTEL) == HOTEL


def test_fault_07_throttled_everywhere_is_asked_once_each(known, regions):
    """Attempts are bounded by the targets, in a stream too: one each, then a 429."""
    with pytest.raises(openai.RateLimitError) as caught:
        known.client().chat.completions.create(**request("throttled", HOTEL))
    assert [len(region.requests()) for region in regions] == [1, 1]
    line = known.audited(caught.value.response.headers["x-request-id"])
    assert [attempt["target"] for attempt in line["attempts"]] == ["throttled-east", "throttled-west"]


@pytest.mark.parametrize("fault", ["exception-throttled", "exception-midstream", "reset-midstream"])
def test_fault_07_nothing_is_asked_again_after_the_first_byte(known, regions, fault):
    """The stream ends with its error though another target is idle, and the only worker goes on to the next request."""
    stream = known.client().chat.completions.create(
        **request(f"m-{fault}", HOTEL), extra_body={"emulator": {"delay_ms": 150}}
    )
    received = []
    with pytest.raises(openai.APIError):
        received.extend(stream)
    assert received
    assert [len(region.requests()) for region in regions] == [1, 0]
    assert whole_text(known, "chat", HOTEL) == HOTEL


def test_fault_08_a_token_does_not_wait_for_more_bytes(known, regions):
    """A frame is passed on as it arrives: the client reads a token of which nothing but its own frame follows."""
    with known.http().stream("POST", "/v1/chat/completions", json=request("silent", HOTEL)) as received:
        text = ""
        for line in received.iter_lines():
            text += text_of([json.loads(line.removeprefix("data: "))] if line else [])
            if text:
                break
        (entry,) = regions[0].requests()
    assert text == "alpha"
    assert (entry["frames_sent"], entry["finished"]) == (2, False)
    assert entry["bytes_sent"] < 1024


@pytest.mark.parametrize(
    ("kind", "estimated"), [("chat", False), ("jsonlines", False), ("tgi", False), ("lmi-dynamic", True)]
)
def test_fault_26_usage_of_a_stream(known, kind, estimated):
    """Tokens are on record whether the client asked or not, told only when asked, and estimates are marked."""
    for options in ({}, {"stream_options": {"include_usage": True}}):
        (*chunks, _), received = events(known, kind, HOTEL, **options)
        told = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
        assert len(told) == len(options)
        usage = known.audited(received.headers["x-request-id"])["usage"]
        assert usage.get("estimated", False) is estimated
        assert usage["completion_tokens"] >= 8
        if told:
            assert chunks[-1]["choices"] == []
            assert ("estimated" in told[0]) is estimated
            assert told[0]["completion_tokens"] == usage["completion_tokens"]


def asked_whole(gateway, regions, model):
    """Ask a target that cannot stream for a stream: the text, after checking what its container was asked."""
    (*chunks, end), _ = events(gateway, model, HOTEL, stream_options={"include_usage": True})
    assert end == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"] if c["finish_reason"]] == ["stop"]
    assert chunks[-1]["usage"]["completion_tokens"] == 8
    (entry,) = regions[0].requests()
    assert entry["path"].endswith("/invocations")
    assert not {"stream", "stream_options"} & set(json.loads(entry["body"]))
    return text_of(chunks)


def test_fault_29_a_serverless_endpoint_answers_a_stream_request(known, regions):
    """It is asked for a whole answer, which becomes a stream with a reason, usage and [DONE]."""
    assert asked_whole(known, regions, "serverless") == HOTEL


def test_fault_30_a_multi_model_endpoint_answers_a_stream_request(known, regions):
    """Its target model stands in a header that only the operation for whole answers has, so that one is asked."""
    assert asked_whole(known, regions, "mme") == HOTEL
    assert regions[0].requests()[0]["headers"]["x-amzn-sagemaker-target-model"] == "team a/model.tar.gz"


def test_fault_32_what_is_said_about_streams_is_what_they_are(known, regions):
    """The README tells real streams from those made of whole answers; a real one's first token comes before its end."""
    readme = " ".join(README.read_text(encoding="utf-8").split())
    assert "whole answer becomes a stream" in readme
    assert "A stream is released as soon as no rule can still match across its end" in readme
    body = request("chat", HOTEL, emulator={"tokens": 5000, "delay_ms": 20})
    with known.http().stream("POST", "/v1/chat/completions", json=body) as received:
        next(line for line in received.iter_lines() if '"alpha"' in line)
        (entry,) = regions[0].requests()
    assert not entry["finished"]
    assert 2 <= entry["frames_sent"] < 5000


@pytest.mark.parametrize("fault", GARBLED)
def test_fault_34_frames_that_are_damaged_or_say_error(enterprise, fault):
    """Both checksums, the lengths and the message type of every frame are read: none of these passes for an event."""
    text, error_type, code = broken_off(enterprise, fault)
    assert HOTEL.startswith(text.strip())
    assert (error_type, code) == ("server_error", "model_stream_error")


@pytest.mark.parametrize("knob", ["unknown_events", "empty_frames"])
def test_fault_34_frames_of_an_unknown_type_and_empty_ones(known, knob):
    """An event that AWS may add some day is skipped, as its own clients do."""
    (*chunks, end), _ = events(known, "chat", HOTEL, emulator={knob: True})
    assert (text_of(chunks), end) == (HOTEL, "[DONE]")
