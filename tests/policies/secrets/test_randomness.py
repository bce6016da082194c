"""Telling dice from words."""

from __future__ import annotations

import pytest

from extproc.policies.secrets.randomness import entropy, is_hex, is_random, is_stand_in, is_uuid, turns


@pytest.mark.parametrize(("text", "bits"), [("", 0), ("aaaa", 0), ("abab", 1), ("0123456789abcdef", 4)])
def test_entropy(text, bits):
    """Entropy is Shannon's, in bits for each character."""
    assert entropy(text) == bits


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("abcdef", 0), ("Manager", 0), ("a1b2", 3), ("ABc", 0), ("camelCaseName", 2), ("u16.len", 2), ("a-1", 1)],
)
def test_turns(text, count):
    """Letters next to digits count, and capitals after small letters; punctuation is looked over."""
    assert turns(text) == count


@pytest.mark.parametrize(
    "text",
    ["x" * 8, "sk-...", "****", "<token>", "${TOKEN}", "{{ token }}", "%(key)s", "your-api-key", "Example", "changeme"],
)
def test_stand_ins(text):
    """What shows where a secret goes is no secret."""
    assert is_stand_in(text)
    assert not is_random(text + "a1B2c3D4e5F6g7H8")


@pytest.mark.parametrize("size", [16, 20, 32, 40, 64])
@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz0123456789", "0123456789abcdef"])
def test_random_texts(dice, size, alphabet):
    """Nearly all texts made by dice are known as such."""
    assert sum(is_random(dice(size, alphabet, seed)) for seed in range(100)) >= 80


@pytest.mark.parametrize(
    "text",
    [
        "AbstractSingletonProxyFactoryBeanConfigurationManager6Impl",
        "python3.11-slim-bullseye",
        "DOC_Vector_5_32",
        "kVK_Return.u16",
        "X25519.secret_length",
        "prod5zyxlmy-cmk",
        "2024-01-01",
        "a1b2",
        "aaaaaaaaaaaaaaa1a1a1",
    ],
)
def test_names_are_not_random(text):
    """Identifiers, versions, dates, short and monotonous texts are told apart."""
    assert not is_random(text)


def test_forms():
    """UUIDs and digests in one case are known as wholes only."""
    uuid = "919108f7-52d1-4320-9bac-f847db4148a8"
    assert is_uuid(uuid)
    assert is_uuid(uuid.upper())
    assert not is_uuid(uuid + "0")
    assert is_hex("00ff")
    assert not is_hex("00Ff")
    assert not is_hex("0g")
