"""Ships the sealed lines of a trail to its sinks: each in a thread of its own, so that none slows another.

    shipper = Shipper(directory, build_sinks(settings, os.environ))
    shipper.start()
    ...
    shipper.failed          # ("archive",): a required sink is too far behind; --fail-mode decides
    shipper.stop(10.0)      # after the writers have closed

What a sink is given is what stands in the segments, byte for byte, from one seal to another; in order for each chain,
at least once. One process ships a directory.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.trail.delivery import Delivery, Status
from extproc.edge.trail.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from extproc.edge.trail.sinks.sink import Sink

POLL_SECONDS = 0.2


class Shipper:
    """Follows the segments of one directory, those of dead chains and those to come included."""

    def __init__(self, directory: Path, sinks: Sequence[Sink]) -> None:
        """Raises OSError when a cursor cannot be read."""
        self._watch = Watch(directory)
        self._deliveries = {sink.settings.name: Delivery(directory, sink) for sink in sinks}
        self._max_lag = {sink.settings.name: sink.settings.max_lag for sink in sinks if sink.settings.required}
        self._required = tuple(self._max_lag)
        self._thread = threading.Thread(target=self._poll, name="audit-watch", daemon=True)
        self._stopping = threading.Event()
        self._blind_since: float | None = None
        self._seen_any = False

    def start(self) -> None:
        """Begin; without sinks there is nothing to do."""
        for delivery in self._deliveries.values():
            delivery.start()
        if self._deliveries:
            self._thread.start()

    def stop(self, seconds: float) -> tuple[str, ...]:
        """Deliver what is sealed by now, for so long at the most; the names of the sinks that have not got it all.

        Waits; call it in a thread when there is an event loop.
        """
        if not self._deliveries:
            return ()
        deadline = time.monotonic() + seconds
        self._stopping.set()
        self._thread.join(seconds)
        self._look(whole=True)
        for delivery in self._deliveries.values():
            delivery.finish(deadline)
        return tuple(name for name, delivery in self._deliveries.items() if not delivery.join())

    def status(self) -> tuple[Status, ...]:
        """How each sink is doing."""
        return tuple(delivery.status() for delivery in self._deliveries.values())

    @property
    def failed(self) -> tuple[str, ...]:
        """The required sinks that are further behind than they may be."""
        blind = 0.0 if self._blind_since is None else time.monotonic() - self._blind_since
        return tuple(name for name in self._required if self._deliveries[name].overdue or blind > self._max_lag[name])

    @property
    def delivered(self) -> Mapping[str, int] | None:
        """How many bytes of each segment every required sink has; None when none is required."""
        if not self._required:
            return None
        first, *others = (self._deliveries[name].delivered for name in self._required)
        return {
            name: min(size, *(other.get(name, 0) for other in others)) if others else size
            for name, size in first.items()
        }

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(POLL_SECONDS)

    def _look(self, *, whole: bool = False) -> None:
        try:
            seen = self._watch.look(whole=whole)
        except OSError as error:
            if self._blind_since is None:
                self._blind_since = time.monotonic()
                logs.get().warning("the audit trail cannot be read", error=error.strerror)
            return
        self._blind_since = None
        if seen.grown or seen.gone or not self._seen_any:
            self._seen_any = True
            for delivery in self._deliveries.values():
                delivery.note(seen)
