"""The known faults of other gateways in front of SageMaker, by number: errors, retries and timeouts.

Rows 9 to 12, 14, 27 and 31. A test's sentence is what a correct gateway does.
"""

import asyncio
import json
import re
import socket

import openai
import pytest

pytestmark = pytest.mark.usefixtures("fresh")

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
# What AWS and containers say that no client may read.
SECRETS = re.compile(
    r"\d{12}|arn:|amazonaws|console|log-group|Traceback|File \"|kms|IAM|iam:|primary|ErrorCode|Original", re.ASCII
)
TRACEBACK = json.dumps(
    {
        "error": "Traceback (most recent call last):\n  File \"/opt/ml/model.py\", line 7, in predict\nKeyError: 'x'\n"
        "arn:aws:s3:::bucket-of-123456789012"
    }
)


@pytest.fixture(scope="module")
def known(tmp_path_factory, regions, launch, deaf):
    """A gateway without policies: `alone` and `native` do what a request asks of them, pairs have a second target."""
    east, west = regions
    made = [
        launch.target("alone", east, "chat", model="alone"),
        launch.target("native", east, "chat", model="native", route="openai"),
        launch.target("brief", east, "chat", model="brief", timeout_seconds=2),
        # Far longer than any test waits: what fails over before that has not waited for it.
        launch.target("deaf", east, "chat", model="m-deaf", base_url=deaf, timeout_seconds=3000),
        launch.target("hears", west, "chat", model="m-deaf"),
    ]
    for kind in ("throttle", "no-capacity", "model-error-0", "model-error-400", "model-error-429", "model-error-500"):
        made.append(launch.target(f"{kind}-east", east, kind, model=f"m-{kind}"))
        made.append(launch.target(f"{kind}-west", west, "chat", model=f"m-{kind}"))
    gateway = launch.gateway(tmp_path_factory.mktemp("known"), launch.pack("".join(made), more=launch.EVERY_TIME))
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def deaf():
    """The address of a host that takes no connection: its queue is full, and further attempts are not answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.5)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for one in waiting:
            one.close()


def ask(gateway, model, *, stream=False, retries=0, timeout=60.0, **emulator):
    """The text of an answer and its target; with `emulator`, what the region is to do."""
    extra = {"extra_body": {"emulator": emulator}} if emulator else {}
    client = gateway.client(max_retries=retries, timeout=timeout)
    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES, stream=stream, **extra)
    answer = raw.parse()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    else:
        text = answer.choices[0].message.content
    return text, raw.headers["x-kt-target"]


def refusal(gateway, model, *, stream=False, retries=0, **emulator):
    """The error that a request ends in."""
    with pytest.raises(openai.APIStatusError) as caught:
        ask(gateway, model, stream=stream, retries=retries, **emulator)
    return caught.value


def asked(regions):
    """How many requests each region has had."""
    return [len(region.requests()) for region in regions]


@pytest.mark.parametrize("stream", [False, True])
def test_fault_09_a_throttle_that_says_400(known, regions, stream):
    """Known by its header and not by its status: another target is tried, and without one it is a 429 with a time."""
    assert ask(known, "m-throttle", stream=stream) == ("alpha bravo", "throttle-west")
    assert regions[0].requests()[-1]["status"] == 400
    error = refusal(known, "alone", stream=stream, fault="throttle")
    assert (error.status_code, error.type, error.code) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(error.response.headers["retry-after"]) <= 30


# The container's status → the client's. 415 and 422 are OpenAI's 400; whose fault it is stays the same.
ORIGINAL = {
    400: 400,
    404: 404,
    413: 413,
    415: 400,
    422: 400,
    429: 429,
    500: 502,
    502: 502,
    503: 503,
    504: 502,
    507: 503,
    0: 504,
}


@pytest.mark.parametrize("model", ["alone", "native"])
@pytest.mark.parametrize("original", ORIGINAL)
def test_fault_10_a_424_is_what_the_container_said(known, original, model):
    """The status and the words come from inside the wrapping, on both routes."""
    said = {
        "error": {"message": f"Refused number {original}.", "type": "BadRequestError", "param": None, "code": original}
    }
    error = refusal(known, model, fault="model-error", original_status=original, original_message=json.dumps(said))
    assert error.status_code == ORIGINAL[original]
    if original in (400, 415, 422):
        assert error.body["message"] == f"Refused number {original}."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("model-error-400", (openai.BadRequestError, 1)),
        ("model-error-422", (openai.BadRequestError, 1)),
        ("too-large", (openai.APIStatusError, 1)),
        ("throttle", (openai.RateLimitError, 2)),
        ("model-error-429", (openai.RateLimitError, 2)),
        ("unavailable", (openai.InternalServerError, 2)),
    ],
)
def test_fault_11_an_error_keeps_its_class(known, regions, fault, expected, stream):
    """An asynchronous client raises what it is, tries again what may pass, and leaves alone what cannot."""

    async def main():
        url = f"{known.url}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="unused", max_retries=1) as client:
            await client.chat.completions.create(
                model="alone", messages=MESSAGES, stream=stream, extra_body={"emulator": {"fault": fault}}
            )

    with pytest.raises(openai.APIStatusError) as caught:
        asyncio.run(main())
    assert (type(caught.value), len(regions[0].requests())) == expected


@pytest.mark.parametrize(("kind", "requests"), [("model-error-400", [1, 0]), ("model-error-500", [1, 1])])
def test_fault_11_only_what_another_target_may_be_spared_is_tried_there(known, regions, kind, requests):
    """The gateway itself retries by the same rule as its clients: never what is the caller's own fault."""
    if requests[1]:
        assert ask(known, f"m-{kind}") == ("alpha bravo", f"{kind}-west")
    else:
        assert isinstance(refusal(known, f"m-{kind}"), openai.BadRequestError)
    assert asked(regions) == requests


