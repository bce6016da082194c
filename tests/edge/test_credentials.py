"""Credentials in the background: where they come from, how they are renewed, and what is kept when they cannot be."""

import asyncio
import datetime as dt
import json
import os
import sys
import threading
from types import SimpleNamespace

import botocore.credentials
import pytest
from structlog.testing import capture_logs

from extproc.edge import credentials
from extproc.edge.credentials import CredentialKeeper
from extproc.routing.targets import Credentials, Identity
from extproc.sagemaker import invoke, native, sigv4
from extproc.testing import make_target

STANDARD = Identity()
SECRET = "secret/that+must+never+be+logged"


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine without AWS settings, its files in the test's own directory; sets environment variables."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return monkeypatch.setenv


def keys(path, access="AKIDFILE", section="default", more=""):
    """Write a shared credentials file."""
    path.write_text(f"[{section}]\naws_access_key_id={access}\naws_secret_access_key={SECRET}\n{more}")


def fetch(*identities, environ=None, times=1):
    """What a keeper holds after `times` rounds, and what it logged."""

    async def main():
        keeper = CredentialKeeper(identities, environ or {})
        for _ in range(times):
            for identity in identities:
                await keeper.renew(identity)
        return keeper

    with capture_logs() as logged:
        keeper = asyncio.run(main())
    assert SECRET not in json.dumps(logged)
    return keeper, logged


def test_the_standard_variables(machine):
    """AWS_ACCESS_KEY_ID and its companions, the session token included."""
    machine("AWS_ACCESS_KEY_ID", "AKIDENV")
    machine("AWS_SECRET_ACCESS_KEY", SECRET)
    machine("AWS_SESSION_TOKEN", "token")
    keeper, logged = fetch(STANDARD)
    assert keeper.snapshot == {STANDARD: Credentials("AKIDENV", SECRET, "token")}
    assert logged == []


@pytest.mark.parametrize(
    ("names", "token"), [(("TEAM_KEY", "TEAM_SECRET"), None), (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "token")]
)
def test_named_variables(names, token):
    """A pair of one's own naming has no token; the standard pair, named, keeps its own."""
    identity = Identity(None, *names)
    environ = {names[0]: "AKIDTEAM", names[1]: SECRET, "AWS_SESSION_TOKEN": "token"}
    keeper, _ = fetch(identity, environ=environ)
    assert keeper.snapshot == {identity: Credentials("AKIDTEAM", SECRET, token)}


@pytest.mark.parametrize("environ", [{}, {"TEAM_KEY": "AKIDTEAM"}, {"TEAM_KEY": "AKIDTEAM", "TEAM_SECRET": ""}])
def test_variables_that_are_not_set(environ):
    """Half a pair is none; the log names the variables, once however often it is tried."""
    identity = Identity(None, "TEAM_KEY", "TEAM_SECRET")
    keeper, logged = fetch(identity, environ=environ, times=3)
    assert keeper.snapshot == {}
    assert [line["identity"] for line in logged] == ["environment TEAM_KEY, TEAM_SECRET"]


def test_each_profile_has_its_own(tmp_path):
    """Targets with different profiles are signed for by different identities."""
    one, two = Identity("one"), Identity("two")
    (tmp_path / "credentials").write_text(
        f"[one]\naws_access_key_id=AKIDONE\naws_secret_access_key={SECRET}\n"
        f"[two]\naws_access_key_id=AKIDTWO\naws_secret_access_key={SECRET}\naws_session_token=t2\n"
    )
    keeper, _ = fetch(one, two)
    assert keeper.snapshot == {one: Credentials("AKIDONE", SECRET), two: Credentials("AKIDTWO", SECRET, "t2")}


