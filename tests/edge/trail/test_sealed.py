"""Where a segment's sealed part ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.edge.trail import sealed

LINE = b'{"chain":"w0.0123456789ab","seq":%d,"prev":"' + b"0" * 64 + b'","time":"2026-02-03T12:00:0%dZ",%s}\n'


def line(number, rest=b'"event":"exchange"'):
    """An ordinary line."""
    return LINE % (number, number, rest)


def seal(number):
    """A seal."""
    return line(number, b'"event":"seal","count":1,"sig":"x"')


LOOKALIKES = [
    b'"event":"exchange","detail":"\\",\\"event\\":\\"seal\\","',
    b'"event":"exchange","headers":{"a":1,"event":"seal","b":2}',
    b'"event":"sealed"',
]


@pytest.mark.parametrize("rest", LOOKALIKES)
def test_only_seals_count(rest):
    """A line that holds the word, or such a member deeper inside, is no seal."""
    fake = line(2, rest)
    json.loads(fake)
    data = seal(1) + fake
    assert sealed.last_end(data) == len(seal(1))
    assert sealed.first_end(fake + seal(3)) == len(fake + seal(3))
    assert sealed.last_end(fake) == sealed.first_end(fake) == 0


@given(st.lists(st.sampled_from([line(1), seal(2), line(3, LOOKALIKES[1])]), max_size=8), st.integers(0, 2000))
def test_every_cut_ends_at_a_seal(lines, cut):
    """Wherever bytes break off, the last end is the last whole seal's, and the first end the first's."""
    data = b"".join(lines)[:cut]
    whole = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
    ends = [len(b"".join(whole[: index + 1])) for index, each in enumerate(whole) if each == seal(2)]
    assert sealed.last_end(data) == (ends[-1] if ends else 0)
    assert sealed.first_end(data) == (ends[0] if ends else 0)


def test_last_time():
    """The newest time is the last seal's."""
    assert sealed.last_time(seal(1) + line(2) + seal(3) + line(4)) == "2026-02-03T12:00:03Z"
    assert sealed.last_time(line(1)) == ""


@pytest.mark.parametrize("large", [0, 100, 65_536, 600_000])
@pytest.mark.parametrize("tail", [b"", b'{"chain":"w0', b"x" * 200_000])
def test_the_last_seal_is_found_from_behind(tmp_path, large, tail):
    """However much stands behind it or before it."""
    path = tmp_path / "s"
    before = line(1, b'"event":"exchange","pad":"' + b"x" * large + b'"')
    path.write_bytes(before + seal(2) + tail)
    assert sealed.last_seal(path) == (seal(2)[:-1], len(before + seal(2)))


@pytest.mark.parametrize("data", [b"", b"\n", line(1), b"\0" * 70_000])
def test_without_a_seal_there_is_none(tmp_path, data):
    """A segment that a crash left before its first seal has none."""
    path = tmp_path / "s"
    path.write_bytes(data)
    assert sealed.last_seal(path) is None


@pytest.mark.parametrize("data", [b"", b"[]\n", b"{", line(1)])
def test_what_is_no_opening_says_nothing(tmp_path, data):
    """Only a line that opens a segment is its header."""
    path = tmp_path / "s"
    path.write_bytes(data)
    assert sealed.opened(path) == {}


def test_the_opening_is_read(trail, directory):
    """A segment's first line says how long it is kept."""
    writing = trail.Writing(directory, days=30)
    writing.batch()
    assert sealed.opened(writing.paths[0])["retention_days"] == 30
