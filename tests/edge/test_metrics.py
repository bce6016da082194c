"""Counts of several processes: added up, kept when one has gone, and told in the Prometheus text format."""

import asyncio
import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from extproc.edge import metrics
from extproc.edge.metrics import Publisher, Totals, exposition
from extproc.metrics.families import ATTEMPTS, EXCHANGES, LOOP_LAG, OPEN, PROCESSING_SECONDS
from extproc.metrics.tally import Tally

COUNTING = """
import pathlib, sys
from extproc.edge.metrics import Publisher
from extproc.metrics.families import ATTEMPTS, OPEN
from extproc.metrics.tally import Tally
tally = Tally()
publisher = Publisher(tally, pathlib.Path(sys.argv[1]))
tally.cell(ATTEMPTS, "east", "us-east-1", "success")[0] += int(sys.argv[2])
tally.set(OPEN, 3)
publisher.publish()
if sys.argv[3:]:
    print("published", flush=True)
    sys.stdin.read()
"""
KEY = ("east", "us-east-1", "success")


@pytest.fixture
def directory(tmp_path):
    """Where processes put their counts."""
    return tmp_path / "metrics"


def process(directory, number, *options):
    """One that counts so many attempts."""
    command = [sys.executable, "-c", COUNTING, str(directory), str(number), *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def samples(text):
    """Value by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.items())] = sample.value
    return found


def test_processes_are_added_up(directory):
    """What one has counted stays when it is gone, its gauges do not; and it is counted once."""
    totals = Totals(directory)
    with process(directory, 3) as gone:
        assert gone.wait(60) == 0
    with process(directory, 4, "stay") as alive:
        assert alive.stdout.readline() == "published\n"
        own = Tally()
        own.cell(ATTEMPTS, *KEY)[0] += 10
        for _ in range(2):
            total = totals.sum(own)
            assert total.cell(ATTEMPTS, *KEY) == [17.0]
            assert total.cell(OPEN) == [3.0]
        alive.stdin.close()
    assert totals.sum().cell(ATTEMPTS, *KEY) == [7.0]
    assert totals.sum().cell(OPEN) == [0.0]


def test_what_a_process_leaves_is_taken_over(directory):
    """There would be a file for each reload and each crash."""
    totals = Totals(directory)
    for _ in range(2):
        with process(directory, 5) as gone:
            assert gone.wait(60) == 0
    assert len(list(directory.iterdir())) == 2
    totals.fold()
    assert list(directory.iterdir()) == []
    assert totals.sum().cell(ATTEMPTS, *KEY) == [10.0]


def test_a_file_that_is_no_counts_is_left_alone(directory):
    """Whatever else stands there, and whatever happened to one."""
    totals = Totals(directory)
    (directory / "notes.txt").write_text("x")
    (directory / "1.00000000.json").write_text("{")
    (directory / f"{os.getpid()}.00000000.new").write_text("{")
    assert list(totals.sum()) == []
    assert len(list(directory.iterdir())) == 3


def test_what_a_process_was_writing_when_it_was_killed_goes(directory):
    """It is half of something."""
    totals = Totals(directory)
    with process(directory, 1) as gone:
        assert gone.wait(60) == 0
    (directory / f"{gone.pid}.00000000.new").write_text("{")
    totals.fold()
    assert list(directory.iterdir()) == []


def test_counts_are_published_while_a_process_lives_and_when_it_ends(directory, monkeypatch):
    """With the gauges as they are at the moment."""
    monkeypatch.setattr(metrics, "PUBLISH_SECONDS", 0.01)
    totals, tally, looks = Totals(directory), Tally(), []

    def look():
        looks.append(1)
        tally.set(OPEN, len(looks))

    async def play():
        publisher = Publisher(tally, directory, look)
        publisher.start()
        async with asyncio.timeout(20):
            while totals.sum().cell(OPEN)[0] < 3:  # noqa: ASYNC110 - a file is looked at
                await asyncio.sleep(0.005)
        tally.cell(ATTEMPTS, *KEY)[0] += 1
        await publisher.stop()
        before = len(looks)
        await asyncio.sleep(0.05)
        return before == len(looks)

    assert asyncio.run(play())
    assert totals.sum().cell(ATTEMPTS, *KEY) == [1.0]
    assert len(list(directory.iterdir())) == 1


def test_how_late_the_loop_is_is_told(directory, monkeypatch):
    """Something that blocks it is seen."""
    monkeypatch.setattr(metrics, "PUBLISH_SECONDS", 0.01)
    totals, tally = Totals(directory), Tally()

    async def play():
        publisher = Publisher(tally, directory)
        publisher.start()
        await asyncio.sleep(0)
        subprocess.run(["sleep", "0.2"], check=True)  # noqa: ASYNC221 - it is to block
        async with asyncio.timeout(20):
            while tally.cell(LOOP_LAG)[0] < 0.1:  # noqa: ASYNC110 - a number is looked at
                await asyncio.sleep(0)
        await publisher.stop()

    asyncio.run(play())
    assert totals.sum().cell(LOOP_LAG)[0] >= 0.1


def test_without_a_directory_nothing_is_written(tmp_path):
    """Who serves its own counts only keeps its gauges up to date."""
    tally = Tally()
    Publisher(tally, None, lambda: tally.set(OPEN, 2)).publish()
    assert tally.cell(OPEN) == [2.0]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_costs_nobody_anything(tmp_path):
    """The counts are told again as soon as it is there."""
    tally, directory = Tally(), tmp_path / "metrics"
    publisher = Publisher(tally, directory)
    tally.cell(ATTEMPTS, *KEY)[0] += 1
    publisher.publish()
    totals = Totals(directory)
    assert list(totals.sum()) == []
    publisher.publish()
    assert totals.sum().cell(ATTEMPTS, *KEY) == [1.0]


def test_a_directory_that_was_tidied_away_is_no_fault(directory):
    """What is known already is told."""
    totals = Totals(directory)
    with process(directory, 3) as gone:
        assert gone.wait(60) == 0
    totals.fold()
    directory.rmdir()
    assert totals.sum().cell(ATTEMPTS, *KEY) == [3.0]


def test_the_text_is_as_prometheus_reads_it():
    """By its own parser: counters with _total, gauges, histograms whose buckets are cumulative; labels are escaped."""
    tally = Tally()
    values = ("chat/completions", 'a"b\\\n', "east", "served", "200")
    tally.cell(EXCHANGES, *values)[0] += 2
    tally.set(OPEN, 5)
    cell = tally.cell(PROCESSING_SECONDS, "request")
    for seconds in (0.0001, 0.0004, 0.3, 7.0):
        PROCESSING_SECONDS.observe(cell, seconds)
    found = samples(exposition(tally))
    labels = {
        "endpoint": "chat/completions",
        "model": 'a"b\\\n',
        "target": "east",
        "outcome": "served",
        "status": "200",
    }
    assert found["kt_exchanges_total", *sorted(labels.items())] == 2
    assert found["kt_exchanges_open",] == 5
    buckets = {dict(key[1:])["le"]: value for key, value in found.items() if key[0] == "kt_processing_seconds_bucket"}
    assert (buckets["0.0001"], buckets["0.0005"], buckets["0.5"], buckets["1.0"], buckets["+Inf"]) == (1, 2, 3, 3, 4)
    assert found["kt_processing_seconds_count", ("phase", "request")] == 4
    assert found["kt_processing_seconds_sum", ("phase", "request")] == pytest.approx(7.3005)
