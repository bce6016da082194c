"""How records come together in batches: what waits for what, and for how long."""

from dataclasses import replace

import pytest

from extproc.config.runtime import AuditSettings
from extproc.edge.trail import writer
from extproc.edge.trail.writer import Trail


@pytest.fixture
def opened(tmp_path):
    """Makes trails and closes them."""
    made = []

    def build(**settings):
        trail = Trail(replace(AuditSettings(path=tmp_path), **settings), "w0", {})
        trail.start()
        made.append(trail)
        return trail

    yield build
    for trail in made:
        trail.close()


def record(number):
    """Something to keep."""
    return {"event": "exchange", "n": number}


@pytest.fixture
def naps(monkeypatch):
    """The seconds that the trail's thread has slept for, one after the other; it does not really."""
    taken = []
    monkeypatch.setattr(writer.time, "sleep", taken.append)
    return taken


def test_without_immutable_batches_gather(opened, naps):
    """Nobody waits for them: few large ones cost least."""
    trail = opened(immutable=False)
    trail.put(record(1))
    while not naps:
        pass
    assert naps == [writer.LAZY_SECONDS]
