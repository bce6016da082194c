"""Trails on disk."""

from __future__ import annotations

import random
import threading
from itertools import accumulate, pairwise

import pytest

from extproc.audit.report import Report
from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing

NAME = "2026-03-01.w0.0123456789ab.000001.jsonl"


def listed(path):
    """The listing, and the places and codes of what does not belong there."""
    report = Report()
    listing = Listing(path, report)
    return listing, [(finding.place, finding.code) for finding in report.findings]


def content(source, *skip):
    """A segment's bytes."""
    return b"".join(source.chunks(*skip))


def test_segments_of_a_directory(tmp_path):
    """Each segment is listed with its name, size and bytes."""
    (tmp_path / NAME).write_bytes(b"x" * 1_000_000)
    listing, found = listed(tmp_path)
    (source,) = listing.sources
    assert (source.name, source.size, source.claims_until, found) == (NAME, 1_000_000, 1_000_000, [])
    assert content(source) == b"x" * 1_000_000
    assert not listing.alone


def test_only_what_was_listed_is_read(tmp_path):
    """A file that grows is read as far as it was when it was listed."""
    (tmp_path / NAME).write_bytes(b"abc")
    (source,) = Listing(tmp_path).sources
    (tmp_path / NAME).write_bytes(b"abcdef")
    assert content(source) == b"abc"


@pytest.mark.parametrize(
    "name",
    ["notes.txt", f"{NAME}.bak", f".{NAME}", NAME.replace("000001", "0000001"), NAME.replace("-01.", "-1.")],
)
def test_foreign_files(tmp_path, name):
    """What is not named exactly as a segment is found, and not read."""
    (tmp_path / name).write_bytes(b"x")
    listing, found = listed(tmp_path)
    assert (listing.sources, found) == ([], [(name, "foreign-file")])


def test_cursors_of_sinks_are_no_part_of_the_trail(tmp_path):
    """The folder in which sinks keep how far they have come is passed over; what else is in it is found."""
    folder = tmp_path / ".delivered"
    folder.mkdir()
    for name in ("s3.json", "s3.new", "notes.txt"):
        (folder / name).write_bytes(b"x")
    listing, found = listed(tmp_path)
    assert (listing.sources, found) == ([], [(".delivered/notes.txt", "foreign-file")])


def test_links_are_foreign(tmp_path):
    """A symbolic link is no segment: what it points to can be changed without the trail."""
    trail = tmp_path / "trail"
    trail.mkdir()
    (tmp_path / "elsewhere").write_bytes(b"x")
    (trail / NAME).symlink_to(tmp_path / "elsewhere")
    assert listed(trail)[1] == [(NAME, "foreign-file")]


def test_pieces_are_a_segment(tmp_path):
    """A folder of pieces, as they are uploaded, is read as the segment that they make."""
    folder = tmp_path / NAME
    folder.mkdir()
    for offset, data in ((0, b"abc"), (3, b"defg"), (7, b"h")):
        (folder / f"{offset:012d}.jsonl").write_bytes(data)
    listing, found = listed(tmp_path)
    (source,) = listing.sources
    assert (source.name, source.size, found) == (NAME, 8, [])
    assert [content(source, skip) for skip in (0, 2, 3, 5, 8)] == [b"abcdefgh", b"cdefgh", b"defgh", b"fgh", b""]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), [(NAME, "pieces")]),
        (("000000000003.jsonl",), [(f"{NAME}/000000000003.jsonl", "pieces")]),
        (("000000000000.jsonl", "000000000002.jsonl"), [(f"{NAME}/000000000002.jsonl", "pieces")]),
        (("000000000000.jsonl", "000000000004.jsonl"), [(f"{NAME}/000000000004.jsonl", "pieces")]),
        (("000000000000.jsonl", "notes.txt"), [(f"{NAME}/notes.txt", "foreign-file")]),
    ],
)
def test_pieces_that_do_not_fit(tmp_path, names, expected):
    """A piece that is missing, is there twice, or is none, is found."""
    folder = tmp_path / NAME
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"abc")
    assert listed(tmp_path)[1] == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_pieces_of_a_whole_trail_verify(realistic_trail, tmp_path, seed):
    """A trail whose segments were downloaded in pieces, cut at seals, is whole; without one of them it is not."""
    trail = realistic_trail(seed)
    dice = random.Random(seed)
    pieces = []
    for name, data in trail.files.items():
        (tmp_path / name).mkdir()
        lines = data.splitlines(keepends=True)
        ends = list(accumulate(map(len, lines)))
        seals = [end for end, line in zip(ends, lines, strict=True) if b'"event":"seal"' in line]
        # What a crash left behind the last seal is not uploaded.
        for begin, end in pairwise(sorted({0, seals[-1], *dice.choices(seals, k=2)})):
            piece = tmp_path / name / f"{begin:012d}.jsonl"
            piece.write_bytes(data[begin:end])
            pieces.append(piece)
    report = verify(Listing(tmp_path).sources, [trail.signing.public], closed=True)
    assert (report.findings, report.totals.chains) == ([], 7)
    dice.choice(pieces).unlink()
    report = Report()
    assert not verify(Listing(tmp_path, report).sources, [trail.signing.public], closed=True, report=report).whole


def test_one_segment_alone(tmp_path):
    """A segment can be listed by its own path, as a file or as a folder of pieces."""
    (tmp_path / NAME).write_bytes(b"abc")
    listing, _ = listed(tmp_path / NAME)
    assert (listing.alone, [source.name for source in listing.sources]) == (True, [NAME])
    folder = tmp_path / "pieces" / NAME
    folder.mkdir(parents=True)
    (folder / "000000000000.jsonl").write_bytes(b"abc")
    listing, _ = listed(folder)
    assert (listing.alone, [content(source) for source in listing.sources]) == (True, [b"abc"])


def test_what_is_no_trail(tmp_path):
    """A path that does not exist, or is a file of another kind, cannot be listed."""
    (tmp_path / "notes.txt").write_bytes(b"x")
    for name in ("missing", "notes.txt"):
        with pytest.raises(OSError, match=name):
            Listing(tmp_path / name)


def test_trail_is_whole_while_it_is_written(trails, keys, tmp_path):
    """Read again and again while writers append, rotate and are named in checkpoints, a trail gives no alarm."""
    trail, dice = trails(signing=keys("signing")), random.Random(0)
    gateway = trail.writer("gateway")
    workers = [trail.writer(f"w{index}", supervisor=gateway.name) for index in range(2)]
    written = dict.fromkeys(trail.files, 0)
    stop = threading.Event()

    def save():
        for name, data in trail.files.items():
            with (tmp_path / name).open("ab") as file:
                file.write(data[written.get(name, 0) :])
            written[name] = len(data)

    def write():
        turn = 0
        # A pause each turn: else the trail grows faster than a slow machine can read it.
        while not stop.wait(0.005):
            turn += 1
            for worker in workers:
                if turn % 7 == 0:
                    worker.rotate()
                worker.exchanges(dice, 2)
                save()
            gateway.checkpoint(*(worker.head() for worker in workers))
            save()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        lines = []
        while len(lines) < 60:
            report = Report()
            verify(Listing(tmp_path, report).sources, [trail.signing.public], report=report)
            if report.totals.chains == 3:
                assert report.findings == []
                lines.append(report.totals.lines)
    finally:
        stop.set()
        thread.join()
    assert lines == sorted(lines)
    assert lines[-1] > lines[0]
