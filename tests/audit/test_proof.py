"""Proofs of single records, checked with the public key alone."""

from __future__ import annotations

import base64
import json
import random

import pytest

from extproc.audit import merkle, proof
from extproc.audit.links import document
from extproc.audit.proof import NotProven
from extproc.audit.reader import batches
from extproc.audit.segment import parse
from extproc.audit.source import Source


@pytest.fixture(scope="module")
def trail(trails, keys):
    """A chain with batches of several sizes, in two segments."""
    trail = trails(signing=keys("signing"))
    writer = trail.writer("w0")
    dice = random.Random(0)
    for count in (1, 5):
        writer.exchanges(dice, count)
    writer.rotate()
    writer.exchanges(dice, 4)
    return trail


@pytest.fixture(scope="module")
def batched(trail):
    """Every batch."""
    sources = [
        Source(parse(name), name, len(data), lambda data=data: iter([data])) for name, data in trail.files.items()
    ]
    return [batch for source in sources for batch in batches(source, [])]


@pytest.fixture
def made(batched):
    """The proof of a record in the middle of a batch."""
    return proof.build(batched[1], batched[1].lines[2])


def test_every_record_is_proven(trail, batched):
    """Each line of each batch has a proof that survives JSON and shows the line, its seal, and who vouches."""
    count = 0
    for batch in batched:
        for line in batch.lines:
            shown = proof.check(json.loads(json.dumps(proof.build(batch, line))), [trail.signing.public])
            assert shown.record == line.document
            assert (shown.seal.seq, shown.seal.hash) == (batch.seal.document["seq"], merkle.leaf(batch.seal.raw).hex())
            assert (shown.sealed_at, shown.signer) == (batch.time, trail.signing.id)
            count += 1
    assert count == 12


def test_without_a_key_nobody_vouches(made):
    """Without a public key the proof is held against the key in it, and names no signer."""
    assert proof.check(made).signer == ""


def test_line_of_another_batch(batched):
    """There is no proof for a line that is not in the batch."""
    with pytest.raises(ValueError, match="not in"):
        proof.build(batched[0], batched[1].lines[0])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "v0"},
        {"index": 3},
        {"index": True},
        {"index": -1},
        {"size": 4},
        {"size": 10**9},
        {"path": []},
        {"path": ["00" * 32] * 100},
        {"path": "nonsense"},
        {"path": [1]},
        {"path": ["x"]},
        {"record": None},
        {"record": "{}"},
        {"seal": "{}"},
        {"opened": "{}"},
        {"opened": "\ud800"},
    ],
    ids=str,
)
def test_broken_proofs(trail, made, change):
    """A proof with a part missing, of another kind or of another place does not hold."""
    with pytest.raises(NotProven):
        proof.check({**made, **change}, [trail.signing.public])


def test_every_flipped_bit_is_found(trail, made):
    """No bit of the record or of the seal can be another; of the first line, none of key and certificate."""
    dice = random.Random(0)
    for name in ("record", "seal", "opened"):
        text = made[name]
        begin = text.index('"public_key"') if name == "opened" else 0
        end = text.index('"version"') if name == "opened" else len(text)
        for _ in range(150):
            at = dice.randrange(begin, end)
            other = chr(ord(text[at]) ^ 1 << dice.randrange(7))
            with pytest.raises(NotProven):
                proof.check({**made, name: text[:at] + other + text[at + 1 :]}, [trail.signing.public])


def test_other_keys_do_not_vouch(trail, made, keys):
    """A proof by a made-up session is none, and neither is one for somebody who trusts another key."""
    with pytest.raises(NotProven, match="vouches"):
        proof.check(made, [keys("other").public])
    opened = document(made["opened"].encode())
    opened["public_key"] = base64.b64encode(keys("attacker").public).decode()
    with pytest.raises(NotProven, match="vouches"):
        proof.check({**made, "opened": json.dumps(opened)}, [trail.signing.public])


def test_parts_of_different_chains(trails, keys, trail, made):
    """A seal of another chain proves nothing, though the same key vouches for both."""
    other = trails(signing=keys("signing"))
    writer = other.writer("w1")
    writer.exchanges(random.Random(0), 5)
    (batch,) = batches(Source(parse(writer.file), "x", 0, lambda: iter([other.files[writer.file]])), [])
    with pytest.raises(NotProven, match="one chain"):
        proof.check({**made, "seal": batch.seal.raw.decode()}, [trail.signing.public])
