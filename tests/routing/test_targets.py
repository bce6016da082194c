"""A target's Host header, and credentials that do not print themselves."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from extproc.routing.targets import Credentials, Identity, Target


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("https", "runtime.sagemaker.us-east-1.amazonaws.com", 443, "runtime.sagemaker.us-east-1.amazonaws.com"),
        ("https", "h", 8443, "h:8443"),
        ("https", "h", 80, "h:80"),
        ("http", "h", 80, "h"),
        ("http", "h", 443, "h:443"),
        ("http", "::1", 80, "[::1]"),
        ("https", "2001:db8::1", 8443, "[2001:db8::1]:8443"),
    ],
)
def test_authority(scheme: str, host: str, port: int, authority: str) -> None:
    """The scheme's own port is left out, IPv6 addresses stand in brackets."""
    target = Target("a", "e", ("e",), "us-east-1", scheme=scheme, host=host, port=port)
    assert target.authority == authority


def test_credentials_never_show_the_secret() -> None:
    """Neither repr nor str holds the secret key, the token or the whole key id."""
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "token")
    for text in (repr(credentials), str(credentials), f"{credentials}"):
        assert "AKID" in text
        assert not any(part in text for part in ("EXAMPLE", "wJal", "token"))


def test_a_fingerprint_tells_sets_apart_and_nothing_else() -> None:
    """By key id and token, which no other set has; neither can be read from it."""
    sets = [Credentials(access, "s", token) for access in ("ASIA1", "ASIA2") for token in (None, "a", "b")]
    prints = {credentials.fingerprint for credentials in sets}
    assert len(prints) == len(sets)
    assert Credentials("ASIA1", "another secret", "a").fingerprint in prints
    assert all(len(text) == 16 and int(text, 16) for text in prints)


def test_targets_are_frozen() -> None:
    """A target is shared by exchanges and cannot be changed."""
    target = Target("a", "e", ("e",), "us-east-1")
    with pytest.raises(FrozenInstanceError):
        target.port = 1


def test_targets_of_one_id_need_not_be_equal() -> None:
    """What is kept for a target is not found for another that a reloaded configuration gives the same id."""
    target, again, moved = (Target("a", "e", ("e",), region) for region in ("us-east-1", "us-east-1", "us-west-2"))
    assert {target: 1}[again] == 1
    assert moved not in {target: 1}


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (Identity(), "standard AWS chain"),
        (Identity(profile="prod"), "profile prod"),
        (Identity(access_key_env="A", secret_key_env="S"), "environment A, S"),
        (
            Identity(profile="prod", role_arn="arn:aws:iam::123456789012:role/models"),
            "role models, assumed by profile prod",
        ),
    ],
)
def test_identities_have_names(identity: Identity, name: str) -> None:
    """What an operator is told of an identity: where it comes from, never the account."""
    assert identity.name == name
