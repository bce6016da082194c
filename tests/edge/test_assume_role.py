"""Roles that targets name, assumed through botocore at an STS over HTTP."""

import asyncio
import json
import os

import pytest
from structlog.testing import capture_logs

from extproc.edge.credentials import CredentialKeeper
from extproc.routing.targets import Credentials, Identity

ROLE = "arn:aws:iam::123456789012:role/team/invoke"
ENVIRON = {"TEAM_KEY": "AKIDTEAM", "TEAM_SECRET": "secret"}


@pytest.fixture(autouse=True)
def _machine(monkeypatch, tmp_path, sts):
    """A machine without AWS settings but a default profile and the test's own STS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=AKIDFILE\naws_secret_access_key=secret\n")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)


def role(**changes) -> Identity:
    """An identity with a role."""
    return Identity(**{"role_arn": ROLE, "role_session_name": "kt-gateway", "sts_region": "eu-west-1", **changes})


def held(*identities, steps=("renew",)):
    """What a keeper holds after these steps for each identity, and what it logged."""

    async def main():
        keeper = CredentialKeeper(identities, ENVIRON)
        for step in steps:
            for identity in identities:
                await getattr(keeper, step)(identity)
        return dict(keeper.snapshot)

    with capture_logs() as logged:
        snapshot = asyncio.run(main())
    return snapshot, logged


@pytest.mark.parametrize(
    ("changes", "access_key"),
    [({}, "AKIDFILE"), ({"access_key_env": "TEAM_KEY", "secret_key_env": "TEAM_SECRET"}, "AKIDTEAM")],
    ids=["standard chain", "variables"],
)
def test_a_role_is_assumed_with_the_targets_other_credentials(sts, changes, access_key):
    """The chain's or the named variables' keys sign the call, in the endpoint's region; the role's sign requests."""
    identity = role(**changes)
    snapshot, logged = held(identity)
    assert snapshot == {identity: sts.issued[0]}
    assert logged == []
    (call,) = sts.calls
    assert (call["access_key"], call["region"]) == (access_key, "eu-west-1")
    assert (call["Action"], call["RoleArn"], call["RoleSessionName"]) == ("AssumeRole", ROLE, "kt-gateway")
    assert "ExternalId" not in call


def test_the_external_id_and_the_sessions_name_are_sent(sts):
    """What the role's trust policy asks for."""
    held(role(external_id="partner-7", role_session_name="mine"))
    assert (sts.calls[0]["ExternalId"], sts.calls[0]["RoleSessionName"]) == ("partner-7", "mine")


def test_sts_is_asked_once_an_hour_not_once_a_minute(sts):
    """What has not nearly expired is kept."""
    held(role(), steps=("renew",) * 5)
    assert len(sts.calls) == 1


def test_credentials_that_expire_soon_are_renewed(sts):
    """Inside botocore's window every look asks STS anew; the source is asked again with it."""
    sts.lifetime = 300.0
    identity = role()
    snapshot, _ = held(identity, steps=("renew", "renew"))
    assert snapshot == {identity: sts.issued[1]}


def test_a_refresh_does_not_wait_for_the_expiry(sts):
    """AWS has refused the first set: the second is fetched though the first had an hour to go."""
    identity = role()
    snapshot, _ = held(identity, steps=("renew", "refresh"))
    assert snapshot == {identity: sts.issued[1]}


def test_roles_of_one_source_stand_side_by_side(sts):
    """Two roles and the source itself: three sets of credentials."""
    first, second, source = role(), role(role_arn=ROLE + "2"), Identity()
    snapshot, _ = held(first, second, source)
    assert snapshot == {first: sts.issued[0], second: sts.issued[1], source: Credentials("AKIDFILE", "secret")}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, "ClientError"),
        ({"access_key_env": "NOT_SET", "secret_key_env": "NOT_SET"}, "NoSourceCredentials"),
    ],
)
def test_a_role_that_cannot_be_assumed_leaves_its_targets_unavailable(sts, changes, fault):
    """The log has the kind of fault and the role's name; no account, no key, none of STS's words."""
    sts.denied = True
    snapshot, logged = held(role(**changes))
    assert snapshot == {}
    (line,) = logged
    assert line["fault"] == fault
    assert "role team/invoke, assumed by" in line["identity"]
    assert not any(secret in json.dumps(logged) for secret in ("123456789012", "AKIDFILE", "authorized"))
