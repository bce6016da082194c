"""Lines out of chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.source import LineTooLong, lines


@given(st.lists(st.sampled_from([b"", b"a", b"\n", b"bc\n", b"\n\n", b"\r\n"])))
def test_lines_do_not_depend_on_chunks(chunks):
    """However bytes are cut into chunks, the lines, their offsets and the torn end are the same."""
    data = b"".join(chunks)
    expected = []
    offset = 0
    for line in data.split(b"\n"):
        whole = offset + len(line) < len(data)
        if line or whole:
            expected.append((offset, line, whole))
        offset += len(line) + 1
    assert list(lines(chunks)) == expected


@pytest.mark.parametrize("chunks", [[b"ab\n", b"cdefg\n"], [b"ab\ncd", b"ef", b"g"], [b"ab\ncdefg"]])
def test_long_line_ends_the_reading(chunks):
    """A line over the limit is refused with its offset, after the lines before it, whether or not it ends."""
    found = lines(chunks, limit=4)
    assert next(found) == (0, b"ab", True)
    with pytest.raises(LineTooLong) as raised:
        next(found)
    assert raised.value.offset == 3
