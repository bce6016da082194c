"""`kt audit keygen`: a new signing key."""

from __future__ import annotations

import stat

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from extproc.audit import signature
from extproc.audit.chain import key_id
from extproc.cli import main


def test_key_is_made(tmp_path, capsys):
    """The private key is PKCS #8 in a file for its owner alone; the public key and its id are printed, and fit."""
    path = tmp_path / "audit.key"
    assert main(["audit", "keygen", "--out", str(path)]) == 0
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pem, _, last = capsys.readouterr().out.rpartition("key id: ")
    public = key.public_key().public_bytes_raw()
    assert signature.parse(pem.encode()) == public
    assert last == f"{key_id(public)}\n"


def test_each_key_is_another(tmp_path, capsys):
    """No key is made twice."""
    for name in ("a", "b"):
        assert main(["audit", "keygen", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
    assert len(set(capsys.readouterr().out.splitlines())) == 6


def test_nothing_is_overwritten(tmp_path, capsys):
    """A file that is there stays as it is; a folder that is not there is told; both are status 2."""
    path = tmp_path / "audit.key"
    path.write_text("precious")
    assert main(["audit", "keygen", "--out", str(path)]) == 2
    assert path.read_text() == "precious"
    assert main(["audit", "keygen", "--out", str(tmp_path / "no" / "key")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is there already" in captured.err
