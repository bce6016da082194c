"""Secrets inside a structure."""

from __future__ import annotations

import string
from base64 import urlsafe_b64encode

import pytest

BASE64 = string.ascii_letters + string.digits + "+/"
# House rule: no file holds the first line of a private key.
BEGIN, END = "-----BEGIN {}PRIVATE" + " KEY-----", "-----END {}PRIVATE" + " KEY-----"


@pytest.fixture
def key(dice):
    """A key file of three lines, with a given line's end."""

    def made(kind="RSA ", newline="\n", end=True):
        body = [dice(64, BASE64, seed) for seed in range(2)] + [dice(30, BASE64) + "=="]
        return newline.join([BEGIN.format(kind), *body, *([END.format(kind)] if end else ())])

    return made


@pytest.mark.parametrize("kind", ["", "RSA ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", '" +\n"'])
def test_key_files(found, key, kind, newline):
    """A key is found whole, frame included, however its lines end; the text after it is kept."""
    text = key(kind, newline)
    assert found(f"key: {text}\nNow go on with the words") == [("private-key", text)]


def test_key_without_end(found, key):
    """A key that is cut off is a key; the words behind it are not."""
    text = key(end=False).rpartition("\n")[0]
    assert found(f"{text}\n\nThis was it") == [("private-key", text)]


def test_frame_alone(found):
    """A mention of the frame is no key."""
    assert found(f"it begins with {BEGIN.format('')} and ends with {END.format('')}") == []


def encoded(text):
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("header", "expected"), [('{"alg":"HS256"}', True), ('{ "alg":"none"}', True), ("{'alg':'HS256'}", False)]
)
def test_jwt(found, dice, header, expected):
    """A token whose header is JSON is found whole; one that only looks like it is not a JWT."""
    token = ".".join((encoded(header), encoded('{"sub":"1234"}'), dice(43)))
    assert (("jwt", token) in found(f"it is {token} now")) is expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("postgres://app:s3cr3t-pw@db.example/x", ["s3cr3t-pw"]),
        ("mongodb+srv://app:Zx_cv.b9@cluster.example", ["Zx_cv.b9"]),
        ("redis://:hunter22@cache", ["hunter22"]),
        ("postgres://user:password@db, https://x:$PASS@y, http://a:<pw>@b, https://u:PASSWORD@h", []),
        ("https://example.org:8080/path@x, mailto:a:b@c", []),
    ],
)
def test_url_passwords(found, text, values):
    """The password of a URL is found, and nothing of the rest; stand-ins pass."""
    assert [value for name, value in found(text) if name == "url-password"] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Server=db;User Id=app;Password=secret1;Database=x", ["secret1"]),
        ("Data Source=db;Pwd = tiger-5;", ["tiger-5"]),
        ("Server=db;Password=${DB_PASSWORD};", []),
        ("connect(host=a, password=var.password, port=1)", []),
        ("the Password=secret1", []),
    ],
)
def test_connection_strings(found, text, values):
    """The password in a connection string is found; variables, and names without a connection, pass."""
    assert [value for name, value in found(text) if name == "connection-password"] == values


def test_account_key(found, dice):
    """The key of a storage account is found whole."""
    key = dice(86, BASE64) + "=="
    text = f"DefaultEndpointsProtocol=https;AccountName=abc;AccountKey={key};EndpointSuffix=x"
    assert ("connection-password", key) in found(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("curl -u elastic:P4ss-word https://x", ["P4ss-word"]),
        ("curl --user 'api:d2Lk!t9' https://x", ["d2Lk!t9"]),
        ('curl -u "Zk9d2LkV78:" https://x', ["Zk9d2LkV78"]),
        ('curl -u "$NAME:$PASS" https://x', []),
        ("scan -u host.example:8443", []),
        ("curl -u user:password https://x", []),
        ("curl -u : https://x", []),
    ],
)
def test_commands(found, text, values):
    """What curl is given as user and password is found; variables, ports and stand-ins pass."""
    assert [value for name, value in found(text) if name == "command-password"] == values


def test_hashes_and_signatures(found, dice):
    """A crypt(5) hash is found whole, of a signed URL the signature; a SHA-256 passes."""
    crypt = f"$6$rounds=5000${dice(8)}${dice(86)}"
    signature = dice(43)
    assert ("password-hash", crypt) in found(f"root:{crypt}:19000")
    assert ("sas-signature", signature) in found(f"https://x.example/y?sv=2024&sig={signature}")
    assert found("sha256:" + "0f" * 32) == []
