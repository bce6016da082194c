"""Metrics in the Prometheus text format: every process counts for itself, the supervisor adds them up.

A worker puts its counts into a file of its own once a second, and when it ends; one that is killed takes the last
second's with it. Counting is then an addition in memory, and prometheus_client, which only writes the text, is loaded
by who is asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
import time
from secrets import token_hex
from typing import TYPE_CHECKING

import orjson

from extproc.metrics.families import LOOP_LAG
from extproc.metrics.family import COUNTER, HISTOGRAM
from extproc.metrics.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from prometheus_client.core import Metric

    from extproc.metrics.family import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# How old what is told of a worker may be.
PUBLISH_SECONDS = 1.0

_FILE_OF = re.compile(r"(\d+)\.[0-9a-f]{8}\.(?:json|new)")


class Publisher:
    """Keeps a process's counts in its file in `directory`; `look` brings the gauges up to date before each writing.

    Without a directory it only does that.
    """

    def __init__(self, tally: Tally, directory: Path | None, look: Callable[[], None] = lambda: None) -> None:
        self._tally = tally
        self._path = None if directory is None else directory / f"{os.getpid()}.{token_hex(4)}.json"
        self._look = look
        self._task: asyncio.Task[None] | None = None
        self._lag = 0.0

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name="metrics")

    async def stop(self) -> None:
        """Write once more, and no more after that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.publish()

    def publish(self) -> None:
        """Write now. A directory that is gone, or full, costs a second's counts until the next time."""
        self._look()
        self._tally.set(LOOP_LAG, self._lag)
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_bytes(orjson.dumps(self._tally.snapshot()))
            fresh.replace(self._path)

    async def _keep(self) -> None:
        while True:
            self.publish()
            before = time.monotonic()
            await asyncio.sleep(PUBLISH_SECONDS)
            self._lag = max(0.0, time.monotonic() - before - PUBLISH_SECONDS)


class Totals:
    """The counts of all processes that have their files in a directory, of past ones too."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._past = Tally()
        self._lock = threading.Lock()

    def sum(self, *own: Tally) -> Tally:
        """All of them, and those that are given."""
        total = Tally()
        with self._lock:
            for path, process in self._files():
                # Looked at before it is read: what it wrote at its end is there then.
                alive = _alive(process)
                if path.suffix == ".new":
                    # Half of one that was killed.
                    if not alive:
                        path.unlink(missing_ok=True)
                    continue
                try:
                    counted = orjson.loads(path.read_bytes())
                except (OSError, ValueError):
                    continue
                if alive:
                    total.add(counted)
                else:
                    self._past.add(counted, alive=False)
                    path.unlink(missing_ok=True)
            total.add(self._past.snapshot())
        for tally in own:
            total.add(tally.snapshot())
        return total

    def fold(self) -> None:
        """Take over what processes have left that are gone: their files would become many."""
        self.sum()

    def _files(self) -> Iterator[tuple[Path, int]]:
        paths: list[Path] = []
        # Somebody may tidy the directory for temporary files.
        with contextlib.suppress(OSError):
            paths = list(self._directory.iterdir())
        for path in paths:
            if match := _FILE_OF.fullmatch(path.name):
                yield path, int(match[1])


def exposition(tally: Tally) -> bytes:
    """The counts as text."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see the module's docstring

    registry = CollectorRegistry()
    registry.register(_Given(tally))
    return generate_latest(registry)


class _Given:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        for family, cells in self._tally:
            yield _metric(family, cells)


def _metric(family: Family, cells: list[tuple[tuple[str, ...], list[float]]]) -> Metric:
    from prometheus_client.core import (  # noqa: PLC0415 - as above
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.utils import floatToGoString  # noqa: PLC0415 - as above

    if family.kind == HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, (*counts, total) in cells:
            reached = 0.0
            buckets = []
            for bound, count in zip((*family.buckets, float("inf")), counts, strict=True):
                reached += count
                buckets.append((floatToGoString(bound), reached))  # type: ignore[no-untyped-call]  # theirs
            histogram.add_metric(labels, buckets, total)
        return histogram
    kind = CounterMetricFamily if family.kind == COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, (value,) in cells:
        metric.add_metric(labels, value)
    return metric


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
