"""Ed25519 signatures as the trail holds them, and public keys as people hand them over."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def decoded(text: object, length: int) -> bytes | None:
    """The `length` bytes that `text` is the base64 of; None when it is not, or not in the one canonical form.

    Base64 of 64 bytes has four bits that decoders ignore: a signature with one of them flipped would pass for another
    text with the same meaning.
    """
    if not isinstance(text, str):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == length and base64.b64encode(data).decode() == text else None


def loaded(public: bytes) -> Ed25519PublicKey | None:
    """The key of these 32 bytes; None when they are none."""
    try:
        return Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return None


def verified(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's for `message`."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def parse(text: bytes) -> bytes:
    """The 32 bytes of a public key: PEM (SubjectPublicKeyInfo, RFC 8410), or base64.

    Raises:
        ValueError: it is neither, or no Ed25519 key.
    """
    if b"-----BEGIN" in text:
        try:
            key = load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("no public key in PEM form") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("a public key, but not of Ed25519")
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    data = decoded(text.strip().decode("ascii", "replace"), PUBLIC_KEY_BYTES)
    if data is None or loaded(data) is None:
        raise ValueError("neither PEM nor the base64 of an Ed25519 public key (32 bytes)")
    return data