@pytest.mark.parametrize("stream", [False, True])
def test_fault_12_the_platforms_sixty_seconds_are_named(known, regions, stream):
    """504 with the hint to stream; neither the gateway nor an SDK sends the request to a busy container again."""
    error = refusal(known, "m-model-error-0", stream=stream, retries=2)
    assert (error.status_code, error.code) == (504, "timeout")
    assert "stream" in error.body["message"]
    assert error.response.headers["x-should-retry"] == "false"
    assert asked(regions) == [1, 0]


@pytest.mark.parametrize("stream", [False, True])
def test_fault_14_a_component_scaled_to_zero_is_no_bad_request(known, regions, stream):
    """Another target is tried; without one it is a 503 with a time, and the request that wakes it has been made."""
    assert ask(known, "m-no-capacity", stream=stream) == ("alpha bravo", "no-capacity-west")
    assert asked(regions) == [1, 1]
    error = refusal(known, "alone", stream=stream, fault="no-capacity")
    assert (error.status_code, error.code) == (503, "model_not_ready")
    assert 1 <= int(error.response.headers["retry-after"]) <= 30
    assert asked(regions) == [2, 1]


def test_fault_27_a_host_that_takes_no_connection(known):
    """Connecting has a time of its own: the next target answers long before the first one's timeout_seconds."""
    assert ask(known, "m-deaf", timeout=60.0) == ("alpha bravo", "hears")


@pytest.mark.parametrize("stream", [False, True])
def test_fault_27_an_answer_that_does_not_begin(known, stream):
    """timeout_seconds holds for the first byte, whole or streamed: 504 timeout."""
    error = refusal(known, "brief", stream=stream, fault="stall")
    assert (error.status_code, error.code) == (504, "timeout")


def broken_off(gateway, **emulator):
    """The text before a stream's error, and the error's code."""
    stream = gateway.client().chat.completions.create(
        model="brief", messages=MESSAGES, stream=True, extra_body={"emulator": emulator}
    )
    received = []
    with pytest.raises(openai.APIError) as caught:
        received.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    line = gateway.audited(stream.response.headers["x-request-id"])
    assert (line["outcome"], line["error"]["code"]) == ("failed", caught.value.code)
    return "".join(received), caught.value.code


def test_fault_27_a_stream_that_falls_silent(known):
    """It ends in an error event, after the text that has come."""
    assert broken_off(known, fault="stall-midstream") == ("alpha bravo", "timeout")


def test_fault_27_an_answer_that_goes_on(known):
    """timeout_seconds bounds all of an answer, and only its own target's: the same one is complete at another."""
    text, code = broken_off(known, tokens=400, delay_ms=50)
    assert text.startswith("alpha")
    assert code == "timeout"
    assert refusal(known, "brief", tokens=3, delay_ms=4000).code == "timeout"
    assert ask(known, "alone", tokens=3, delay_ms=4000)[0] == "alpha bravo charlie"
    assert len(ask(known, "alone", stream=True, tokens=80, delay_ms=50)[0].split()) == 80
    assert broken_off(known, fault="exception-midstream", delay_ms=50)[1] == "model_stream_error"


LEAKS = {
    "missing": {"fault": "missing"},
    "internal": {"fault": "internal"},
    "dependency": {"fault": "dependency"},
    "validation": {"fault": "validation"},
    "access": {"fault": "forbidden-access"},
    "time": {"fault": "model-error-0"},
    "a traceback": {"fault": "model-error-500", "original_message": TRACEBACK},
    "a traceback as a refusal": {"fault": "model-error-400", "original_message": TRACEBACK},
}


@pytest.mark.parametrize("model", ["alone", "native"])
@pytest.mark.parametrize("name", LEAKS)
def test_fault_31_what_aws_says_stays_behind(known, name, model):
    """No account, ARN, host, console link or traceback in body or headers; all of it on the audit trail."""
    error = refusal(known, model, **LEAKS[name])
    # A request's own id may have twelve digits in a row.
    headers = {name: value for name, value in error.response.headers.items() if name != "x-request-id"}
    told = error.response.text + str(headers)
    assert SECRETS.search(told) is None
    line = known.audited(error.response.headers["x-request-id"])
    assert "123456789012" in line["detail"]
    if "traceback" in name:
        assert "Traceback" in line["detail"]
