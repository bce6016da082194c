"""Streams fail over until their first content: every way in which one can fail before it, with the OpenAI SDK."""

import json
import socket

import openai
import pytest

pytestmark = pytest.mark.usefixtures("fresh")

MESSAGES = [{"role": "user", "content": "alpha bravo charlie"}]
SAID = "alpha bravo charlie"
# What the first target's stream does before its first content → how the audit trail tells of the attempt.
FAULTS = {
    "exception-first": (424, "ModelStreamError"),
    "exception-midstream--after0": (424, "ModelStreamError"),
    "exception-midstream--after1": (424, "ModelStreamError"),
    "exception-throttled--after0": (429, "ThrottlingException"),
    "internal-stream-failure--after0": (500, "InternalStreamFailure"),
    "error-frame--after0": (424, "InternalError"),
    "stream-error--after0": (424, "ModelError"),
    "truncated--after0": (502, "NoContent"),
    "empty-body": (502, "NoContent"),
    "eof-midframe--after0": (502, "BrokenStream"),
    "bad-crc--after0": (502, "BrokenStream"),
    "bad-prelude--after0": (502, "BrokenStream"),
    "giant-frame--after0": (502, "BrokenStream"),
    "not-json": (502, "BrokenStream"),
    "reset-midstream--after0--delay20": (0, ""),
    "reset-midstream--after1--delay20": (0, ""),
    "cut-midstream--after0--delay20": (0, ""),
    "stall-midstream--after0": (0, ""),
    "stall-midstream--after1": (0, ""),
}
# With no other target: the client's status and code.
ALONE = {
    "exception-first": (502, "model_stream_error"),
    "exception-throttled--after0": (429, "rate_limit_exceeded"),
    "exception-timeout--after0": (504, "model_stream_error"),
    "stream-error--after0": (502, "model_stream_error"),
    "empty-body": (502, "model_stream_error"),
    "giant-frame--after0": (502, "model_stream_error"),
    "not-json": (502, "model_stream_error"),
    "reset-midstream--after0--delay20": (503, "service_unavailable"),
    "stall-midstream--after1": (504, "timeout"),
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, regions, launch):
    """A gateway with every policy; each model has a first target that fails in its way and a second that works."""
    east, west = regions
    made = []
    for fault in dict.fromkeys([*FAULTS, *ALONE]):
        first = {"timeout_seconds": 30, "first_byte_timeout_seconds": 0.5} if fault.startswith("stall") else {}
        made.append(launch.target(f"{fault}-east", east, fault, model=f"m-{fault}", **first))
        made.append(launch.target(f"{fault}-west", west, "chat", model=f"m-{fault}", **first))
    limits = {"timeout_seconds": 30, "first_byte_timeout_seconds": 4}
    made.append(launch.target("patient-east", east, "chat", model="patient", **limits))
    made.append(launch.target("patient-west", west, "chat", model="patient", **limits))
    for name in ("again", "once"):
        fields = {"retry_model_timeouts": name == "again"}
        made.append(launch.target(f"{name}-east", east, "model-error-0", model=name, **fields))
        made.append(launch.target(f"{name}-west", west, "chat", model=name, **fields))
    for kind in ("internal", "throttle"):
        made.extend(launch.target(f"both-{kind}-{r.name}", r, kind, model=f"both-{kind}") for r in regions)
    gateway = launch.gateway(tmp_path_factory.mktemp("pairs"), launch.pack("".join(made), launch.ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0


def stream(gateway, model, **emulator):
    """A stream of the SDK's, and what its head says."""
    raw = gateway.client().chat.completions.with_raw_response.create(
        model=model, messages=MESSAGES, stream=True, extra_body={"emulator": emulator} if emulator else None
    )
    return raw.parse(), raw.headers


def text(chunks):
    """What a stream says."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_before_the_first_content_is_invisible(pairs, fault):
    """The client reads the second target's answer, whole; the trail has both attempts."""
    chunks, headers = stream(pairs, f"m-{fault}")
    assert (text(chunks), headers["x-kt-target"]) == (SAID, f"{fault}-west")
    line = pairs.audited(headers["x-request-id"])
    status, error_type = FAULTS[fault]
    assert line["outcome"] == "served"
    assert [(a["target"], a["status"], a["error_type"]) for a in line["attempts"]] == [
        (f"{fault}-east", status, error_type),
        (f"{fault}-west", 200, ""),
    ]


@pytest.mark.parametrize("fault", ALONE)
def test_where_no_target_is_left_the_client_gets_a_status(pairs, fault):
    """A proper error instead of a 200 with an error event: the target's own name plans it alone."""
    with pytest.raises(openai.APIStatusError) as caught:
        stream(pairs, f"{fault}-east")
    assert (caught.value.status_code, caught.value.code) == ALONE[fault]
    assert pairs.audited(caught.value.response.headers["x-request-id"])["status"] == caught.value.status_code


def test_after_the_first_content_there_is_one_error_event(pairs, regions):
    """Nobody else is asked: the client has read some of it."""
    chunks, headers = stream(pairs, "patient", fault="exception-midstream", after=3, delay_ms=100)
    received = []
    with pytest.raises(openai.APIError) as caught:
        received.extend(chunks)
    assert received
    assert SAID.startswith(text(received).strip())
    assert caught.value.code == "model_stream_error"
    assert [len(region.requests()) for region in regions] == [1, 0]
    assert headers["x-kt-target"] == "patient-east"


def test_a_policys_block_is_no_failure(pairs, regions, answer):
    """An answer that is refused at its first content is not asked for elsewhere."""
    chunks, _ = stream(pairs, "patient", **answer("AKIAIOSFODNN7EXAMPLE"))
    with pytest.raises(openai.APIError) as caught:
        text(chunks)
    assert caught.value.code == "output_blocked"
    assert [len(region.requests()) for region in regions] == [1, 0]


def test_the_first_contents_time_ends_with_it(pairs):
    """A stream that goes on for longer than that is not cut."""
    chunks, headers = stream(pairs, "patient", delay_ms=1000)
    assert (text(chunks), headers["x-kt-target"]) == (SAID, "patient-east")


def test_a_whole_answer_has_the_whole_time(pairs, regions):
    """Nothing of it comes before the model has said all."""
    raw = pairs.client().chat.completions.with_raw_response.create(
        model="patient", messages=MESSAGES, extra_body={"emulator": {"delay_ms": 5000}}
    )
    assert raw.headers["x-kt-target"] == "patient-east"
    assert len(regions[1].requests()) == 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("model", "asked"), [("once", [1, 0]), ("again", [1, 1])])
def test_what_the_platform_has_timed_out_goes_on_only_where_it_is_wanted(pairs, regions, model, asked, streamed):
    """The container still computes, so that the default is a 504."""
    body = {"model": model, "messages": MESSAGES, "stream": streamed}
    assert pairs.http().post("/v1/chat/completions", json=body).status_code == (504 if model == "once" else 200)
    assert [len(region.requests()) for region in regions] == asked


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("kind", "sent"), [("internal", 1), ("throttle", 3)])
def test_an_sdks_own_retries_do_not_multiply_ours(pairs, regions, kind, sent, streamed):
    """Tried everywhere: the SDK gives up where a wait would not help, and else waits as long as it is told."""
    with pytest.raises(openai.APIStatusError) as caught:
        pairs.client(max_retries=2).chat.completions.create(model=f"both-{kind}", messages=MESSAGES, stream=streamed)
    headers = caught.value.response.headers
    assert (headers.get("x-should-retry"), "retry-after" in headers) == (None if sent > 1 else "false", sent > 1)
    assert [len(region.requests()) for region in regions] == [sent, sent]


