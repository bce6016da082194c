"""Chains side by side."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merge
from extproc.audit.merge import side_by_side
from extproc.audit.segment import Segment
from extproc.audit.source import Source


@dataclass(frozen=True, slots=True)
class One:
    """Something with a time."""

    time: str


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("123456")).map(sorted)))
def test_all_in_order_of_time(chains):
    """Chains that are in order are in order together; each ends once, after all that it gives."""
    given_ = {name: (times[0] if times else "0", iter(list(map(One, times)))) for name, times in chains.items()}
    merged = list(side_by_side(given_))
    times = [one.time for _, one in merged if one is not None]
    assert times == sorted(time for own in chains.values() for time in own)
    for name, own in chains.items():
        assert [one and one.time for chain, one in merged if chain == name] == [*own, None]


def test_chain_is_not_begun_before_its_time():
    """A chain is asked for nothing while all that comes before it has not been given."""
    begun = []

    def late():
        begun.append(True)
        yield One("5")

    merged = side_by_side({"a": ("1", iter([One("1"), One("4"), One("9")])), "b": ("5", late())})
    assert next(merged)[1].time == "1"
    assert not begun
    assert [one.time for _, one in merged if one] == ["4", "5", "9"]


def test_begin_of_a_segment():
    """A segment begins at its first line's time; when that cannot be read, on the day in its name."""

    def source(data):
        return Source(Segment("w.0", 1, "2026-03-01"), "name", len(data), lambda: iter([data]))

    assert merge.begin(source(b'{"time":"2026-03-01T01:00:00Z"}\n')) == "2026-03-01T01:00:00Z"
    for data in (b"", b"nonsense\n", b'{"time":1}\n', b"x" * (2**25 + 1)):
        assert merge.begin(source(data)) == "2026-03-01"
