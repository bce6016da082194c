"""Checkpoints: what they name can be read from them, and nothing else can."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import checkpoint
from extproc.audit.checkpoint import Head

HEADS = st.builds(
    lambda chain, segment, seq, hashed, size: Head(chain, segment, seq, hashed, final=size > 0, size=size),
    st.text("abc.", max_size=4),
    st.integers(1, 9),
    st.integers(0, 99),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 9),
)


@given(st.lists(HEADS, max_size=6))
def test_what_is_named_is_read(heads):
    """A checkpoint's line names the heads it was made of, in a fixed order, and survives JSON."""
    line = orjson.loads(orjson.dumps(checkpoint.document(heads, 0.0)))
    assert line["event"] == "checkpoint"
    assert checkpoint.heads(line) == tuple(sorted(heads))
    assert line == checkpoint.document(reversed(heads), 0.0)


def test_size_stands_with_the_end_only():
    """A chain that goes on has neither `final` nor `size`."""
    line = checkpoint.document([Head("a", 1, 2, "00"), Head("b", 1, 2, "00", final=True, size=9)], 0.0)
    assert [sorted(entry) for entry in line["chains"]] == [
        ["chain", "hash", "segment", "seq"],
        ["chain", "final", "hash", "segment", "seq", "size"],
    ]


ENTRY = {"chain": "a", "segment": 1, "seq": 2, "hash": "00"}


@pytest.mark.parametrize(
    "chains",
    [
        None,
        {},
        [1],
        [{}],
        [{**ENTRY, "more": 1}],
        [{**ENTRY, "seq": "2"}],
        [{**ENTRY, "seq": True}],
        [{**ENTRY, "chain": None}],
        [{**ENTRY, "final": 1, "size": 3}],
        [ENTRY],
    ],
)
def test_what_is_none_is_refused(chains):
    """A line that no gateway writes, or whose root is another, is no checkpoint."""
    with pytest.raises(ValueError, match="checkpoint"):
        checkpoint.heads({"event": "checkpoint", "chains": chains, "root": "00" * 32})
