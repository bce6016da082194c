"""Ships the sealed lines of a trail to its sinks: each in a thread of its own, so that none slows another.

    shipper = Shipper(directory, build_sinks(settings, os.environ))
    shipper.start()
    ...
    shipper.failed          # ("archive",): a required sink is too far behind; --fail-mode decides
    shipper.stop(10.0)      # after the writers have closed

What a sink is given is what stands in the segments, byte for byte, from one seal to another; in order for each chain,
at least once. Of several processes with one directory one ships; when it ends, the next goes on.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.trail.cursor import FOLDER
from extproc.edge.trail.delivery import Delivery, Status
from extproc.edge.trail.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from extproc.edge.trail.sinks.sink import Sink

POLL_SECONDS = 0.2
_LOCK = "lock"


class Shipper:
    """Follows the segments of one directory, those of dead chains and those to come included."""

    def __init__(self, directory: Path, sinks: Sequence[Sink]) -> None:
        self._directory = directory
        self._watch = Watch(directory)
        self._deliveries = {sink.settings.name: Delivery(directory, sink) for sink in sinks}
        self._max_lag = {sink.settings.name: sink.settings.max_lag for sink in sinks if sink.settings.required}
        self._thread = threading.Thread(target=self._poll, name="audit-watch", daemon=True)
        self._stopping = threading.Event()
        self._lock = -1
        self._begun: set[str] = set()
        self._seen_any = False
        self._blind_since: float | None = None

    def start(self) -> None:
        """Begin; without sinks there is nothing to do."""
        if self._deliveries:
            self._thread.start()

    def stop(self, seconds: float) -> tuple[str, ...]:
        """Deliver what is sealed by now, for so long at the most; the names of the sinks that have not got it all.

        Waits; call it in a thread when there is an event loop.
        """
        if not self._thread.is_alive():
            return ()
        deadline = time.monotonic() + seconds
        self._stopping.set()
        self._thread.join(seconds)
        if self._lock < 0:
            # Another process ships, or there is no trail.
            return ()
        self._look(whole=True)
        begun = [self._deliveries[name] for name in sorted(self._begun)]
        for delivery in begun:
            delivery.finish(deadline)
        left = {delivery.name for delivery in begun if not delivery.join()} | (self._deliveries.keys() - self._begun)
        os.close(self._lock)
        return tuple(sorted(left))

    def status(self) -> tuple[Status, ...]:
        """How each sink is doing."""
        found = (delivery.status() for delivery in self._deliveries.values())
        if self._lock < 0:
            return tuple(replace(status, last_error="not shipped by this process") for status in found)
        return tuple(found)

    @property
    def failed(self) -> tuple[str, ...]:
        """The required sinks that are further behind than they may be. A process that does not ship knows of none."""
        blind = 0.0 if self._blind_since is None else time.monotonic() - self._blind_since
        return tuple(name for name, lag in self._max_lag.items() if self._deliveries[name].overdue or blind > lag)

    @property
    def delivered(self) -> Mapping[str, int] | None:
        """How many bytes of each segment every required sink has; None when none is required."""
        if not self._max_lag:
            return None
        first, *others = (self._deliveries[name].delivered for name in self._max_lag)
        return {name: min(size, *(other.get(name, 0) for other in others), size) for name, size in first.items()}

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(POLL_SECONDS)

    def _look(self, *, whole: bool = False) -> None:
        try:
            seen = self._watch.look(whole=whole) if self._ships() else None
        except Exception as error:  # noqa: BLE001 - this thread must not end: nothing would be shipped, and nobody know
            if self._blind_since is None:
                self._blind_since = time.monotonic()
                kind = error.strerror if isinstance(error, OSError) else type(error).__name__
                logs.get().warning("the audit trail cannot be followed", error=kind)
            return
        self._blind_since = None
        if seen is None:
            return
        if seen.grown or seen.gone or not self._seen_any:
            self._seen_any = True
            for delivery in self._deliveries.values():
                delivery.note(seen)

    def _ships(self) -> bool:
        """Whether this is the process that ships, and has begun to.

        Raises:
            OSError: the lock cannot be had, or a cursor not be read.
        """
        if self._lock < 0 and not self._acquire():
            return False
        for name in self._deliveries.keys() - self._begun:
            self._deliveries[name].start()
            self._begun.add(name)
        return True

    def _acquire(self) -> bool:
        folder = self._directory / FOLDER
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            return False  # The writer makes the directory.
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True