@pytest.mark.parametrize("streamed", [False, True])
def test_the_largest_body_is_sent_again_as_it_was(pairs, regions, streamed):
    """24 MiB, byte for byte, and signed anew: the second target gets what the first got."""
    words = "lorem ipsum " * (2 * 1024 * 1024)
    body = {"model": "m-exception-first", "messages": [{"role": "user", "content": words}], "stream": streamed}
    body["emulator"] = {"text": "done"} if streamed else {"text": "done", "fault": "internal"}
    reply = pairs.http().post("/v1/chat/completions", json=body)
    seen = [entry for region in regions for entry in region.requests()]
    assert len(seen) == 2
    assert len({entry["body_sha256"] for entry in seen}) == 1
    assert reply.status_code == (200 if streamed else 502)


def test_a_client_that_leaves_while_nothing_has_come_ends_the_attempt(gateways, regions, launch):
    """The container is cut at once, no other is asked, and the trail says that the client left."""
    targets = "".join(launch.target(r.name, r, "stall-midstream--after1", model="silent") for r in regions)
    gateway = gateways(launch.pack(targets))
    body = json.dumps({"model": "silent", "messages": MESSAGES, "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head.encode() + body)
        launch.eventually(lambda: regions[0].requests() and regions[0].requests()[0]["frames_sent"])
    launch.eventually(lambda: regions[0].requests()[0]["cut"])
    assert len(regions[1].requests()) == 0
    (line,) = launch.eventually(gateway.audit)
    assert (line["outcome"], line["planned"]) == ("aborted", [region.name for region in regions])
