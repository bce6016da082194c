"""`kt audit verify`: whole, not whole, unreadable."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from extproc.cli import audit_verify, main
from extproc.edge.trail.listing import Chunks


@pytest.fixture
def trail(realistic_trail, tmp_path):
    """A trail of two runs, in files."""
    trail = realistic_trail(0)
    trail.path = trail.save(tmp_path / "audit")
    trail.key = base64.b64encode(trail.signing.public).decode()
    return trail


def change(trail, old=b'"outcome":"served"', new=b'"outcome":"failed"'):
    """Change one record; the file's name and the line's number."""
    name = next(name for name in sorted(trail.files) if old in trail.files[name])
    data = trail.files[name]
    (trail.path / name).write_bytes(data.replace(old, new, 1))
    return name, data[: data.index(old)].count(b"\n") + 1


def test_whole_trail(trail, capsys):
    """A whole trail is status 0, and its totals and keys are told."""
    assert main(["audit", "verify", str(trail.path), "--public-key", trail.key, "--closed"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{trail.path}: whole\n")
    assert f"key {trail.signing.id}  vouches for 7 chains\n" in out
    assert "\nlost                  3\n" in out


def test_changed_record(trail, capsys):
    """A change is status 1, with its place, what is wrong, and what that means."""
    name, line = change(trail)
    assert main(["audit", "verify", str(trail.path), "--public-key", trail.key]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{trail.path}: NOT whole\n\n{name}:{line}  changed-line\n")
    assert "\n  It was changed after it was written, or another stands in its place.\n" in out


def test_json(trail, capsys):
    """With --json all of it is one object."""
    name, line = change(trail)
    assert main(["audit", "verify", str(trail.path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["whole"], document["findings"][0]["file"], document["findings"][0]["line"]) == (False, name, line)
    assert document["keys"] == {"vouched": {}, "not_vouched": 7, "certificates": {trail.signing.id: 7}}
    assert document["totals"]["chains"] == 7


def test_public_key_in_a_file(trail, keys, tmp_path, capsys):
    """The key may be a PEM file; another key does not do; what is none is status 2."""
    pem = tmp_path / "key.pem"
    public = Ed25519PublicKey.from_public_bytes(trail.signing.public)
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert main(["audit", "verify", str(trail.path), "--public-key", str(pem)]) == 0
    other = base64.b64encode(keys("other").public).decode()
    assert main(["audit", "verify", str(trail.path), "--public-key", other]) == 1
    assert main(["audit", "verify", str(trail.path), "--public-key", other, "--public-key", str(pem)]) == 0
    pem.write_text("nonsense")
    for wrong in (str(pem), str(tmp_path / "missing.pem"), "AAAA"):
        assert main(["audit", "verify", str(trail.path), "--public-key", wrong]) == 2
        assert f"--public-key {wrong}: " in capsys.readouterr().err


def test_without_a_key_nobody_vouches(trail, capsys):
    """Without a key the trail is only held against itself, which is told."""
    assert main(["audit", "verify", str(trail.path)]) == 0
    out = capsys.readouterr().out
    assert "nobody vouches" in out
    assert f"not vouched for  7 chains (their certificates name: {trail.signing.id})" in out


def test_kept_checkpoint(trail, tmp_path, capsys):
    """All that checkpoint lines kept elsewhere name must be there; a file without any is status 2."""
    lines = [line for data in trail.files.values() for line in data.splitlines() if b'"event":"checkpoint"' in line]
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"\n".join(lines))
    assert main(["audit", "verify", str(trail.path), "--expect", str(kept), "--closed"]) == 0
    for path in trail.path.glob("*-b.*"):
        path.unlink()
    assert main(["audit", "verify", str(trail.path), "--closed"]) == 0
    assert main(["audit", "verify", str(trail.path), "--expect", str(kept)]) == 1
    assert f"{kept}:" in capsys.readouterr().out
    for text in ("", "nonsense", "{}"):
        kept.write_text(text)
        assert main(["audit", "verify", str(trail.path), "--expect", str(kept)]) == 2


def test_notes_of_one_kind_are_drawn_together(trails, tmp_path, capsys):
    """Of many open chains the first five are named, and how many more there are; --json has all."""
    trail = trails()
    for number in range(8):
        trail.writer(f"w{number}").write()
    trail.save(tmp_path)
    assert main(["audit", "verify", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n  open ") == 5
    assert "\n  and 3 more (--json has them)\n" in out
    assert main(["audit", "verify", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) == 9


def test_foreign_file(trail, capsys):
    """A file of somebody else is found."""
    (trail.path / "notes.txt").write_text("x")
    assert main(["audit", "verify", str(trail.path)]) == 1
    assert "\nnotes.txt  foreign-file\n" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["missing", "file", "segment"])
def test_what_is_no_trail_is_status_2(trail, tmp_path, what, capsys):
    """A path that is no directory cannot be verified: a trail is proven as a whole."""
    path = {"missing": tmp_path / "missing", "file": tmp_path / "a.txt", "segment": trail.path / min(trail.files)}[what]
    (tmp_path / "a.txt").write_text("x")
    assert main(["audit", "verify", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_segment_that_goes_meanwhile(trail, monkeypatch):
    """When retention removes a segment between listing and reading, it is listed again."""
    read = Chunks.__call__
    failures = [FileNotFoundError(2, "gone"), FileNotFoundError(2, "gone")]

    def flaky(self, skip=0):
        if failures:
            raise failures.pop()
        return read(self, skip)

    monkeypatch.setattr(audit_verify, "trail", lambda *_: type("Listed", (), {"alone": False}))
    monkeypatch.setattr(Chunks, "__call__", flaky)
    assert main(["audit", "verify", str(trail.path)]) == 0
    failures += [FileNotFoundError(2, "gone") for _ in range(3)]
    assert main(["audit", "verify", str(trail.path)]) == 2


@pytest.fixture
def proof(trail, tmp_path, capsys):
    """The proof of a record, in a file."""
    assert main(["audit", "tail", str(trail.path), "-n", "1", "--json"]) == 0
    identity = json.loads(capsys.readouterr().out)["request_id"]
    assert main(["audit", "show", str(trail.path), identity, "--proof"]) == 0
    path = tmp_path / "proof.json"
    path.write_text(capsys.readouterr().out)
    return path, identity


def test_proof_needs_no_trail(trail, proof, capsys, monkeypatch, tmp_path):
    """A proof is checked with the key alone, and says which record it proves."""
    path, identity = proof
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["audit", "verify", "--proof", str(path), "--public-key", trail.key]) == 0
    assert f"{path}: proven: request {identity}, line " in capsys.readouterr().out
    assert main(["audit", "verify", "--proof", str(path), "--public-key", trail.key, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["proven"], document["record"]["request_id"], document["signer"]) == (
        True,
        identity,
        trail.signing.id,
    )
    assert main(["audit", "verify", "--proof", str(path)]) == 0
    assert "nobody vouches" in capsys.readouterr().out


def test_proof_that_does_not_hold(trail, proof, capsys):
    """A changed proof is status 1 with the reason; a file that is none is status 2."""
    path, _ = proof
    path.write_text(path.read_text().replace('\\"status\\":', '\\"Status\\":', 1))
    assert main(["audit", "verify", "--proof", str(path), "--public-key", trail.key]) == 1
    assert "NOT proven: the path does not lead" in capsys.readouterr().out
    assert main(["audit", "verify", "--proof", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["proven"] is False
    for text in ("nonsense", "[]"):
        path.write_text(text)
        assert main(["audit", "verify", "--proof", str(path)]) == 2


def test_proof_against_the_trail(trail, proof, capsys):
    """With a path too, the trail must be whole and hold the seal that the proof leads to."""
    path, _ = proof
    words = ["audit", "verify", str(trail.path), "--proof", str(path), "--public-key", trail.key]
    assert main(words) == 0
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.index("proven") < out.index(": whole")
    for name in trail.path.glob("*-b.*"):
        name.unlink()
    assert main(words) == 1
