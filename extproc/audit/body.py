"""Captured bodies at rest: AES-256-GCM, bound to the record and the field that they stand in.

    "request_body": {"captured": "redacted", "key": "<id>", "nonce": "<base64>", "data": "<base64>"}

The associated data is `kt-audit-body-v1`, a zero byte, the request id, a zero byte, and the field's name: so what was
sealed for one record cannot be put into another. A nonce must never be used twice with one key: whoever seals brings 12
random bytes (NIST SP 800-38D section 8.2.2).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from extproc.audit.chain import key_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CONTEXT = b"kt-audit-body-v1\0"
KEY_BYTES = 32
NONCE_BYTES = 12
FIELDS = ("request_body", "response_body")


def cipher(key: bytes) -> AESGCM:
    """What encrypts with a key of 32 bytes."""
    # Megabytes, and milliseconds the first time: only for those who encrypt.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

    return AESGCM(key)


def seal(key: bytes, nonce: bytes, request_id: str, field: str, text: str) -> dict[str, str]:
    """The members `key`, `nonce` and `data` of a body. `key` is 32 bytes, `nonce` 12 that were never used before.

    Raises:
        ValueError: one of them has another length.
    """
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes and a nonce {NONCE_BYTES}")
    data = cipher(key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), _associated(request_id, field))
    return {
        "key": key_id(key),
        "nonce": base64.b64encode(nonce).decode(),
        "data": base64.b64encode(data).decode(),
    }


def open_sealed(key: bytes, request_id: str, field: str, body: Mapping[str, object]) -> str:
    """The text of a body that was sealed.

    Raises:
        ValueError: it was not, with this key and for this record and field.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see `cipher`

    nonce, data = body.get("nonce"), body.get("data")
    if not isinstance(nonce, str) or not isinstance(data, str):
        raise ValueError("the body is not encrypted")  # noqa: TRY004 - a value of the record
    try:
        ciphertext = base64.b64decode(data, validate=True)
        text = cipher(key).decrypt(base64.b64decode(nonce, validate=True), ciphertext, _associated(request_id, field))
    except (binascii.Error, InvalidTag, ValueError):
        raise ValueError("the body was not encrypted with this key, or not for this record") from None
    return text.decode("utf-8", "surrogatepass")


def parse_key(data: bytes) -> bytes:
    """The key in a file: 32 bytes, or their hexadecimal or base64 text.

    Raises:
        ValueError: it is none of these.
    """
    if len(data) == KEY_BYTES:
        return data
    text = data.strip()
    for decode in (bytes.fromhex, lambda each: base64.b64decode(each, validate=True)):
        try:
            key = decode(text.decode("ascii"))
        except ValueError:
            continue
        if len(key) == KEY_BYTES:
            return key
    raise ValueError("a key is 32 bytes, or their hexadecimal or base64 text")


def _associated(request_id: str, field: str) -> bytes:
    return CONTEXT + request_id.encode("utf-8", "surrogatepass") + b"\0" + field.encode()
