"""The chain of one writer: its lines, its seals, and the way back."""

from __future__ import annotations

import base64

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merkle
from extproc.audit.chain import FORMAT, GENESIS, SEAL_CONTEXT, Certificate, Chain, certified, key_id

NOW = 1772366400.0


@pytest.fixture
def chain(keys):
    """A chain without lines."""
    return Chain("w0.0123456789ab", keys("session"), {"version": "1", "retention_days": 30})


def parsed(batch: bytes) -> list[dict]:
    """A batch's lines."""
    assert batch.endswith(b"\n")
    return [orjson.loads(line) for line in batch.splitlines()]


def test_first_line_says_whose_it_is(chain, keys):
    """A segment begins with the format, its number, the public key, and the header."""
    assert chain.open_segment(NOW) == 1
    opened, seal = parsed(chain.seal(NOW))
    assert opened == {
        "chain": "w0.0123456789ab",
        "seq": 0,
        "prev": GENESIS,
        "time": "2026-03-01T12:00:00.000000Z",
        "event": "opened",
        "format": FORMAT,
        "segment": 1,
        "public_key": base64.b64encode(keys("session").public).decode(),
        "version": "1",
        "retention_days": 30,
    }
    assert list(opened)[:3] == list(seal)[:3] == ["chain", "seq", "prev"]


def test_certificate_is_told(keys):
    """With a signing key, the first line carries its id and its signature over the chain's name and key."""
    session, signing = keys("session"), keys("signing")
    signature = signing.sign(certified("w.0", session.public))
    chain = Chain("w.0", session, {}, Certificate(signing.id, signature))
    chain.open_segment(NOW)
    opened, _ = parsed(chain.seal(NOW))
    assert opened["certificate"] == {"key": signing.id, "signature": base64.b64encode(signature).decode()}
    Ed25519PublicKey.from_public_bytes(signing.public).verify(signature, b"kt-audit-session-v1\0w.0\0" + session.public)


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=5))
def test_lines_are_linked_and_sealed(keys, batches):
    """Every line names the hash of the one before; each seal counts, roots and signs exactly its batch."""
    chain = Chain("w0.0123456789ab", keys("session"), {})
    chain.open_segment(NOW)
    head, seq, leaves = GENESIS, 0, []
    key = Ed25519PublicKey.from_public_bytes(keys("session").public)
    for batch in batches:
        for number in batch:
            chain.append({"event": "exchange", "number": number})
        for line in chain.seal(NOW).splitlines():
            document = orjson.loads(line)
            assert (document["seq"], document["prev"]) == (seq, head)
            if document["event"] == "seal":
                assert (document["count"], document["root"]) == (len(leaves), merkle.root(leaves).hex())
                unsigned, _, rest = line.rpartition(b',"sig":"')
                key.verify(base64.b64decode(rest[:-2]), SEAL_CONTEXT + unsigned)
                leaves.clear()
            else:
                leaves.append(merkle.leaf(line))
            seq, head = seq + 1, merkle.leaf(line).hex()
        assert (chain.seq, chain.head, chain.pending) == (seq, head, 0)
        chain.settle()


def test_rewind_forgets_the_batch(chain):
    """What could not be made durable leaves nothing behind: the next batch is as if it had never been."""
    chain.open_segment(NOW)
    chain.seal(NOW)
    chain.settle()
    before = (chain.segment, chain.seq, chain.head)
    chain.open_segment(NOW)
    chain.append({"event": "exchange"})
    chain.seal(NOW)
    chain.rewind()
    assert (chain.segment, chain.seq, chain.head, chain.pending) == (*before, 0)
    chain.append({"event": "exchange"})
    first, _ = parsed(chain.seal(NOW))
    assert (first["seq"], first["prev"]) == before[1:]


def test_batch_stays_in_its_segment(chain):
    """A segment cannot begin while a batch is open."""
    chain.open_segment(NOW)
    with pytest.raises(ValueError, match="split"):
        chain.open_segment(NOW)


def test_what_is_no_json_is_not_added(chain):
    """A document that is no JSON is refused, and the chain is as before."""
    chain.open_segment(NOW)
    with pytest.raises(TypeError):
        chain.append({"event": object()})
    assert (chain.pending, chain.seq) == (1, 1)


def test_key_id_is_short(keys):
    """A key is named by 16 hexadecimal digits of its hash, the same each time."""
    assert key_id(keys("a").public) == key_id(keys("a").public) != key_id(keys("b").public)
    assert len(bytes.fromhex(key_id(keys("a").public))) == 8
