"""Exchanges in the counts."""

import pytest

from extproc.errors import PolicyRefusal, RateLimited, UnknownModel, UpstreamRejected
from extproc.events import AttemptOutcome
from extproc.metrics.tally import Tally
from extproc.metrics.traffic import Traffic, endpoint_of
from extproc.policies.verdict import Block, Finding, Phase
from extproc.record import ABORTED, BLOCKED, FAILED, REJECTED, SERVED, ExchangeRecord
from extproc.routing.targets import Target

TARGETS = (Target("east", "e", ("m",), "us-east-1"), Target("west", "w", ("m",), "us-west-2"))


def record(**fields):
    """A served chat of a second, as far as nothing else is said."""
    chat = {
        "started": 100.0,
        "config": {},
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "m",
        "target": "east",
        "outcome": SERVED,
        "status": 200,
        "asked": 100.25,
        "first_byte": 100.5,
        "finished": 101.25,
        "prompt_tokens": 12,
        "completion_tokens": 5,
    }
    return ExchangeRecord(**chat | fields)


def counted(*records, worked=(0.0, 0.0)):
    """What was counted, by family and labels, without what is 0; of histograms the number and the sum."""
    tally = Tally()
    traffic = Traffic(tally, TARGETS, ("m", "group"))
    for each in records:
        traffic.ended(each, *worked)
    return {
        (family.name, *labels): cell[0] if len(cell) == 1 else (sum(cell[:-1]), cell[-1])
        for family, cells in tally
        for labels, cell in cells
        if any(cell)
    }


def test_a_served_chat():
    """The exchange, what was asked of SageMaker, and its tokens."""
    operation = ("chat", "aws.sagemaker", "m", "east")
    assert counted(record(), record(), worked=(0.25, 0.5)) == {
        ("kt_exchanges", "chat/completions", "m", "east", "served", "200"): 2,
        ("kt_exchange_duration_seconds", "chat/completions", "served"): (2, 2.5),
        ("kt_processing_seconds", "request"): (2, 0.5),
        ("kt_processing_seconds", "response"): (2, 1.0),
        ("gen_ai_client_operation_duration_seconds", *operation, ""): (2, 2.0),
        ("gen_ai_client_token_usage", *operation, "input", "false"): (2, 24),
        ("gen_ai_client_token_usage", *operation, "output", "false"): (2, 10),
    }


def test_a_stream_has_a_first_chunk_and_a_pace():
    """The first content's time, and that of each token after the first."""
    found = counted(record(stream=True))
    operation = ("chat", "aws.sagemaker", "m", "east")
    assert found["gen_ai_client_operation_time_to_first_chunk_seconds", *operation] == (1, 0.25)
    assert found["gen_ai_server_time_per_output_token_seconds", *operation] == (1, 0.75 / 4)


@pytest.mark.parametrize("fields", [{"completion_tokens": 1}, {"completion_tokens": None}, {"status": 503}])
def test_a_pace_needs_two_tokens(fields):
    """And a stream that was one."""
    found = counted(record(stream=True, **fields))
    assert not any(name == "gen_ai_server_time_per_output_token_seconds" for name, *_ in found)


def test_estimated_tokens_are_marked():
    """They are never mixed with reported ones."""
    found = counted(record(tokens_estimated=True), record(prompt_tokens=1))
    operation = ("chat", "aws.sagemaker", "m", "east")
    assert found["gen_ai_client_token_usage", *operation, "input", "true"] == (1, 12)
    assert found["gen_ai_client_token_usage", *operation, "input", "false"] == (1, 1)


@pytest.mark.parametrize(
    ("path", "endpoint", "operation"),
    [
        ("/v1/chat/completions", "chat/completions", "chat"),
        ("/v1/completions", "completions", "text_completion"),
        ("/v1/embeddings", "embeddings", "embeddings"),
    ],
)
def test_operations_have_the_conventions_names(path, endpoint, operation):
    """chat, text_completion, embeddings."""
    found = counted(record(path=path))
    assert ("kt_exchanges", endpoint, "m", "east", "served", "200") in found
    assert ("gen_ai_client_operation_duration_seconds", operation, "aws.sagemaker", "m", "east", "") in found


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/readyz", "readyz"),
        ("/v1/models", "models"),
        ("/v1/models/a%2Fb", "models"),
        ("/v1/modelsx", "other"),
        ("/etc/passwd", "other"),
        ("", "other"),
    ],
)
def test_paths_are_a_closed_set(path, endpoint):
    """Whatever a client asks for."""
    assert endpoint_of(path) == endpoint
    found = counted(record(path=path, asked=None, model="", target=""))
    assert ("kt_exchanges", endpoint, "", "", "served", "200") in found
    assert not any(name.startswith("gen_ai") for name, *_ in found)


