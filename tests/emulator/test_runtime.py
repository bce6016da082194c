"""One region's runtime: the order of its checks, its endpoints, and its faults."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from extproc.emulator.answer import Reset, Send, Stall, Wait
from extproc.emulator.journal import Journal
from extproc.emulator.runtime import Fault, Runtime
from extproc.emulator.server import TEST_CREDENTIALS


@pytest.fixture
def ask(now):
    """Asks a runtime; gives the answer and its entry."""

    def make(received, **settings):
        runtime = settings.pop("runtime", None) or Runtime(
            "us-east-1", {TEST_CREDENTIALS.access_key: TEST_CREDENTIALS}, **settings
        )
        entry = Journal().open(received)
        return runtime.answer(received, entry, now), entry

    return make


def body(**emulator):
    """A chat request with knobs."""
    return json.dumps({"messages": [{"role": "user", "content": "Hello"}], "emulator": emulator}).encode()


def test_an_answer_names_its_request_and_variant(ask, signed) -> None:
    """A good request gets the container's answer, with AWS's headers."""
    answer, entry = ask(signed())
    headers = dict(answer.headers)
    assert (answer.status, entry.status, entry.kind) == (200, 200, "chat")
    assert headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    assert headers["x-amzn-requestid"]
    assert headers["date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Hello wide world"


def test_a_stream_names_the_containers_type(ask, signed) -> None:
    """The streaming operation's own type is the event stream; the container's stands beside it."""
    answer, _ = ask(signed("/endpoints/chat/invocations-response-stream"))
    headers = dict(answer.headers)
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    assert headers["x-amzn-sagemaker-content-type"] == "application/json"


@pytest.mark.parametrize("endpoint", ["chat", "tgi"])
def test_a_stream_is_what_the_knob_says(endpoint, ask, signed) -> None:
    """`raw` takes the place of the container's own events, in every dialect."""
    path = f"/endpoints/{endpoint}/invocations-response-stream"
    said = {
        "messages": [{"role": "user", "content": "Hello"}],
        "inputs": "Hello",
        "emulator": {"raw": [": on", "data"]},
    }
    answer, _ = ask(signed(path, json.dumps(said).encode()))
    sent = [step.data for step in answer.steps]
    assert [b": on" in sent[0], b"data" in sent[1], len(sent)] == [True, True, 2]


@pytest.mark.parametrize(
    "path",
    ["/", "/endpoints/chat", "/endpoints//invocations", "/endpoints/a_b/invocations", "/endpoints/chat/invocations/x"],
)
def test_other_paths_are_no_operations(path, ask, signed) -> None:
    """Whatever is no operation on a legal endpoint name is a 404, signed or not."""
    assert ask(signed(path))[0].status == 404
    assert ask(replace(signed(), method=b"GET"))[0].status == 404


def test_the_signature_is_judged_before_the_endpoint(ask, signed) -> None:
    """Who may not ask is not told which endpoints exist."""
    unsigned = replace(signed("/endpoints/missing/invocations"), headers=())
    answer, entry = ask(unsigned)
    assert (answer.status, entry.error_type) == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    ("endpoints", "name", "status"),
    [(None, "anything", 200), (None, "missing-one", 400), (frozenset({"a"}), "a", 200), (frozenset({"a"}), "b", 400)],
)
def test_unknown_endpoints(endpoints, name, status, ask, signed) -> None:
    """With a list only its names exist; without, all but those that begin with `missing`."""
    answer, entry = ask(signed(f"/endpoints/{name}/invocations"), endpoints=endpoints)
    assert answer.status == status
    if status == 400:
        assert entry.error_type == "ValidationError"
        assert json.loads(answer.body)["ErrorCode"] == "NO_SUCH_ENDPOINT"


@pytest.mark.parametrize(
    ("name", "given", "original"),
    [
        ("model-error-503", {}, 503),
        ("chat", {"fault": "model-error-429"}, 429),
        ("throttle", {"fault": "model-error-0"}, 0),
        ("model-error", {"original_status": 418, "original_message": "teapot"}, 418),
        ("chat", {"frame_byte": 1}, 400),
    ],
)
def test_model_errors(name, given, original, ask, signed) -> None:
    """Name or body say which status the container had; a wrong knob is the container's 400."""
    answer, _ = ask(signed(f"/endpoints/{name}/invocations", body(**given)))
    document = json.loads(answer.body)
    assert (answer.status, document["OriginalStatusCode"]) == (424, original)
    if "original_message" in given:
        assert document["OriginalMessage"] == "teapot"


def test_a_body_that_is_not_json_is_the_containers_400(ask, signed) -> None:
    """SageMaker passes any body on; it is the container that refuses it."""
    answer, _ = ask(signed(body=b"not json"))
    assert json.loads(answer.body)["OriginalStatusCode"] == 400
    assert ask(signed("/endpoints/throttle/invocations", b"not json"))[0].status == 400


@pytest.mark.parametrize(("kind", "step"), [("reset", Reset()), ("stall", Stall())])
def test_no_head_before_a_fault_of_the_connection(kind, step, ask, signed) -> None:
    """Nothing of an answer is sent when the connection fails first."""
    answer, entry = ask(signed(f"/endpoints/{kind}/invocations"))
    assert (answer.status, answer.steps, entry.status) == (0, [step], 0)


@pytest.mark.parametrize(("kind", "sent"), [("not-json", b"This is { not JSON"), ("empty-body", b"")])
def test_a_200_that_is_no_answer(kind, sent, ask, signed) -> None:
    """A container may answer 200 with nonsense or nothing."""
    answer, _ = ask(signed(f"/endpoints/{kind}/invocations"))
    assert (answer.status, answer.body, answer.steps) == (200, sent, None)


