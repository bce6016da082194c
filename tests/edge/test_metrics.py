"""Metrics of several processes: added up, and no gauge of a process that is gone."""

import os
import subprocess
import sys

import pytest
from prometheus_client.core import GaugeMetricFamily

from extproc.edge import metrics

COUNTING = """
import sys
from extproc.edge.trail.meter import Meter
meter = Meter()
meter.committed(int(sys.argv[1]), 0.002)
meter.down(down=True)
meter.failed()
meter.flush()
"""


def counted(directory, *numbers):
    """The exposition after processes have counted in a directory and ended."""
    with metrics.shared(directory):
        for number in numbers:
            subprocess.run([sys.executable, "-c", COUNTING, str(number)], check=True)
        return metrics.exposition([GaugeMetricFamily("kt_now", "Known at the moment.", value=3)]).decode()


@pytest.mark.parametrize("before", [None, "/elsewhere"])
def test_what_stood_in_the_environment_stands_there_again(tmp_path, monkeypatch, before):
    """A process that is started later must not count in a directory that is gone."""
    if before is None:
        monkeypatch.delenv(metrics.DIRECTORY, raising=False)
    else:
        monkeypatch.setenv(metrics.DIRECTORY, before)
    with pytest.raises(KeyError), metrics.shared(tmp_path / "metrics"):
        raise KeyError
    assert os.environ.get(metrics.DIRECTORY) == before


def test_processes_are_added_up(tmp_path):
    """Counters of processes that have ended still count; a gauge of one that is gone says nothing any more."""
    lines = counted(tmp_path / "metrics", 3, 4).splitlines()
    assert "kt_audit_records_total 7.0" in lines
    assert "kt_audit_write_failures_total 2.0" in lines
    assert "kt_audit_batches_total 2.0" in lines
    assert not any(line.startswith("kt_audit_unwritable{") or line == "kt_audit_unwritable 1.0" for line in lines)
    assert "kt_now 3.0" in lines


def test_without_a_directory_there_is_what_is_given(monkeypatch):
    """A process that counts for itself alone."""
    monkeypatch.delenv(metrics.DIRECTORY, raising=False)
    told = metrics.exposition([GaugeMetricFamily("kt_now", "Known at the moment.", value=1)]).decode()
    assert told.splitlines()[-1] == "kt_now 1.0"
