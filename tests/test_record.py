"""The record of an exchange: what it counts, what it says of the end, and what its audit line looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc import errors, record
from extproc.errors import GatewayError
from extproc.events import AttemptOutcome
from extproc.policies.verdict import Block, Finding, Phase
from extproc.record import ExchangeRecord

HERE = Path(__file__).name


def made(**fields: object) -> ExchangeRecord:
    """A record that started at a time with a fraction."""
    return ExchangeRecord(started=1_800_000_000.25, config={"pack": "p@1"}, **fields)


def test_a_fault_is_told_without_its_words() -> None:
    """Kind, file and line of the innermost frame; the message, which may quote a body, is not told."""
    with pytest.raises(KeyError) as raised:
        {}["my SSN is 078-05-1120"]
    told = record.fault(raised.value)
    assert told.startswith(f"KeyError at {HERE}:")
    assert told.rpartition(":")[2].isdigit()


@pytest.mark.parametrize(("error", "told"), [(ValueError("078-05-1120"), "ValueError"), (None, "NoneType")])
def test_a_fault_without_a_place(error: Exception | None, told: str) -> None:
    """An exception that was never raised has a kind only; that there is none is no fault."""
    assert record.fault(error) == told


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.PolicyRefusal("m"), "blocked"),
        (errors.MalformedRequest("m"), "rejected"),
        (errors.RequestTooLarge("m"), "rejected"),
        (errors.UpstreamRejected("m"), "rejected"),
        (errors.RateLimited("m"), "failed"),
        (errors.UpstreamFailed("m"), "failed"),
        (errors.GatewayUnavailable("m"), "failed"),
        (errors.GatewayMisconfigured("m"), "failed"),
    ],
)
def test_outcomes_say_whose_fault_it_was(error: GatewayError, outcome: str) -> None:
    """A policy's refusal, the request's fault, and everybody else's."""
    assert record.outcome(error) == outcome


def test_findings_are_counted() -> None:
    """By phase, policy and entity; a score is the highest; one replacement makes it a redaction."""
    kept = made()
    kept.found(Phase.REQUEST, [Finding("pii", "EMAIL", 0, 5), Finding("pii", "EMAIL", 9, 12)], {"injection": 0.5})
    assert kept.verdict == "allow"
    kept.found(Phase.RESPONSE, [Finding("pii", "EMAIL", 0, 5, "[X]")], {"injection": 0.25})
    assert kept.verdict == "redact"
    assert kept.findings == {("request", "pii", "EMAIL"): 2, ("response", "pii", "EMAIL"): 1}
    assert kept.scores == {"injection": 0.5}
    kept.blocked(Phase.RESPONSE, Block("dlp", "key", "m"))
    assert kept.verdict == "block"


def test_finish_reasons_are_words() -> None:
    """What is no word of a handful is not kept, and a container cannot make the line long."""
    kept = made()
    kept.finished_with(["stop", None, "", {"text": "078-05-1120"}, "x" * 33, "length"])
    assert kept.finish_reasons == ("stop", "length")
    kept.finished_with(["stop"] * 1000)
    assert len(kept.finish_reasons) == 128


def test_the_first_end_counts() -> None:
    """A second end changes nothing."""
    kept = made()
    kept.end("served", 200, 1.0)
    kept.end("aborted", 499, 2.0)
    assert (kept.outcome, kept.status, kept.finished) == ("served", 200, 1.0)


def test_a_later_error_keeps_an_earlier_detail() -> None:
    """An error without a detail does not wipe out what is known."""
    kept = made()
    kept.failed(errors.UpstreamFailed("m", detail="424 ModelError"))
    kept.failed(errors.GatewayUnavailable("m"))
    assert (kept.error_type, kept.error_code, kept.detail) == ("server_error", "gateway_unavailable", "424 ModelError")


def test_the_line_of_nothing() -> None:
    """Fields that do not apply are left out; those that are 0 or false on purpose are not."""
    assert made().document() == {
        "time": "2027-01-15T08:00:00.250000Z",
        "event": "exchange",
        "status": 0,
        "verdict": "allow",
        "stream": False,
        "attempt_count": 0,
        "request_bytes": 0,
        "response_bytes": 0,
        "latency_ms": {"total": 0.0},
        "config": {"pack": "p@1"},
    }


def test_the_line_of_everything() -> None:
    """Each field under its published name; latencies are milliseconds from the start."""
    kept = made(
        request_id="r",
        method="POST",
        path="/v1/chat/completions",
        source_address="192.0.2.7",
        client_request_id="c",
        model="m",
        stream=True,
        target="west",
        planned=("east", "west"),
        attempts=(AttemptOutcome("east", 400, "ThrottlingException"), AttemptOutcome("west", 200)),
        attempt_count=2,
        skipped_policies={"b", "a"},
        prompt_tokens=7,
        completion_tokens=2,
        finish_reasons=("stop",),
        request_bytes=10,
        response_bytes=20,
        asked=1_800_000_000.2515,
        first_byte=1_800_000_000.5,
    )
    kept.found(Phase.RESPONSE, [Finding("pii", "SSN", 0, 1, "[S]"), Finding("dlp", "key", 0, 1)], {"injection": 0.9})
    kept.blocked(Phase.RESPONSE, Block("dlp", "key", "m"))
    kept.failed(errors.PolicyRefusal("m", code="output_blocked", detail="d"))
    kept.end("blocked", 409, 1_800_000_001.25)
    assert kept.document() == {
        "time": "2027-01-15T08:00:00.250000Z",
        "request_id": "r",
        "event": "exchange",
        "outcome": "blocked",
        "status": 409,
        "verdict": "block",
        "method": "POST",
        "path": "/v1/chat/completions",
        "source_address": "192.0.2.7",
        "client_request_id": "c",
        "model": "m",
        "stream": True,
        "target": "west",
        "planned": ["east", "west"],
        "attempts": [
            {"target": "east", "status": 400, "error_type": "ThrottlingException"},
            {"target": "west", "status": 200, "error_type": ""},
        ],
        "attempt_count": 2,
        "findings": [
            {"phase": "response", "policy": "dlp", "entity": "key", "count": 1},
            {"phase": "response", "policy": "pii", "entity": "SSN", "count": 1},
        ],
        "scores": {"injection": 0.9},
        "skipped_policies": ["a", "b"],
        "error": {"type": "policy_violation", "code": "output_blocked"},
        "detail": "d",
        "finish_reasons": ["stop"],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
        "request_bytes": 10,
        "response_bytes": 20,
        "latency_ms": {"asked": 1.5, "first_byte": 250.0, "total": 1000.0},
        "config": {"pack": "p@1"},
        "block": {"phase": "response", "policy": "dlp", "rule": "key"},
    }


@pytest.mark.parametrize(
    ("prompt", "completion", "estimated", "usage"),
    [
        (None, None, False, None),
        (0, 0, False, {"prompt_tokens": 0, "completion_tokens": 0}),
        (3, None, False, {"prompt_tokens": 3, "completion_tokens": 0}),
        (3, 4, True, {"prompt_tokens": 3, "completion_tokens": 4, "estimated": True}),
    ],
)
def test_usage(prompt: int | None, completion: int | None, estimated: bool, usage: dict[str, object] | None) -> None:
    """Unknown usage is left out, none is 0, and an estimate says so."""
    kept = made(prompt_tokens=prompt, completion_tokens=completion, tokens_estimated=estimated)
    assert kept.document().get("usage") == usage
