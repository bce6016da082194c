"""The keys of the audit trail: a session's own, the signing key that vouches for it, and secrets for hashes and bodies.

A secret is given as {file: PATH} or {env: NAME}; the signing key also as {kms: KEY_ID}, an asymmetric key of AWS KMS
(key spec ECC_NIST_EDWARDS25519). It signs once when a writer starts, never while requests wait.

What signs is imported where a key is made or read: a worker without a trail has 8 MiB less, and one without a signing
key in PEM form does not load the readers of all kinds of keys (measured).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from extproc.audit.body import KEY_BYTES, parse_key
from extproc.audit.chain import Certificate, certified, key_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from extproc.config.runtime import KeySource


class KeyUnusable(Exception):
    """A key cannot be had; the message says which and what to do, and never what it holds."""


class Ed25519SessionKey:
    """A key pair that lives in this process's memory only."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - see above

        self._private = Ed25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)


class Voucher(Protocol):
    """Signs for session keys."""

    def certify(self, chain: str, public: bytes) -> Certificate:
        """The signing key's word that `public` is the key of `chain`.

        Raises:
            KeyUnusable: it cannot be had now.
        """


class LocalVoucher:
    """A signing key that was read from a file or the environment."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    def certify(self, chain: str, public: bytes) -> Certificate:
        """See Voucher."""
        return Certificate(key_id(self.public), self._private.sign(certified(chain, public)))


class KmsVoucher:
    """A signing key that never leaves AWS KMS (Sign, ED25519_SHA_512, message type RAW)."""

    def __init__(self, name: str, region: str | None, environ: Mapping[str, str]) -> None:
        self._name = name
        self._region = region
        self._endpoint = environ.get("AWS_ENDPOINT_URL_KMS")
        self._public: bytes | None = None

    def certify(self, chain: str, public: bytes) -> Certificate:
        """See Voucher."""
        # botocore takes a quarter of a second to import: only where it is needed.
        import botocore.session  # noqa: PLC0415 - see above
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

        try:
            client = botocore.session.get_session().create_client(
                "kms", region_name=self._region, endpoint_url=self._endpoint
            )
            if self._public is None:
                found = client.get_public_key(KeyId=self._name)["PublicKey"]
                self._public = public_key(found)
            signature: bytes = client.sign(
                KeyId=self._name,
                Message=certified(chain, public),
                MessageType="RAW",
                SigningAlgorithm="ED25519_SHA_512",
            )["Signature"]
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise KeyUnusable(f"AWS KMS does not sign with the key of signing_key.kms ({code})") from None
        return Certificate(key_id(self._public), signature)


def voucher(source: KeySource | None, environ: Mapping[str, str]) -> Voucher | None:
    """The signing key; None when none is configured.

    Raises:
        KeyUnusable: it cannot be read.
    """
    if source is None:
        return None
    if source.kind == "kms":
        return KmsVoucher(source.name, source.region, environ)
    return LocalVoucher(_private(_read(source, environ, "signing_key"), "signing_key"))


def secret(source: KeySource | None, environ: Mapping[str, str], field: str) -> bytes | None:
    """A secret of 32 bytes, given raw, as hex or as base64; None when none is configured.

    Raises:
        KeyUnusable: it cannot be read, or is no such secret.
    """
    if source is None:
        return None
    data = _read(source, environ, field)
    found = _bytes(data)
    if found is None:
        raise KeyUnusable(f"audit-logger.{field} must hold {KEY_BYTES} bytes: raw, as 64 hex digits or as base64")
    return found


def public_key(data: bytes) -> bytes:
    """The 32 bytes of a public key in PEM, DER (SubjectPublicKeyInfo), base64 or raw.

    Raises:
        KeyUnusable: it is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - see above

    load = serialization.load_pem_public_key if b"-----BEGIN" in data else serialization.load_der_public_key
    try:
        loaded = load(data)
    except (ValueError, UnsupportedAlgorithm):
        raw = _bytes(data)
        if raw is None:
            raise KeyUnusable("this is no Ed25519 public key in PEM, DER or base64") from None
        return raw
    if not isinstance(loaded, Ed25519PublicKey):
        raise KeyUnusable("this is a public key of another kind; an Ed25519 key is needed")
    return loaded.public_bytes_raw()


def _private(data: bytes, field: str) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - see above

    if b"-----BEGIN" in data:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - see above

        try:
            loaded = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            loaded = None
        if isinstance(loaded, Ed25519PrivateKey):
            return loaded
    elif (seed := _bytes(data)) is not None:
        return Ed25519PrivateKey.from_private_bytes(seed)
    raise KeyUnusable(
        f"audit-logger.{field} must hold an Ed25519 private key without a passphrase; `kt audit keygen` makes one"
    )


def _read(source: KeySource, environ: Mapping[str, str], field: str) -> bytes:
    if source.kind == "env":
        value = environ.get(source.name, "")
        if not value:
            raise KeyUnusable(f"audit-logger.{field}: the environment variable {source.name} is not set")
        return value.encode()
    try:
        return Path(source.name).read_bytes()
    except OSError as error:
        raise KeyUnusable(f"audit-logger.{field}: {source.name} cannot be read ({error.strerror})") from None


def _bytes(data: bytes) -> bytes | None:
    try:
        return parse_key(data)
    except ValueError:
        return None
