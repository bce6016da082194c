"""A stream that failed before its first content, as attempt.lua hands it over: an answer with a status of its own."""

from __future__ import annotations

import pytest

from extproc.events import AttemptOutcome, ResponseBody
from extproc.sagemaker.eventstream import encode
from extproc.testing import NOW, answer_headers, chat_body, chat_headers, frame, make_target, play

ASK_STREAM = (chat_headers(), chat_body("Hi", stream=True))

EXCEPTION = {":message-type": "exception", ":exception-type": "ModelStreamError"}
# What attempt.lua says of the only attempt, and the body as it came → status and code for the client.
FAILURES = {
    "exception": (424, "ModelStreamError", encode(EXCEPTION, b'{"Message":"secret","ErrorCode":"StreamBroken"}'), 502),
    "throttled": (
        429,
        "ThrottlingException",
        encode({**EXCEPTION, ":exception-type": "ThrottlingException"}, b"{}"),
        429,
    ),
    "out of time": (424, "ModelStreamError", encode(EXCEPTION, b'{"ErrorCode":"ModelInvocationTimeExceeded"}'), 504),
    "internal": (
        500,
        "InternalStreamFailure",
        encode({**EXCEPTION, ":exception-type": "InternalStreamFailure"}, b"{}"),
        502,
    ),
    "container": (424, "ModelError", frame(b'data: {"error": {"message": "x", "code": 503}}\n\n'), 503),
    "container refuses": (
        424,
        "ModelError",
        frame(b'data: {"error": {"message": "x", "code": 400, "type": "BadRequestError"}}\n\n'),
        400,
    ),
    "misjudged": (424, "ModelError", b"", 502),
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_client_gets_a_status_and_an_error(name: str) -> None:
    """Never a 200 with an error event; what AWS said stays with the record."""
    status, error_type, body, expected = FAILURES[name]
    outcome = AttemptOutcome("east", status, error_type)
    head = answer_headers("east", status, stream=True, outcomes=(outcome,))
    playbook = play(*ASK_STREAM, head, ResponseBody(body, True))
    playbook.ends("rejected" if expected == 400 else "failed", expected)
    assert "secret" not in playbook.error["message"]
    assert "so far" not in playbook.error["message"]
    assert dict(playbook.actions[-1].headers)["x-kt-target"] == "east"


@pytest.mark.parametrize("error_type", ["BrokenStream", "NoContent"])
def test_what_cannot_be_read_is_not_waited_for(error_type: str) -> None:
    """Such a stream may have no end: it is answered at its head."""
    outcome = AttemptOutcome("east", 502, error_type)
    playbook = play(*ASK_STREAM, answer_headers("east", 502, stream=True, outcomes=(outcome,))).ends("failed", 502)
    assert playbook.error["code"] == "model_stream_error"


def test_the_deadline_of_a_stream_counts_from_its_attempt() -> None:
    """Its head came with the first content; the attempt began before that."""
    playbook = play(*ASK_STREAM, targets=[make_target(timeout_seconds=7.0)])
    playbook.now += 4
    outcomes = (AttemptOutcome("east", 0), AttemptOutcome("east", 200, elapsed=3.0))
    playbook.feed(answer_headers("east", stream=True, attempts=2, outcomes=outcomes))
    assert playbook.exchange.deadline == NOW + 1 + 7


@pytest.mark.parametrize(
    ("outcomes", "status", "expected"),
    [
        ([("east", "ModelError"), ("west", "ModelError")], 500, "false"),
        ([("west", "ModelError")], 500, None),
        ([("east", "NoHealthyHost"), ("west", "ModelError")], 500, None),
        ([("east", "ThrottlingException"), ("west", "ThrottlingException")], 429, None),
    ],
)
def test_clients_do_not_repeat_what_was_tried_everywhere(
    outcomes: list[tuple[str, str]], status: int, expected: str | None
) -> None:
    """Two targets tried in vain are not tried by each of an SDK's three attempts, but where waiting helps."""
    attempts = tuple(AttemptOutcome(target, status, kind) for target, kind in outcomes)
    targets = [make_target("east"), make_target("west")]
    head = answer_headers("west", status, attempts=len(attempts), outcomes=attempts)
    playbook = play(*ASK_STREAM, head, ResponseBody(b"", True), targets=targets)
    headers = dict(playbook.actions[-1].headers)
    assert headers.get("x-should-retry") == expected
    assert ("retry-after" in headers) == (status == 429)
