"""Keys of the trail: where they may come from, what is refused in which words, and what KMS is asked."""

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from extproc.audit.chain import certified, key_id
from extproc.config.runtime import KeySource
from extproc.edge.trail import keys
from extproc.edge.trail.keys import KeyUnusable

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
SEED = bytes(range(32))


def pem(private=PRIVATE):
    """A private key as `openssl genpkey` writes it."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def spki(encoding):
    """The public key as `openssl pkey -pubout` writes it."""
    return PRIVATE.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_a_session_key_signs_for_itself():
    """Ed25519, as RFC 8032 has it; a new one each time."""
    one, other = keys.Ed25519SessionKey(), keys.Ed25519SessionKey()
    Ed25519PublicKey.from_public_bytes(one.public).verify(one.sign(b"batch"), b"batch")
    assert one.public != other.public


@pytest.mark.parametrize(
    ("made", "loaded"), [("None", "[False, False]"), ("Ed25519SessionKey().sign(b'batch')", "[True, False]")]
)
def test_only_what_signs_loads_what_signs(made, loaded):
    """A worker without a trail has 8 MiB less, and nobody needs the readers of all kinds of keys to sign."""
    program = f"""
import sys
from extproc.edge import worker
from extproc.edge.trail.keys import Ed25519SessionKey
{made}
library = "cryptography.hazmat."
print([name in sys.modules for name in (library + "bindings._rust", library + "primitives.serialization")])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == loaded


@pytest.mark.parametrize("held", [pem(), SEED, SEED.hex().encode(), base64.b64encode(SEED) + b"\n"])
def test_a_signing_key_comes_from_a_file(tmp_path, held):
    """PEM, or the seed raw, in hex or in base64: always the same key."""
    path = tmp_path / "key"
    path.write_bytes(held)
    certificate = keys.voucher(KeySource("file", str(path)), {}).certify("w0.x", b"p" * 32)
    PRIVATE.public_key().verify(certificate.signature, certified("w0.x", b"p" * 32))
    assert certificate.key == key_id(PUBLIC)


def test_a_signing_key_comes_from_the_environment():
    """The variable holds what the file would."""
    certificate = keys.voucher(KeySource("env", "KEY"), {"KEY": pem().decode()}).certify("w0.x", b"p" * 32)
    PRIVATE.public_key().verify(certificate.signature, certified("w0.x", b"p" * 32))
    assert certificate.key == key_id(PUBLIC)


def test_without_a_source_there_is_no_key():
    """Nothing is made up."""
    assert keys.voucher(None, {}) is None
    assert keys.secret(None, {}, "hash_key") is None


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (b"hello", "kt audit keygen"),
        (b"", "kt audit keygen"),
        (pem(generate_private_key(SECP256R1())), "Ed25519"),
        (pem().replace(b"M", b"A"), "Ed25519"),
    ],
)
def test_what_is_no_signing_key_is_refused(tmp_path, held, words):
    """In words that say what to do and repeat nothing of the file."""
    path = tmp_path / "key"
    path.write_bytes(held)
    with pytest.raises(KeyUnusable, match=words) as refused:
        keys.voucher(KeySource("file", str(path)), {})
    assert "hello" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (KeySource("file", "/nowhere/key"), "No such file"),
        (KeySource("env", "NOT_SET"), "NOT_SET is not set"),
    ],
)
def test_a_key_that_is_not_there(source, words):
    """Named by its place."""
    with pytest.raises(KeyUnusable, match=words):
        keys.voucher(source, {})
    with pytest.raises(KeyUnusable, match=words):
        keys.secret(source, {}, "hash_key")


@pytest.mark.parametrize("held", [SEED.hex(), base64.b64encode(SEED).decode()])
def test_a_secret_comes_as_text(held):
    """32 bytes in hex or base64; anything else is refused."""
    assert keys.secret(KeySource("env", "S"), {"S": held}, "hash_key") == SEED
    with pytest.raises(KeyUnusable, match="32 bytes"):
        keys.secret(KeySource("env", "S"), {"S": held[:-4]}, "hash_key")


@pytest.mark.parametrize(
    "held",
    [spki(serialization.Encoding.PEM), spki(serialization.Encoding.DER), PUBLIC, base64.b64encode(PUBLIC)],
)
def test_a_public_key_is_read_in_any_form(held):
    """PEM and DER as openssl writes them, raw, base64."""
    assert keys.public_key(held) == PUBLIC


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"x" * 31,
        pem(),
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_what_is_no_public_key_is_refused(held):
    """A private key, too: it is not to be carried around."""
    with pytest.raises(KeyUnusable, match="Ed25519"):
        keys.public_key(held)


class Kms(BaseHTTPRequestHandler):
    """AWS KMS as far as a signing key needs it (JSON 1.1)."""

    asked: list  # (operation, document); the class is made anew for each server
    refuse = ""

    def do_POST(self):
        """GetPublicKey and Sign."""
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((operation, document))
        if self.refuse:
            self.answer(400, {"__type": self.refuse, "message": "arn:aws:kms:us-east-1:123456789012:key/x"})
        elif operation == "GetPublicKey":
            self.answer(200, {"PublicKey": base64.b64encode(spki(serialization.Encoding.DER)).decode()})
        else:
            signature = PRIVATE.sign(base64.b64decode(document["Message"]))
            self.answer(200, {"Signature": base64.b64encode(signature).decode()})

    def answer(self, status, document):
        """Send it."""
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def kms(monkeypatch):
    """A KMS at hand: the handler's class, and a voucher that asks it."""
    handler = type("Handler", (Kms,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    environ = {"AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{server.server_address[1]}"}
    yield handler, keys.voucher(KeySource("kms", "alias/audit", "eu-central-1"), environ)
    server.shutdown()
    server.server_close()
    thread.join()


def test_kms_signs_once_for_each_session(kms):
    """The whole message, not a hash of it; the public key is asked for once."""
    handler, voucher = kms
    for chain in ("w0.x", "w1.y"):
        certificate = voucher.certify(chain, b"p" * 32)
        PRIVATE.public_key().verify(certificate.signature, certified(chain, b"p" * 32))
        assert certificate.key == key_id(PUBLIC)
    assert [operation for operation, _ in handler.asked] == ["GetPublicKey", "Sign", "Sign"]
    asked = handler.asked[1][1]
    assert (asked["MessageType"], asked["SigningAlgorithm"]) == ("RAW", "ED25519_SHA_512")


def test_a_kms_that_refuses_is_told_by_its_code_alone(kms):
    """AWS's words hold account numbers."""
    handler, voucher = kms
    handler.refuse = "AccessDeniedException"
    with pytest.raises(KeyUnusable, match="AccessDeniedException") as refused:
        voucher.certify("w0.x", b"p" * 32)
    assert "123456789012" not in str(refused.value)