@pytest.mark.parametrize(("identity", "fault"), [(Identity("nobody"), "ProfileNotFound"), (STANDARD, "there are none")])
def test_what_is_missing_is_told_once_and_may_appear(tmp_path, identity, fault):
    """A profile that does not exist, or no credentials at all, is one warning; when they appear they are used."""

    async def main():
        keeper = CredentialKeeper([identity], {})
        for _ in range(3):
            await keeper.renew(identity)
        assert keeper.snapshot == {}
        keys(tmp_path / "credentials", section=identity.profile or "default")
        await keeper.renew(identity)
        return keeper

    with capture_logs() as logged:
        keeper = asyncio.run(main())
    assert keeper.snapshot == {identity: Credentials("AKIDFILE", SECRET)}
    assert [(line["log_level"], line.get("fault")) for line in logged] == [("warning", fault), ("info", None)]


def test_a_rotated_file_is_noticed(tmp_path):
    """Static keys are read anew each time; a snapshot taken before stays as it was."""

    async def main():
        keeper = CredentialKeeper([STANDARD], {})
        keys(tmp_path / "credentials", "AKIDOLD")
        await keeper.renew(STANDARD)
        before = keeper.snapshot
        keys(tmp_path / "credentials", "AKIDNEW")
        await keeper.renew(STANDARD)
        return before[STANDARD].access_key, keeper.snapshot[STANDARD].access_key

    assert asyncio.run(main()) == ("AKIDOLD", "AKIDNEW")


def test_when_credentials_change_is_known_and_what_was_made_of_the_old_is_forgotten(tmp_path, monkeypatch):
    """Renewed with the same, nothing has changed, and keys and tokens derived from them are still of use."""
    seconds = iter((100.0, 200.0))
    monkeypatch.setattr(credentials, "time", SimpleNamespace(time=lambda: next(seconds)))

    def held():
        cached = [cache.cache_info().currsize for cache in (sigv4.signing_key, native._minted)]
        return (cached[0], len(invoke._plain), cached[1])

    async def main():
        keeper = CredentialKeeper([STANDARD], {})
        seen = []
        for access in ("AKIDOLD", "AKIDOLD", "AKIDNEW"):
            keys(tmp_path / "credentials", access)
            await keeper.renew(STANDARD)
            seen.append((dict(keeper.changed), held()))
            native.bearer(keeper.snapshot[STANDARD], "us-east-1", 0)
            invoke.signed_request(make_target(), 0, "", stream=False, credentials=keeper.snapshot[STANDARD], now=0)
        return seen

    assert asyncio.run(main()) == [
        ({STANDARD: 100.0}, (0, 0, 0)),
        ({STANDARD: 100.0}, (1, 1, 1)),
        ({STANDARD: 200.0}, (0, 0, 0)),
    ]


def process(tmp_path, access, minutes):
    """A profile "p" whose credential process prints keys that expire, and counts how often it was asked."""
    count, script = tmp_path / "count", tmp_path / "process.py"
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    document = {
        "Version": 1,
        "AccessKeyId": access,
        "SecretAccessKey": SECRET,
        "SessionToken": "t",
        "Expiration": expires.isoformat(),
    }
    script.write_text(f"open({str(count)!r}, 'a').write('x')\nprint({json.dumps(document)!r})\n")
    (tmp_path / "config").write_text(f"[profile p]\ncredential_process = {sys.executable} {script}\n")
    return count


def test_a_credential_process_is_asked_again_only_when_it_must_be(tmp_path):
    """Credentials that renew themselves are kept: one call serves until shortly before they expire."""
    count = process(tmp_path, "AKIDPROC", minutes=60)
    keeper, _ = fetch(Identity("p"), times=3)
    assert keeper.snapshot == {Identity("p"): Credentials("AKIDPROC", SECRET, "t")}
    assert count.read_text() == "x"


