"""`kt audit show`: one request."""

from __future__ import annotations

import json

import pytest

from extproc.audit import body, proof
from extproc.cli import main

KEY = bytes(range(32))


@pytest.fixture
def path(trails, keys, tmp_path):
    """A trail with a record that has bodies, and what was learnt of it later."""
    trail = trails(signing=keys("signing"))
    sealed = body.seal(KEY, bytes(12), "r-1", "response_body", "the answer")
    trail.writer("w0").write(
        {
            "time": "2026-03-01T12:00:00.000000Z",
            "request_id": "r-1",
            "event": "exchange",
            "outcome": "served",
            "usage": {"prompt_tokens": 3},
            "model": "a\nb",
            "request_body": {"captured": "redacted", "text": "the question"},
            "response_body": {"captured": "full", **sealed, "truncated": True},
        },
        {"time": "2026-03-01T12:00:00.000000Z", "request_id": "r-2", "event": "exchange"},
    )
    trail.writer("gateway").write(
        {"time": "2026-03-01T12:00:09.000000Z", "request_id": "r-1", "event": "ended", "bytes": 5}
    )
    return trail.save(tmp_path / "audit")


def test_all_about_a_request(path, capsys):
    """Every line about it is shown field by field, with its place and when it was sealed."""
    assert main(["audit", "show", str(path), "r-1"]) == 0
    out = capsys.readouterr().out
    fields = dict(line.split(maxsplit=1) for line in out.splitlines() if line)
    assert out.count("place ") == 2
    assert (fields["outcome"], fields["usage.prompt_tokens"], fields["bytes"]) == ("served", "3", "5")
    assert fields["model"] == "a\\nb"
    assert fields["request_body.text"] == "the question"
    assert "r-2" not in out


def test_default_path(path, capsys, monkeypatch):
    """With the id alone, the trail is `audit` in the working directory."""
    monkeypatch.chdir(path.parent)
    assert main(["audit", "show", "r-2"]) == 0
    assert "r-2" in capsys.readouterr().out


def test_json(path, capsys):
    """With --json each line is one object, with its proof if asked for."""
    assert main(["audit", "show", str(path), "r-1", "--json", "--proof"]) == 0
    for line in capsys.readouterr().out.splitlines():
        document = json.loads(line)
        assert document["record"] == proof.check(document["proof"]).record
        assert document["file"].endswith(".jsonl")


def test_proof_is_of_the_record(path, capsys):
    """With --proof the output is the proof of the exchange, and nothing else."""
    assert main(["audit", "show", str(path), "r-1", "--proof"]) == 0
    shown = proof.check(json.loads(capsys.readouterr().out))
    assert (shown.record["request_id"], shown.record["event"]) == ("r-1", "exchange")


@pytest.mark.parametrize("data", [KEY, KEY.hex().encode()])
def test_bodies_are_decrypted(path, tmp_path, capsys, data):
    """With the key, raw or as text, bodies are shown in clear; what else is told of them stays."""
    key = tmp_path / "key"
    key.write_bytes(data)
    assert main(["audit", "show", str(path), "r-1", "--decrypt-key", str(key), "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[1])["record"]
    assert record["response_body"] == {"captured": "full", "truncated": True, "text": "the answer"}
    assert record["request_body"] == {"captured": "redacted", "text": "the question"}


def test_wrong_key(path, tmp_path, capsys):
    """Another key, or a file that holds none, is status 2."""
    key = tmp_path / "key"
    for data in (bytes(32), b"nonsense"):
        key.write_bytes(data)
        assert main(["audit", "show", str(path), "r-1", "--decrypt-key", str(key)]) == 2
        assert "key" in capsys.readouterr().err


def test_unknown_request(path, capsys):
    """A request that the trail does not know is status 1; a trail that is not there is status 2."""
    assert main(["audit", "show", str(path), "r-3"]) == 1
    assert "nothing about r-3" in capsys.readouterr().err
    assert main(["audit", "show", str(path / "missing"), "r-1"]) == 2
