"""Captured bodies at rest: AES-256-GCM (NIST SP 800-38D), bound to the exchange and the field they belong to."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extproc.audit.chain import key_id

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT = b"kt-audit-body-v1\0"


class NotOpened(Exception):
    """A captured body that this key does not open, or that is not the one of this record."""


def sealed(text: str, key: bytes, nonce: bytes, request_id: str, field: str) -> dict[str, object]:
    """The members of a record that hold `text`; `key` is 32 bytes, `nonce` 12 that were never used with it before."""
    data = AESGCM(key).encrypt(nonce, text.encode(), _bound(request_id, field))
    return {"key": key_id(key), "nonce": base64.b64encode(nonce).decode(), "data": base64.b64encode(data).decode()}


def opened(members: Mapping[str, object], key: bytes, request_id: str, field: str) -> str:
    """The text that `sealed` hid.

    Raises:
        NotOpened: by another key, or for another record or field.
    """
    try:
        nonce, data = (base64.b64decode(str(members[name]), validate=True) for name in ("nonce", "data"))
        return AESGCM(key).decrypt(nonce, data, _bound(request_id, field)).decode()
    except (KeyError, ValueError, InvalidTag):
        raise NotOpened(f"this key does not open the {field} of {request_id}") from None


def _bound(request_id: str, field: str) -> bytes:
    return CONTEXT + request_id.encode() + b"\0" + field.encode()
