"""The method that signs again, and the key that the workers of one gateway share; gRPC is in test_server.py."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from extproc.edge import signer
from extproc.edge.signer import KEY_BYTES, Signer
from extproc.emulator import bearer, verify
from extproc.emulator.received import Received
from extproc.http2.status import Status
from extproc.routing.targets import Credentials
from extproc.sagemaker import invoke, native, sigv4
from extproc.sagemaker.ticket import SIGNATURE, Tickets
from extproc.testing import make_runtime, make_target

OLD, NEW = Credentials("ASIAOLD", "old-secret", "old-token"), Credentials("ASIANEW", "new-secret", "new-token")
EAST, OWN = make_target("east"), make_target("own", route="openai")
TICKETS = Tickets(b"k" * KEY_BYTES)
BODY = b"{}"
NOW = 4_000_000_000.0


class Corrections:
    """Knows what the clock is, and whether there is a cure."""

    def __init__(self, keeper, cured):
        self.clock, self.claims = {"us-east-1": 500.0}, []
        self._keeper, self._cured = keeper, cured

    async def cure(self, claim, now):
        """Put the new credentials in place."""
        self.claims.append((claim, now))
        if self._cured:
            self._keeper.snapshot = {claim.target.identity: NEW}
        return self._cured


class Keeper:
    """Credentials as they are."""

    def __init__(self):
        self.snapshot = {EAST.identity: OLD}


def planned(target):
    """An attempt of OLD's, and what attempt.lua sends when it is refused."""
    digest = sigv4.payload_hash(BODY)
    if target.route == "openai":
        attempt = native.request(target, len(BODY), stream=False, credentials=OLD, now=NOW)
    else:
        attempt = invoke.signed_request(target, len(BODY), digest, stream=False, credentials=OLD, now=NOW)
    ticket = TICKETS.issue(target, attempt, payload_hash=digest, credentials=OLD, clock=0, now=NOW, expires=NOW + 60)
    head = {"target": target.id, "cause": "credentials", "date": "", "ticket": ticket}
    kept = {name: value for name, value in attempt.items() if name not in SIGNATURE}
    blocks = ("\n".join(f"{name}: {value}" for name, value in part.items()) for part in (head, kept))
    return kept, "\n\n".join(blocks).encode()


class Aborted(Exception):
    """The call ended in a status."""


class Context:
    """A call, as far as the method knows it."""

    async def abort(self, status, _):
        """End it, as gRPC does."""
        raise Aborted(status)


def call(request, *, cured=True, key=b"k"):
    """What the method answers, a status instead of lines when it refuses; what was logged; the claims."""
    keeper = Keeper()
    corrections = Corrections(keeper, cured)
    runtime = make_runtime(EAST, OWN)
    service = Signer(lambda: runtime, keeper, corrections, Tickets(key * KEY_BYTES))
    with capture_logs() as logged:
        try:
            answer = asyncio.run(service.resign(request, Context()))
        except Aborted as ended:
            answer = ended.args[0]
    return answer, logged, corrections.claims


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The time that the worker's clock shows."""
    monkeypatch.setattr(signer, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.parametrize("target", [EAST, OWN], ids=["invocations", "openai"])
def test_a_refused_attempt_is_signed_by_the_new_credentials_at_the_right_time(target):
    """The answer is the signature's headers, a line each: put in the old ones' place they hold."""
    kept, request = planned(target)
    answer, _, claims = call(request)
    signature = dict(line.split(": ", 1) for line in answer.decode().splitlines())
    assert claims[0][0].target == target
    headers = {**kept, **signature}
    path, host = headers.pop(":path").encode(), headers.pop(":authority").encode()
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    received = Received(b"POST", path, ((b"host", host), *listed), BODY)
    check = bearer.verify if target is OWN else verify.verify
    check(received, {NEW.access_key: NEW}, "us-east-1", NOW + 500)


@pytest.mark.parametrize("arguments", [{"cured": False}, {"key": b"j"}])
def test_what_is_not_signed_is_a_refusal(arguments):
    """Where there is no cure, and for tickets of others; no reason is given."""
    assert call(planned(EAST)[1], **arguments)[0] is Status.PERMISSION_DENIED


@pytest.mark.parametrize("request_", [b"", b"hello", b"\xff" * 100, b"x" * 100_000])
def test_whoever_has_no_ticket_is_refused(request_):
    """And learns nothing, and nothing is fetched or corrected for them."""
    answer, _, claims = call(request_)
    assert (answer, claims) == (Status.PERMISSION_DENIED, [])


def test_credentials_that_no_header_can_carry_are_a_refusal(monkeypatch):
    """As if there were none."""
    monkeypatch.setitem(globals(), "NEW", Credentials("ASIA\n", "x"))
    assert call(planned(EAST)[1])[0] is Status.PERMISSION_DENIED


def test_the_log_names_target_and_cause_alone():
    """No ticket, no signature, no token."""
    _, request = planned(EAST)
    answer, logged, _ = call(request)
    assert logged == [
        {"event": "signing again what AWS refused", "target": "east", "cause": "credentials", "log_level": "info"}
    ]
    assert answer


def test_a_key_is_its_owners_alone(tmp_path):
    """Mode 0600 and random; nothing else is left beside it."""
    first, second = tmp_path / "a", tmp_path / "b"
    assert signer.tickets(first) != signer.tickets(second)
    assert first.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_workers_with_one_file_have_one_key(tmp_path):
    """Also those that start together. Those without any have one each."""
    for number in range(20):
        path = tmp_path / str(number)
        with ThreadPoolExecutor(4) as pool:
            first, *others = pool.map(signer.tickets, [path] * 4)
        assert others == [first] * 3
    assert signer.tickets(None) != signer.tickets(None)


@pytest.mark.parametrize("content", ["", "secret", " " * 64 + "\n"])
def test_a_short_key_is_none(tmp_path, content):
    """Whoever guesses it could have anything signed."""
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(OSError, match="is no key for tickets"):
        signer.tickets(path)
    with pytest.raises(OSError, match="is not there and cannot be made: No such file or directory"):
        signer.tickets(tmp_path / "none" / "key")
