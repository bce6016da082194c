"""From a request's body to attempts by every route, at every kind of target, by every clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from extproc.emulator.bearer import verify as verify_bearer
from extproc.emulator.refusals import Refused
from extproc.emulator.verify import verify
from extproc.errors import RequestTooLarge
from extproc.policies.table import build
from extproc.routing.targets import Target
from extproc.sagemaker.session import Session
from extproc.sagemaker.sigv4 import payload_hash
from extproc.sagemaker.ticket import SIGNATURE, TicketRefused, Tickets
from extproc.testing import CREDENTIALS, NOW, make_runtime, make_target

DLP = build("dlp-filter", {"patterns": [{"name": "word", "regex": "SECRET", "action": "redact"}]})
EAST, WEST = make_target("east"), make_target("west", region="us-west-2", host="west.example", port=8443)
KEYS = {CREDENTIALS.access_key: CREDENTIALS}


WHOLE_ONLY = make_target("whole", streaming=False)


@pytest.mark.parametrize(
    ("targets", "paths", "streams"),
    [
        ((EAST, WHOLE_ONLY), ["invocations-response-stream", "invocations"], [True, None]),
        ((WHOLE_ONLY, EAST), ["invocations", "invocations-response-stream"], [None, True]),
        ((WHOLE_ONLY,), ["invocations"], [None]),
    ],
)
def test_a_target_that_cannot_stream_is_asked_for_the_whole(
    asking: Any, targets: tuple[Target, ...], paths: list[str], streams: list[bool | None]
) -> None:
    """Its operation is the other, and nothing in its signed body asks for a stream."""
    runtime = make_runtime(*targets)
    asked, _ = asking(runtime, stream=True, stream_options={"include_usage": True})
    for target, path, stream in zip(targets, paths, streams, strict=True):
        request = asking.received(asked, target.id)
        verify(request, KEYS, target.region, NOW)
        assert request.path.decode().rpartition("/")[2] == path
        document = orjson.loads(request.body)
        assert document.get("stream") is stream
        assert ("stream_options" in document) == (stream is True)
    # The client's call is what it was.
    assert asked.call.stream
    assert asked.call.include_usage


def test_the_openai_route_has_a_token_and_an_empty_model(asking: Any) -> None:
    """No signature in its attempt; beside a signed one it has a body of its own, alone it has Envoy's."""
    own = make_target("own", route="openai", inference_component="copy")
    asked, _ = asking(make_runtime(EAST, own))
    signed, native = asking.attempts(asked)["east"], asking.attempts(asked)["own"]
    assert signed["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert native["authorization"].startswith("Bearer sagemaker-api-key-")
    assert native[":path"].endswith("/inference-components/copy/openai/v1/chat/completions")
    assert "x-amz-date" not in native
    assert orjson.loads(native["body"])["model"] == ""
    assert "model" not in orjson.loads(asked.body)
    assert int(native["content-length"]) == len(native["body"])
    alone, _ = asking(make_runtime(own))
    assert "body" not in asking.attempts(alone)["own"]
    assert orjson.loads(alone.body)["model"] == ""


def test_targets_that_do_not_take_as_much_are_left_out(asking: Any) -> None:
    """By the size of what they would be sent; times and retries are those of the targets that are left."""
    small, large = make_target("small", max_body_bytes=150, timeout_seconds=300.0), make_target("large")
    runtime = make_runtime(small, large)
    fits, record = asking(runtime)
    assert len(fits.body) <= 150
    assert record.planned == ("small", "large")
    asked, record = asking(runtime, "x" * 150)
    assert (list(asking.attempts(asked)), record.planned) == (["large"], ("large",))
    assert [target.id for target in asked.targets] == ["large"]
    assert dict(asked.set_headers)["x-envoy-max-retries"] == "0"
    assert dict(asked.set_headers)["x-envoy-upstream-rq-per-try-timeout-ms"] == "60000"


def test_a_body_that_no_target_takes_is_refused(asking: Any) -> None:
    """413, with the most that could have been sent."""
    runtime = make_runtime(make_target("a", max_body_bytes=150), make_target("b", max_body_bytes=151))
    with pytest.raises(RequestTooLarge, match="151 bytes"):
        asking(runtime, "x" * 200)


def test_each_region_is_signed_for_by_its_own_clock(asking: Any) -> None:
    """What was learnt of a region's clock moves its signatures and tokens, and no others."""
    own = make_target("own", route="openai", region="us-west-2")
    runtime = make_runtime(EAST, WEST, own)
    asked, _ = asking(runtime, clock={"us-west-2": 1000.0})
    verify(asking.received(asked, "east"), KEYS, "us-east-1", NOW)
    verify(asking.received(asked, "west"), KEYS, "us-west-2", NOW + 1000)
    verify_bearer(asking.received(asked, "own"), KEYS, "us-west-2", NOW + 1000)
    with pytest.raises(Refused):
        verify(asking.received(asked, "west"), KEYS, "us-west-2", NOW)


def test_what_addresses_a_model_is_signed_and_comes_after_the_policies(asking: Any) -> None:
    """The prompt cache key is the one that the policies left."""
    target = make_target("east", inference_component="copy", inference_id=True)
    runtime = make_runtime(target, policies=[DLP])
    asked, _ = asking(runtime, prompt_cache_key="of SECRET")
    attempt = asking.attempts(asked)["east"]
    assert attempt["x-amzn-sagemaker-inference-component"] == "copy"
    assert attempt["x-amzn-sagemaker-inference-id"] == "request-1"
    assert attempt["x-amzn-sagemaker-prefix-aware-id"] == "of [WORD_REDACTED]"
    verify(asking.received(asked, "east"), KEYS, "us-east-1", NOW)


def test_a_session_is_asked_for_where_it_is(asking: Any) -> None:
    """Its target comes first with its id, signed; another target of the model is asked for a new one."""
    stateful = [replace(target, sessions=True) for target in (EAST, WEST)]
    runtime = make_runtime(*stateful)
    asked, record = asking(runtime, session=Session("west", "1f2e"))
    assert record.planned == ("west", "east")
    named = {name: attempt["x-amzn-sagemaker-session-id"] for name, attempt in asking.attempts(asked).items()}
    assert named == {"west": "1f2e", "east": "NEW_SESSION"}
    verify(asking.received(asked, "west"), KEYS, "us-west-2", NOW)


def test_every_attempt_has_a_ticket_for_itself(asking: Any) -> None:
    """For its own headers, body, credentials and clock, to the end of the request's time; it fits no other attempt."""
    own = make_target("own", route="openai")
    targets = (EAST, make_target("other", temperature=0.9), own)
    tickets = Tickets(b"k" * 32)
    asked, _ = asking(make_runtime(*targets), tickets=tickets, clock={"us-east-1": 7.0}, stream=True)
    lines = {}
    for target in targets:
        attempt: dict[str, Any] = dict(asking.attempts(asked)[target.id])
        body, ticket = attempt.pop("body", asked.body.decode()), attempt.pop("ticket")
        head = {"target": target.id, "cause": "bearer", "date": "", "ticket": ticket}
        kept = {name: value for name, value in attempt.items() if name not in SIGNATURE}
        lines[target.id] = ["\n".join(f"{name}: {value}" for name, value in part.items()) for part in (head, kept)]
        claim = tickets.redeem("\n\n".join(lines[target.id]).encode(), targets, NOW + 3 * 60 + 5)
        assert (claim.target, claim.request, claim.payload_hash) == (target, kept, payload_hash(body.encode()))
        assert (claim.clock, claim.issued, claim.credentials) == (7.0, NOW, CREDENTIALS.fingerprint)
        with pytest.raises(TicketRefused):
            tickets.redeem("\n\n".join(lines[target.id]).encode(), targets, NOW + 3 * 60 + 6)
    with pytest.raises(TicketRefused):
        tickets.redeem("\n\n".join((lines["east"][0], lines["own"][1])).encode(), targets, NOW)


def test_an_attempt_that_can_be_signed_again_has_a_retry_for_it(asking: Any) -> None:
    """One to spare in all; without tickets there is none, and no ticket."""
    runtime = make_runtime(EAST, WEST)
    retries = [dict(asking(runtime, tickets=given)[0].set_headers) for given in (None, Tickets(b"k" * 32))]
    assert [headers["x-envoy-max-retries"] for headers in retries] == ["1", "2"]
    assert ["ticket" in attempt for attempt in asking.attempts(asking(runtime)[0]).values()] == [False, False]