def test_credentials_about_to_expire_are_renewed_beside_the_loop(tmp_path, monkeypatch):
    """Within botocore's window each round asks again, in a thread that is not the loop's."""
    threads = set()
    frozen = botocore.credentials.RefreshableCredentials.get_frozen_credentials

    def watched(self):
        threads.add(threading.current_thread().name)
        return frozen(self)

    monkeypatch.setattr(botocore.credentials.RefreshableCredentials, "get_frozen_credentials", watched)
    count = process(tmp_path, "AKIDPROC", minutes=5)
    fetch(Identity("p"), times=2)
    assert len(count.read_text()) > 1
    assert threads == {"credentials"}


def test_what_cannot_be_renewed_stays_in_use(tmp_path):
    """Even expired: whether they are good is AWS's to judge. The failure and its end are told once each."""
    identity = Identity("p")

    async def main():
        keeper = CredentialKeeper([identity], {})
        process(tmp_path, "AKIDOLD", minutes=60)
        await keeper.renew(identity)
        past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        keeper._providers[identity]._expiry_time = past
        (tmp_path / "process.py").write_text(
            "import sys\nsys.exit('AccessDenied for arn:aws:iam::123456789012:role/x')"
        )
        for _ in range(3):
            await keeper.renew(identity)
        kept = keeper.snapshot[identity].access_key
        # Now from another source: after a failure the whole chain is looked through again.
        keys(tmp_path / "credentials", "AKIDNEW", section="p")
        (tmp_path / "config").unlink()
        await keeper.renew(identity)
        return kept, keeper.snapshot[identity].access_key

    with capture_logs() as logged:
        assert asyncio.run(main()) == ("AKIDOLD", "AKIDNEW")
    assert [line["log_level"] for line in logged] == ["warning", "info"]
    assert "123456789012" not in json.dumps(logged)


def test_one_that_hangs_holds_up_nobody(monkeypatch):
    """A credential process has no time limit: the others are served, the operator is told, and stop() returns."""
    monkeypatch.setattr(credentials, "SLOW_SECONDS", 0.05)
    release = threading.Event()
    fetch_one = CredentialKeeper._fetch
    hanging, other = Identity("hangs"), Identity(None, "A", "B")

    def slow(self, identity):
        if identity == hanging:
            release.wait(30)
        return fetch_one(self, identity)

    monkeypatch.setattr(CredentialKeeper, "_fetch", slow)

    async def main():
        keeper = CredentialKeeper([hanging, other], {"A": "AKIDA", "B": SECRET})
        starting = asyncio.create_task(keeper.start())
        async with asyncio.timeout(30):
            while not (logged and keeper.snapshot):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            assert not starting.done()
            starting.cancel()
            await keeper.stop()
        return keeper

    with capture_logs() as logged:
        keeper = asyncio.run(main())
    release.set()
    assert set(keeper.snapshot) == {other}
    assert (logged[0]["identity"], logged[0]["fault"]) == ("profile hangs", "no answer in 0.05 s")


def test_start_returns_when_each_was_tried_and_goes_on_renewing(tmp_path, monkeypatch):
    """A missing identity is looked for again soon, without anybody asking."""
    monkeypatch.setattr(credentials, "MISSING_SECONDS", 0.01)

    async def main():
        keeper = CredentialKeeper([STANDARD, STANDARD], {})
        await keeper.start()
        assert keeper.snapshot == {}
        keys(tmp_path / "credentials")
        async with asyncio.timeout(30):
            while not keeper.snapshot:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        await keeper.stop()
        return keeper.snapshot

    assert asyncio.run(main()) == {STANDARD: Credentials("AKIDFILE", SECRET)}


def test_the_snapshot_cannot_be_changed(tmp_path):
    """It is shared by every exchange."""
    keys(tmp_path / "credentials")
    keeper, _ = fetch(STANDARD)
    with pytest.raises(TypeError):
        keeper.snapshot[STANDARD] = Credentials("a", "b")


def test_a_secret_is_not_in_its_representation():
    """Wherever credentials are printed by mistake, the secret is not."""
    shown = repr(Credentials("AKIDEXAMPLE", SECRET, "session-token"))
    assert SECRET not in shown
    assert "session-token" not in shown
