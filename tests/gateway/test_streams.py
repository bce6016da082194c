"""Streams through a real Envoy: cut anywhere, held back exactly, stopped in the middle, broken upstream."""

import json
import socket
import time

import openai
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo charlie"}]
SAID = "Ünïcode 日本語 🙂 then bob@example.com and 536-90-4399, done."
KEPT = "Ünïcode 日本語 🙂 then [EMAIL_REDACTED] and [SSN_REDACTED], done."
SECRET = "here is the key AKIAIOSFODNN7EXAMPLE as you asked"


def text_of(chunks) -> str:
    """The joined content of a stream's chunks."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


@pytest.mark.parametrize("frame_bytes", [*range(1, 33), 47, 64, 100, 255, 1024])
def test_every_frame_size_gives_the_same_text(enterprise, answer, frame_bytes):
    """Frames end inside JSON, inside UTF-8, inside a match: the text that leaves is always the same."""
    knobs = answer(SAID, token_chars=5, frame_bytes=frame_bytes)
    stream = enterprise.client().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, extra_body={"emulator": knobs}
    )
    assert text_of(stream) == KEPT


@pytest.mark.parametrize("write_bytes", [1, 2, 3, 7, 13])
def test_frames_cut_by_the_network_give_the_same_text(enterprise, answer, write_bytes):
    """TCP writes end inside preludes, headers and checksums of frames."""
    knobs = answer(SAID, token_chars=4, write_bytes=write_bytes)
    stream = enterprise.client().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, extra_body={"emulator": knobs}
    )
    assert text_of(stream) == KEPT


@pytest.mark.parametrize(
    "knobs",
    [
        {"split_utf8": True},
        {"events_per_frame": 3},
        {"empty_frames": True},
        {"unknown_events": True},
        {"token_chars": 1},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_unusual_framing_gives_the_same_text(enterprise, answer, knobs):
    """Several events in a frame, empty and unknown frames, one character a token."""
    stream = enterprise.client().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, extra_body={"emulator": answer(SAID, **knobs)}
    )
    assert text_of(stream) == KEPT


def test_a_stream_blocked_in_the_middle_ends_cleanly_and_cuts_the_upstream(enterprise, regions, answer):
    """200, text up to the secret, one error event, a clean end without [DONE]; no more tokens are paid for."""
    regions[0].reset()
    words = SECRET + " more" * 2000
    knobs = answer(words, delay_ms=5)
    body = {"model": "chat", "messages": MESSAGES, "stream": True, "emulator": knobs}
    with enterprise.http().stream("POST", "/v1/chat/completions", json=body) as received:
        raw = b"".join(received.iter_bytes())
    events = [event.removeprefix(b"data: ") for event in raw.split(b"\n\n") if event]
    error = json.loads(events[-1])["error"]
    assert (error["type"], error["code"], error["policy"]) == ("policy_violation", "output_blocked", "dlp-filter")
    assert b"[DONE]" not in raw
    assert b"AKIA" not in raw
    text = "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1])
    assert text.strip() in ("here is the", "here is the key")
    line = enterprise.audited(received.headers["x-request-id"])
    assert (line["outcome"], line["status"], line["block"]["rule"]) == ("blocked", 200, "aws-access-key")

    def cut():
        entry = regions[0].requests()[-1]
        return entry["cut"] and entry["frames_sent"]

    assert wait(cut) < 500


def wait(condition):
    """Ask for up to half a minute until `condition()` is true; the value."""
    for _ in range(600):
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{condition} never came true")


def test_the_sdk_raises_what_blocked_a_stream(enterprise, answer):
    """The Python SDK raises an APIError with the code in the middle of the iteration."""
    stream = enterprise.client().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, extra_body={"emulator": answer(SECRET)}
    )
    with pytest.raises(openai.APIError) as caught:
        text_of(stream)
    assert (caught.value.code, caught.value.type) == ("output_blocked", "policy_violation")


# These reach the gateway as a broken connection: Envoy resets the client's, and there is nothing to send an event on.
RESET = ("reset-midstream", "cut-midstream")


@pytest.fixture(scope="module")
def broken(tmp_path_factory, regions, launch):
    """A gateway with one target per way in which a connection breaks, and every policy."""
    names = [*RESET, "stall-midstream", "huge", "chat"]
    targets = "".join(launch.target(kind, regions[0], kind, timeout_seconds=3) for kind in names)
    gateway = launch.gateway(tmp_path_factory.mktemp("broken"), launch.pack(targets, launch.ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0


@pytest.mark.parametrize("kind", RESET)
def test_an_upstream_that_resets_in_mid_stream_is_seen_by_the_client_and_audited(broken, kind):
    """The connection breaks for the client as well, which SDKs report; the trail says that the exchange was aborted."""
    messages = [{"role": "user", "content": "alpha bravo charlie delta echo foxtrot golf hotel"}]
    # Slow enough for the answer to have begun: before that, the client gets a 502 instead.
    raw = broken.client().chat.completions.with_raw_response.create(
        model=kind, messages=messages, stream=True, extra_body={"emulator": {"delay_ms": 50}}
    )
    with pytest.raises(openai.APIConnectionError):
        text_of(raw.parse())
    assert broken.audited(raw.headers["x-request-id"])["outcome"] == "aborted"


def test_a_client_that_leaves_in_mid_stream_cuts_the_upstream_and_is_audited(broken, regions, answer):
    """The container is stopped, and the audit line says aborted."""
    regions[0].reset()
    body = {"model": "chat", "messages": MESSAGES, "stream": True, "emulator": answer("word " * 3000, delay_ms=5)}
    payload = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", broken.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(payload), payload)
        )
        head = connection.recv(65536)
    request_id = next(
        line.partition(b": ")[2].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"x-request-id")
    )
    line = broken.audited(request_id)
    assert (line["outcome"], line["stream"]) == ("aborted", True)
    assert wait(lambda: regions[0].requests()[-1]["cut"])


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("cut-midstream", 503, "upstream_reset"),
        ("stall-midstream", 504, "timeout"),
        ("huge", 502, "too_large"),
    ],
)
def test_a_whole_answer_that_does_not_come_whole(broken, kind, status, why):
    """With no other target it is an error with an audit line that says why; nothing of it has been passed on."""
    received = broken.http().post("/v1/chat/completions", json={"model": kind, "messages": MESSAGES})
    assert (received.status_code, received.json()["error"]["type"]) == (status, "server_error")
    line = broken.audited(received.headers["x-request-id"])
    assert (line["outcome"], line["status"]) == ("failed", status)
    assert why in line["detail"]