def refused(error, outcome, **fields):
    """An exchange that ended in an error."""
    made = record(outcome=outcome, status=error.http_status, **fields)
    made.failed(error)
    return made


def test_a_model_that_a_client_made_up_is_no_label():
    """Names are the configuration's; there would be no end of others."""
    found = counted(refused(UnknownModel("no"), REJECTED, model="x" * 50, target="", asked=None))
    assert found["kt_exchanges", "chat/completions", "", "", "rejected", "404"] == 1


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (RateLimited("slow down"), FAILED, "rate_limit_exceeded"),
        (PolicyRefusal("no", code="output_blocked", policy="x"), BLOCKED, "output_blocked"),
        (UpstreamRejected("no", code="max_tokens_is_too_large_717"), REJECTED, "invalid_request_error"),
        (UpstreamRejected("no"), REJECTED, "invalid_request_error"),
    ],
)
def test_errors_are_a_closed_set(error, outcome, told):
    """Our own codes; where a container has its own, what kind it is of."""
    found = counted(refused(error, outcome))
    assert ("gen_ai_client_operation_duration_seconds", "chat", "aws.sagemaker", "m", "east", told) in found


def test_one_who_left_is_no_success():
    """An error of nobody's, told apart from what was served."""
    found = counted(record(outcome=ABORTED, status=499))
    assert ("gen_ai_client_operation_duration_seconds", "chat", "aws.sagemaker", "m", "east", "aborted") in found


def test_a_workers_time_is_that_of_real_work():
    """Probes would pull it down."""
    found = counted(record(path="/readyz", asked=None, model="", target=""), worked=(0.5, 0.0))
    assert not any(name == "kt_processing_seconds" for name, *_ in found)


def test_attempts_are_counted_by_what_they_brought():
    """Of the targets of this configuration: the name came in a header."""
    outcomes = (
        AttemptOutcome("east", 400, "ThrottlingException"),
        AttemptOutcome("nobody", 500),
        AttemptOutcome("west", 200),
    )
    found = counted(record(attempts=outcomes))
    assert {key[1:]: value for key, value in found.items() if key[0] == "kt_attempts"} == {
        ("east", "us-east-1", "throttled"): 1,
        ("west", "us-west-2", "success"): 1,
    }


def test_each_policy_has_its_verdict():
    """Those that had nothing to say allowed it; what was found is counted by its kind, not by its text."""
    made = record(policies=("prompt-injection", "pii-detector", "dlp-filter"))
    made.found(Phase.REQUEST, [Finding("pii-detector", "EMAIL", 0, 3, "[EMAIL_REDACTED]")] * 2)
    made.blocked(Phase.RESPONSE, Block("dlp-filter", "secret", "no"))
    clean = record(policies=("prompt-injection", "pii-detector", "dlp-filter"), judged=True)
    found = counted(made, clean, record(policies=("prompt-injection",)))
    assert {key[1:]: value for key, value in found.items() if key[0] == "kt_policy_verdicts"} == {
        ("prompt-injection", "allow"): 2,
        ("pii-detector", "redact"): 1,
        ("pii-detector", "allow"): 1,
        ("dlp-filter", "block"): 1,
        ("dlp-filter", "allow"): 1,
    }
    assert found["kt_policy_findings", "pii-detector", "EMAIL", "request"] == 2


@pytest.mark.parametrize("fields", [{"finished": None}, {"method": ""}])
def test_what_has_not_ended_or_not_begun_is_not_counted(fields):
    """Envoy's own log tells of an exchange whose head no worker has seen."""
    assert counted(record(**fields)) == {}
