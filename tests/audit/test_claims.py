"""What chains say of each other."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from extproc.audit import claims
from extproc.audit.chain import GENESIS
from extproc.audit.checkpoint import Head
from extproc.audit.report import Place


@pytest.fixture
def trail(trails, keys):
    """A trail that is vouched for."""
    return trails(signing=keys("signing"))


@pytest.fixture
def two(trail):
    """A gateway's chain and a worker's, the worker with two batches and closed."""
    gateway = trail.writer("gateway")
    worker = trail.writer("w0", supervisor=gateway.name)
    dice = random.Random(0)
    worker.exchanges(dice, 2)
    first = worker.head()
    worker.exchanges(dice, 2)
    second = worker.head()
    worker.close()
    return gateway, worker, first, second


def codes(trail, path, **options):
    """The codes of what is found."""
    return list(trail.report(path, **options).codes())


def test_heads_that_are_there(trail, two, tmp_path):
    """Every seal may be named, in any order, as often as one likes, before it is read and after."""
    gateway, worker, first, second = two
    gateway.checkpoint(second, worker.head(final=True))
    gateway.checkpoint(first, second)
    gateway.close()
    gateway.trail.report(tmp_path)
    assert codes(trail, tmp_path, closed=True, expected=[(first, Place("kept", 1))]) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hash": "00" * 32}, "fork"),
        ({"seq": 2}, "fork"),
        ({"segment": 2}, "fork"),
        ({"seq": 99}, "truncated"),
        ({"chain": "w1.000000000000"}, "chain-missing"),
        ({"seq": -5}, "segment-missing"),
    ],
)
def test_heads_that_are_not_there(trail, two, tmp_path, change, code):
    """What is named and is not there, or is another, is found; an auditor's own checkpoint does the same."""
    gateway, _, first, _ = two
    wrong = replace(first, **change)
    kept = {"expected": [(wrong, Place("kept.json", 1))]}
    assert codes(trail, tmp_path, **kept) == [code]
    gateway.checkpoint(wrong)
    gateway.close()
    assert codes(trail, tmp_path) == [code]


@pytest.mark.parametrize(
    ("change", "code"), [({"size": 1}, ["size"]), ({}, []), ({"seq": 3, "hash": "first"}, ["beyond-final"])]
)
def test_end_is_the_end(trail, two, tmp_path, change, code):
    """A chain of which nothing can follow any more ends with that seal, and its segment has that size."""
    gateway, worker, first, _ = two
    head = worker.head(final=True)
    if change.get("hash") == "first":
        change = {"seq": first.seq, "hash": first.hash}
    gateway.checkpoint(replace(head, **change))
    assert codes(trail, tmp_path) == code


def test_chain_that_was_never_sealed(trail, two, tmp_path):
    """A writer that died before its first seal can be named too: as long as it has none."""
    gateway, *_ = two
    dead = trail.writer("w1")
    trail.files[dead.file] = b'{"chain":"w1'
    never = Head(dead.name, 1, claims.NEVER, GENESIS, final=True, size=12)
    gateway.checkpoint(never)
    gateway.close()
    assert codes(trail, tmp_path, closed=True) == []
    trail.files[dead.file] += b"."
    assert "size" in codes(trail, tmp_path)
    again = trail.writer("w1")
    again.write()
    assert codes(trail, tmp_path) == ["beyond-final"]


def test_old_seals_are_looked_up(trail, two, tmp_path, monkeypatch):
    """A seal that is not remembered any more is read again: it is found when it is there, and missed when it is not."""
    gateway, _, first, _ = two
    monkeypatch.setattr(claims, "SEALS_KEPT", 1)
    gateway.now += 100
    gateway.checkpoint(first)
    assert codes(trail, tmp_path) == []
    gateway.checkpoint(replace(first, hash="00" * 32))
    assert codes(trail, tmp_path) == ["fork"]
    gateway.checkpoint(replace(first, seq=first.seq - 1))
    report = trail.report(tmp_path)
    assert [finding.text.rpartition(", ")[2] for finding in report.findings] == [
        "but with another hash or segment than the seal there has",
        "which is no seal",
    ]


def test_supervisor_must_be_there(trail, two, tmp_path):
    """The chain that is named as the one that watches over others is missed, though no checkpoint names it."""
    gateway, worker, *_ = two
    gateway.close()
    assert codes(trail, tmp_path) == []
    del trail.files[gateway.file]
    report = trail.report(tmp_path)
    assert [(finding.code, finding.place) for finding in report.findings] == [("chain-missing", f"{worker.file}:1")]


def test_session_that_was_continued(trail, tmp_path):
    """A session that another continues has an end, up to which all must be there; what was lost is counted."""
    failed = trail.writer("w0")
    failed.exchanges(random.Random(0), 1)
    resumed = {"chain": failed.name, "seq": failed.chain.seq - 1, "hash": failed.chain.head, "lost": 2}
    after = trail.writer("w0-again", resumed=resumed)
    after.write()
    after.close()
    report = trail.report(tmp_path, closed=True)
    assert report.findings == []
    assert report.totals.lost == 2
    assert [note.code for note in report.notes] == ["resumed", "crashed"]
    trail.files[failed.file] = trail.files[failed.file][:0]
    assert codes(trail, tmp_path) == ["truncated"]


def test_claims_of_a_made_up_chain_are_not_heard(trail, trails, two, tmp_path):
    """A chain that nobody vouches for is found, and what it says of others is not believed."""
    _, _, first, _ = two
    liar = trails()
    writer = liar.writer("liar")
    writer.checkpoint(replace(first, hash="00" * 32))
    trail.files.update(liar.files)
    assert codes(trail, tmp_path) == ["not-vouched"]
