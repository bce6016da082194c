"""Whether a segment's writer lives, as any other process sees it."""

import pytest

from extproc.edge.trail import lock
from extproc.edge.trail.session import Session


def test_a_segment_is_held_as_long_as_its_writer_lives(tmp_path):
    """From the moment it has its name to the end of the session; asking does not disturb."""
    session = Session(tmp_path, "w0", {}, voucher=None, segment_bytes=10**9, durable=False)
    session.write([{"event": "exchange"}])
    [path] = tmp_path.iterdir()
    assert lock.held(path)
    assert lock.held(path)
    session.close()
    assert not lock.held(path)


def test_a_file_that_is_gone_is_an_error(tmp_path):
    """Removed in the moment: the caller knows what that means."""
    with pytest.raises(FileNotFoundError):
        lock.held(tmp_path / "none")
