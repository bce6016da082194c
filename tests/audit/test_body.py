"""Captured bodies at rest."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import body
from extproc.audit.chain import key_id

KEY = bytes(range(32))
NONCE = bytes(range(12))


@given(st.text(), st.text(max_size=20))
def test_what_is_sealed_can_be_opened(text, request_id):
    """The text comes back, for its record and field; the nonce and the key's id stand beside it."""
    sealed = body.seal(KEY, NONCE, request_id, "request_body", text)
    assert body.open_sealed(KEY, request_id, "request_body", sealed) == text
    assert sealed["key"] == key_id(KEY)
    assert base64.b64decode(sealed["nonce"]) == NONCE


def test_form_is_as_documented():
    """Anyone with AES-GCM can open it: ciphertext and tag, with the associated data that the module names."""
    sealed = body.seal(KEY, NONCE, "r-1", "response_body", "héllo")
    associated = b"kt-audit-body-v1\0r-1\0response_body"
    assert AESGCM(KEY).decrypt(NONCE, base64.b64decode(sealed["data"]), associated) == "héllo".encode()


@pytest.mark.parametrize(
    ("key", "request_id", "field", "change"),
    [
        (bytes(32), "r-1", "request_body", {}),
        (KEY, "r-2", "request_body", {}),
        (KEY, "r-1", "response_body", {}),
        (KEY, "r-1", "request_body", {"nonce": base64.b64encode(bytes(12)).decode()}),
        (KEY, "r-1", "request_body", {"nonce": ""}),
        (KEY, "r-1", "request_body", {"nonce": None}),
        (KEY, "r-1", "request_body", {"data": "nonsense"}),
        (KEY, "r-1", "request_body", {"data": ""}),
        (KEY, "r-1", "request_body", {"data": 1}),
    ],
)
def test_what_was_not_sealed_so_is_refused(key, request_id, field, change):
    """Another key, record, field, nonce or text does not open."""
    sealed = body.seal(KEY, NONCE, "r-1", "request_body", "text")
    with pytest.raises(ValueError, match="encrypted"):
        body.open_sealed(key, request_id, field, {**sealed, **change})


@pytest.mark.parametrize(("key", "nonce"), [(b"short", NONCE), (KEY, b"short")])
def test_lengths(key, nonce):
    """A key or nonce of another length is refused."""
    with pytest.raises(ValueError, match="32 bytes"):
        body.seal(key, nonce, "r", "request_body", "text")


def test_key_files():
    """A key may be raw, hexadecimal or base64, with a newline or not; nothing else is one."""
    for data in (KEY, KEY.hex().encode(), KEY.hex().encode() + b"\n", base64.b64encode(KEY) + b"\n"):
        assert body.parse_key(data) == KEY
    for data in (b"", b"nonsense", KEY[:31], KEY.hex().encode()[:-2], base64.b64encode(KEY[:-1]), b"\xff" * 31):
        with pytest.raises(ValueError, match="32 bytes"):
            body.parse_key(data)
