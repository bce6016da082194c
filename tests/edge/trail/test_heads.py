"""How far each chain has come, seen from outside: live, closed, crashed, and in the middle of being written."""

import pytest

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.edge.trail import sealed
from extproc.edge.trail.heads import Heads
from extproc.edge.trail.session import Session


@pytest.fixture
def chain(tmp_path):
    """Opens sessions in one directory."""
    made = []

    def build(name="w0", segment_bytes=10**9):
        session = Session(tmp_path, name, {}, voucher=None, segment_bytes=segment_bytes, durable=False)
        made.append(session)
        return session

    yield build
    for session in made:
        session.close()


def last(path):
    """The last line of a file."""
    return path.read_bytes().splitlines()[-1]


def test_a_live_chain_is_told_when_it_has_grown(tmp_path, chain):
    """Its last seal, whose hash is that of the line; nothing while it stays as it is."""
    session, heads = chain(), Heads(tmp_path)
    session.write([{"n": 1}])
    [head] = heads.changed()
    [path] = tmp_path.iterdir()
    assert (head.chain, head.segment, head.seq) == (session.chain.name, 1, 2)
    assert (head.hash, head.final) == (merkle.leaf(last(path)).hex(), False)
    assert heads.changed() == ()
    session.write([{"n": 2}])
    assert [head.seq for head in heads.changed()] == [4]
    heads.forget()
    assert [head.seq for head in heads.changed()] == [4]


def test_a_chain_that_has_ended_is_told_once_as_final(tmp_path, chain):
    """With the size of its file: nothing can be added to it unnoticed."""
    session, heads = chain(), Heads(tmp_path)
    session.write([{"n": 1}])
    heads.changed()
    session.close()
    [head] = heads.changed()
    [path] = tmp_path.iterdir()
    assert (head.final, head.seq, head.size) == (True, 4, path.stat().st_size)
    assert heads.changed() == ()


def test_a_crash_leaves_a_tail_that_counts_for_the_size_only(tmp_path, chain):
    """The head is the last whole seal; what lies behind it was never durable."""
    session, heads = chain(), Heads(tmp_path)
    session.write([{"n": 1}])
    [path] = tmp_path.iterdir()
    session._release()
    with path.open("ab") as file:
        file.write(b'{"chain":"x","event":"seal","seq":9')
    [head] = heads.changed()
    assert (head.final, head.seq, head.size) == (True, 2, path.stat().st_size)


def test_a_new_segment_without_a_seal_is_at_the_head_of_the_one_before(tmp_path, chain):
    """A crash between opening a segment and its first seal: the size is that of the segment with the last seal."""
    session, heads = chain(segment_bytes=1), Heads(tmp_path)
    session.write([{"n": 1}])
    session.write([{"n": 2}])
    session._release()
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(second.read_bytes()[:30])
    [head] = heads.changed()
    first = min(tmp_path.iterdir())
    assert (head.segment, head.seq, head.size) == (1, 2, first.stat().st_size)


def test_a_chain_that_never_had_a_seal(tmp_path, chain):
    """There is nothing to prove of it but its name and size."""
    session, heads = chain(), Heads(tmp_path)
    session.write([{"n": 1}])
    session._release()
    [path] = tmp_path.iterdir()
    path.write_bytes(b"{")
    [head] = heads.changed()
    assert (head.seq, head.hash, head.final, head.size) == (-1, GENESIS, True, 1)


def test_a_seal_far_from_the_end_is_found(tmp_path, chain, monkeypatch):
    """However much a crash has left behind it."""
    monkeypatch.setattr(sealed, "_STEP", 16)
    session, heads = chain(), Heads(tmp_path)
    session.write([{"n": 1}])
    [path] = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"text":"' + b"x" * 5000)
    assert [head.seq for head in heads.changed()] == [2]


def test_one_chain_is_left_out_and_other_files_do_not_matter(tmp_path, chain):
    """The keeper's own chain is signed for by itself."""
    mine, other = chain("gateway"), chain("w1")
    mine.write([{"n": 1}])
    other.write([{"n": 1}])
    (tmp_path / "notes.txt").write_text("x")
    assert [head.chain for head in Heads(tmp_path).changed(but=mine.chain.name)] == [other.chain.name]


def test_checkpoints_alone_are_no_news(tmp_path, chain):
    """Two keepers would tell of each other's telling for ever; what comes with or after them is told."""
    session, heads = chain(), Heads(tmp_path)
    session.write([{"event": "exchange"}])
    assert len(heads.changed()) == 1
    session.write([{"event": "checkpoint", "chains": []}])
    session.write([{"event": "checkpoint", "chains": []}])
    assert heads.changed() == ()
    session.write([{"event": "exchange"}])
    assert [head.seq for head in heads.changed()] == [8]
    session.write([{"event": "checkpoint", "chains": []}, {"event": "exchange"}])
    assert [head.seq for head in heads.changed()] == [11]
    session.write([{"event": "checkpoint", "chains": []}])
    session.close()
    assert [(head.seq, head.final) for head in heads.changed()] == [(15, True)]