def test_a_container_asked_to_stream_on_the_other_operation(ask, signed) -> None:
    """InvokeEndpoint with `stream` gives the server-sent events as one body."""
    request = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "stream": True}).encode()
    answer, _ = ask(signed(body=request))
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert dict(answer.headers)["content-type"].startswith("text/event-stream")


def test_a_huge_answer(ask, signed) -> None:
    """The size of a huge answer is a knob."""
    answer, _ = ask(signed("/endpoints/huge--bytes2000000/invocations"))
    assert 1_900_000 < len(answer.body) < 2_100_000


def test_faults_wait_for_each_other(ask, signed) -> None:
    """Faults of an endpoint are had in the order set, each its number of times, and then the endpoint is itself."""
    runtime = Runtime("us-east-1", {TEST_CREDENTIALS.access_key: TEST_CREDENTIALS})
    runtime.faults = [Fault("chat", "throttle", 2), Fault("other", "internal"), Fault("*", "unavailable", 1)]
    statuses = [ask(signed(), runtime=runtime)[0].status for _ in range(4)]
    assert statuses == [400, 400, 503, 200]
    assert [fault.endpoint for fault in runtime.faults] == ["other"]


def test_an_unsigned_request_does_not_use_up_a_fault(ask, signed) -> None:
    """Only requests that reach the endpoint count."""
    runtime = Runtime("us-east-1", {TEST_CREDENTIALS.access_key: TEST_CREDENTIALS}, faults=[Fault("*", "throttle", 1)])
    assert ask(replace(signed(), headers=()), runtime=runtime)[0].status == 403
    assert ask(signed(), runtime=runtime)[0].status == 400


def test_a_body_over_the_limit(signed) -> None:
    """The refusal of a body is AWS's 413."""
    entry = Journal().open(signed())
    answer = Runtime("us-east-1", {}).too_large(entry)
    assert (answer.status, entry.status, entry.kind) == (413, 413, "too-large")
    assert dict(answer.headers)["x-amzn-errortype"] == "RequestEntityTooLargeException"


@pytest.mark.parametrize(
    ("name", "document", "text"),
    [
        ("tei", {"inputs": "x"}, b"[["),
        ("voyage", {"input": "x"}, b'"total_tokens":1'),
        ("chat", {"prompt": "one two"}, b'"text":"one two"'),
        ("sglang", {"messages": [{"role": "user", "content": "one two"}]}, b'"content":"one two"'),
    ],
)
def test_a_name_chooses_what_is_behind_it(name, document, text, ask, signed) -> None:
    """On both operations; the field `emulator` is the emulator's own, and no container sees it."""
    body = json.dumps({**document, "emulator": {"delay_ms": 0}}).encode()
    answer, entry = ask(signed(f"/endpoints/{name}/invocations", body))
    assert (answer.status, entry.kind) == (200, name)
    assert text in answer.body
    streamed, _ = ask(signed(f"/endpoints/{name}/invocations-response-stream", body))
    assert dict(streamed.headers)["x-amzn-sagemaker-content-type"] == "application/json"
    assert text in b"".join(step.data for step in streamed.steps)


def test_a_fault_set_on_a_container_is_its_own(ask, signed) -> None:
    """The container stays what it is; the entry says what was done."""
    faults = [Fault("tei", "vector-missing", 1), Fault("tei", "not-json", 1)]
    runtime = Runtime("us-east-1", {TEST_CREDENTIALS.access_key: TEST_CREDENTIALS}, faults=faults)
    request = signed("/endpoints/tei/invocations", b'{"inputs": ["x", "y"]}')
    made = [ask(request, runtime=runtime) for _ in range(3)]
    assert [entry.kind for _, entry in made] == ["vector-missing", "not-json", "tei"]
    assert [len(json.loads(answer.body)) for answer, _ in made[::2]] == [1, 2]
    assert made[1][0].body == b"This is { not JSON"


def test_a_refusal_of_a_container_is_quoted_as_it_is(ask, signed) -> None:
    """Also one that is no JSON, in the 424 that wraps it."""
    answer, _ = ask(signed("/endpoints/tei/invocations", b'{"input": "x"}'))
    said = json.loads(answer.body)
    assert (answer.status, said["OriginalStatusCode"]) == (424, 422)
    assert said["OriginalMessage"].startswith("Failed to deserialize the JSON body")


def test_a_whole_answer_has_so_much_time(ask, signed) -> None:
    """An answer that takes as long as the platform waits is its 424 of status 0, when that time is over."""
    answer, _ = ask(signed("/endpoints/tei--delay90000/invocations", b'{"inputs": "x"}'))
    assert json.loads(answer.body)["OriginalStatusCode"] == 0
    assert list(answer.steps) == [Wait(60.0), Send(answer.body)]
    short, _ = ask(signed("/endpoints/tei--delay9--limit9/invocations", b'{"inputs": "x"}'))
    assert (short.status, next(iter(short.steps))) == (424, Wait(0.009))
    assert ask(signed("/endpoints/tei--delay9--limit10/invocations", b'{"inputs": "x"}'))[0].status == 200


@pytest.mark.parametrize("name", ["model-error-0", "throttle", "missing", "lmi"])
def test_an_error_may_take_its_time(name, ask, signed) -> None:
    """The delay that an answer would have is an error's, too."""
    answer, _ = ask(signed(f"/endpoints/{name}--delay20/invocations"))
    assert answer.status in (400, 424)
    assert list(answer.steps) == [Wait(0.02), Send(answer.body)]
    assert ask(signed(f"/endpoints/{name}/invocations"))[0].steps is None
