"""Tickets: what a gateway planned is signed again, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator import bearer, verify
from extproc.emulator.received import Received
from extproc.emulator.refusals import Refused
from extproc.routing.targets import Credentials, Target
from extproc.sagemaker import invoke, native, sigv4
from extproc.sagemaker.sigv4 import Unsignable
from extproc.sagemaker.ticket import SIGNATURE, Claim, TicketRefused, Tickets
from extproc.testing import CREDENTIALS, NOW, make_target

TICKETS = Tickets(b"k" * 32)
BODY = b'{"messages":[]}'
EAST = make_target("east", custom_attributes="a=b")
OWN = make_target("own", route="openai")
TARGETS = (EAST, OWN)
FRESH = Credentials("ASIAFRESH", "fresh-secret", "fresh-token")
EXPIRES = NOW + 65


def attempt(target: Target, *, stream: bool = False) -> dict[str, str]:
    """What the worker plans for a target."""
    if target.route == "openai":
        return native.request(target, len(BODY), stream=stream, credentials=CREDENTIALS, now=NOW)
    headers = {"x-amzn-sagemaker-custom-attributes": "a=b"}
    digest = sigv4.payload_hash(BODY)
    return invoke.signed_request(
        target, len(BODY), digest, stream=stream, credentials=CREDENTIALS, now=NOW, headers=headers
    )


def lines(
    target: Target,
    planned: dict[str, str],
    *,
    tickets: Tickets = TICKETS,
    cause: str = "credentials",
    more: dict[str, str] | None = None,
) -> bytes:
    """What attempt.lua sends for a planned attempt."""
    ticket = tickets.issue(
        target,
        planned,
        payload_hash=sigv4.payload_hash(BODY),
        credentials=CREDENTIALS,
        clock=-3.4,
        now=NOW,
        expires=EXPIRES,
    )
    given = {"target": target.id, "cause": cause, "date": "", "ticket": ticket, **(more or {})}
    head = [f"{name}: {value}" for name, value in given.items()]
    rest = [f"{name}: {value}" for name, value in planned.items() if name not in SIGNATURE]
    return "\n".join([*head, "", *rest]).encode()


def sent(planned: dict[str, str], signature: dict[str, str], body: bytes = BODY) -> Received:
    """The request as SageMaker gets it."""
    headers = {name: value for name, value in planned.items() if name not in SIGNATURE} | signature
    path, host = headers.pop(":path").encode(), headers.pop(":authority").encode()
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Received(b"POST", path, ((b"host", host), *listed), body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_new_signature_holds_for_the_planned_request_alone(stream: bool) -> None:
    """By the newest credentials and at the time given: the emulator takes it, and with another body refuses it."""
    planned = attempt(EAST, stream=stream)
    claim = TICKETS.redeem(lines(EAST, planned), TARGETS, NOW)
    signature = claim.sign(FRESH, NOW + 1000)
    assert set(signature) == SIGNATURE
    keys = {FRESH.access_key: FRESH}
    verify.verify(sent(planned, signature), keys, "us-east-1", NOW + 1000)
    with pytest.raises(Refused):
        verify.verify(sent(planned, signature, BODY + b" "), keys, "us-east-1", NOW + 1000)
    # What was signed is signed again: SageMaker acts on it.
    assert "x-amzn-sagemaker-custom-attributes" in signature["authorization"]


def test_a_new_bearer_token_is_that_of_the_newest_credentials() -> None:
    """On the OpenAI route the token is all there is to it."""
    planned = attempt(OWN)
    signature = TICKETS.redeem(lines(OWN, planned, cause="bearer"), TARGETS, NOW).sign(FRESH, NOW + 1000)
    assert list(signature) == ["authorization"]
    bearer.verify(sent(planned, signature), {FRESH.access_key: FRESH}, "us-east-1", NOW + 1000)


def test_a_claim_says_why_and_by_whom() -> None:
    """Cause and date are attempt.lua's, the rest is what was issued."""
    planned = attempt(EAST)
    claim = TICKETS.redeem(lines(EAST, planned, cause="clock", more={"date": "today"}), TARGETS, NOW)
    request = {name: value for name, value in planned.items() if name not in SIGNATURE}
    digest = sigv4.payload_hash(BODY)
    assert claim == Claim(EAST, "clock", "today", digest, CREDENTIALS.fingerprint, -3.0, NOW, request)


