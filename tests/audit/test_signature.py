"""Signatures and public keys."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from extproc.audit import signature

PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_one_text_for_each_signature():
    """The bits that base64 of 64 bytes leaves over must be zero, and nothing else may stand in the text."""
    data = bytes(range(64))
    text = base64.b64encode(data).decode()
    assert signature.decoded(text, 64) == data
    assert text.endswith("w==")
    for other in (text[:-3] + "x==", text + "\n", text[:-1], text.replace("A", "A ", 1), "", "é" * 88, None, 3):
        assert signature.decoded(other, 64) is None
    assert signature.decoded(text, 63) is None


def test_signature_is_checked(keys):
    """A signature holds for its message and its key."""
    key, other = keys("a"), keys("b")
    public = signature.loaded(key.public)
    assert signature.verified(public, key.sign(b"m"), b"m")
    assert not signature.verified(public, key.sign(b"m"), b"n")
    assert not signature.verified(public, other.sign(b"m"), b"m")
    assert not signature.verified(public, b"short", b"m")


def test_public_key_is_read_in_both_forms(keys):
    """PEM and base64 give the same 32 bytes, with or without white space around."""
    public = keys("a").public
    pem = Ed25519PublicKey.from_public_bytes(public).public_bytes(*PEM)
    assert signature.parse(pem) == public
    assert signature.parse(base64.b64encode(public) + b"\n") == public


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        base64.b64encode(b"short"),
        b"-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n",
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*PEM),
    ],
    ids=["nothing", "text", "short", "broken PEM", "another kind"],
)
def test_what_is_no_key_is_refused(text):
    """Anything else is refused with a sentence."""
    with pytest.raises(ValueError, match="key"):
        signature.parse(text)


def test_bytes_that_are_no_key():
    """Bytes of another length are no key."""
    assert signature.loaded(b"short") is None
