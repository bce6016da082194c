"""Lines about removed segments."""

from __future__ import annotations

import orjson
import pytest

from extproc.audit import pruned
from extproc.audit.pruned import Removed

ONE = Removed("2026-01-01.w0.0123456789ab.000001.jsonl", 0, 9, "00" * 32, "2026-01-01T00:00:00.000000Z", 30)
TWO = Removed("2026-01-02.w0.0123456789ab.000002.jsonl", 10, 11, "11" * 32, "2026-01-02T00:00:00.000000Z", 30)


def test_what_is_told_is_read():
    """A line names what was removed, in order, and survives JSON."""
    line = orjson.loads(orjson.dumps(pruned.document([TWO, ONE], 0.0)))
    assert (line["event"], line["time"]) == ("pruned", "1970-01-01T00:00:00.000000Z")
    assert pruned.parse(line) == (ONE, TWO)


@pytest.mark.parametrize(
    "removed",
    [None, {}, [1], [{}], [{"segment": "x"}], "entry with a text for a number", "entry with a number for a text"],
)
def test_what_is_none_is_refused(removed):
    """A line that no gateway writes tells of nothing."""
    (entry,) = pruned.document([ONE], 0.0)["removed"]
    if isinstance(removed, str):
        removed = [{**entry, "last": "9"} if removed.endswith("number") else {**entry, "last_time": 9}]
    with pytest.raises(ValueError, match="pruned"):
        pruned.parse({"event": "pruned", "removed": removed})