def test_a_ticket_is_good_to_its_end() -> None:
    """And not a second longer."""
    data = lines(EAST, attempt(EAST))
    assert TICKETS.redeem(data, TARGETS, EXPIRES).target == EAST
    with pytest.raises(TicketRefused):
        TICKETS.redeem(data, TARGETS, EXPIRES + 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"target: east", b"target: own"),
        (b"target: east", b"target: gone"),
        (b"east-endpoint", b"west-endpoint"),
        (b":authority: ", b":authority: evil."),
        (b"custom-attributes: a=b", b"custom-attributes: a=c"),
        (f" {EXPIRES:.0f} ".encode(), b" 9999999999 "),
        (f" {NOW:.3f} ".encode(), b" 9999999999.0 "),
        (f" {sigv4.payload_hash(BODY)} ".encode(), b" 00 "),
        (b" -3 ", b" 3 "),
        (b" -3 ", b" "),
        (b"ticket: ", b"ticket: f"),
        (b"ticket: ", b"ticket: \xc3\xa9"),
        (b"ticket: ", b"other: "),
        (b"cause: credentials", b"cause: whim"),
        (b"cause: credentials", b"cause: clock\ncause: bearer"),
        (b"\n\n", b"\n\nx-amzn-sagemaker-target-model: m\n"),
        (b"\n\n", b"\n\nauthorization: AWS4\n"),
        (b"\n\n", b"\n"),
        (b"\n\n", b"\n\n\n"),
        (b"content-type: ", b"content-type:"),
        (b"date: ", b"date: \xff"),
        (b"date: ", b"date: " + b"x" * 70_000),
    ],
)
def test_what_was_not_planned_is_not_signed(old: bytes, new: bytes) -> None:
    """Another target, path, host, header, body or end, and whatever is no request of attempt.lua's."""
    data = lines(EAST, attempt(EAST))
    assert data.count(old) == 1
    with pytest.raises(TicketRefused):
        TICKETS.redeem(data.replace(old, new), TARGETS, NOW)


@given(st.data())
def test_no_byte_of_a_ticket_can_be_changed(data: st.DataObject) -> None:
    """But in the date, which is AWS's: every other one changed, left out or put in makes it worth nothing."""
    good = lines(EAST, attempt(EAST))
    at = data.draw(st.integers(0, len(good) - 1))
    size = data.draw(st.integers(0, 1))
    put = data.draw(st.binary(max_size=2))
    changed = good[:at] + put + good[at + size :]
    try:
        claim = TICKETS.redeem(changed, TARGETS, NOW)
    except TicketRefused:
        return
    assert replace(claim, date="") == TICKETS.redeem(good, TARGETS, NOW)


@given(st.binary(max_size=300))
def test_garbage_is_no_ticket(data: bytes) -> None:
    """And no fault of ours."""
    with pytest.raises(TicketRefused):
        TICKETS.redeem(data, TARGETS, NOW)


def test_another_gateways_ticket_is_worth_nothing() -> None:
    """Each has a key of its own."""
    with pytest.raises(TicketRefused):
        TICKETS.redeem(lines(EAST, attempt(EAST), tickets=Tickets(b"j" * 32)), TARGETS, NOW)


@pytest.mark.parametrize("change", [{"region": "eu-west-1"}, {"route": "openai"}, {"id": "other"}])
def test_a_ticket_is_for_the_target_as_it_was(change: dict[str, str]) -> None:
    """A configuration that was replaced meanwhile may say something else by the same name."""
    with pytest.raises(TicketRefused):
        TICKETS.redeem(lines(EAST, attempt(EAST)), [replace(EAST, **change)], NOW)  # type: ignore[arg-type] # text fields


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.route)
def test_credentials_that_no_header_can_carry(target: Target) -> None:
    """Refused, as when an attempt is first planned."""
    claim = TICKETS.redeem(lines(target, attempt(target)), TARGETS, NOW)
    with pytest.raises(Unsignable):
        claim.sign(Credentials("ASIA\n", "secret"), NOW)


def test_the_key_is_not_shown() -> None:
    """Wherever tickets are printed."""
    assert "kkk" not in repr(TICKETS)
