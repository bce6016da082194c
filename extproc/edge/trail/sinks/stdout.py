"""Standard output: the lines as they are, for whoever collects the logs of containers."""

from __future__ import annotations

import errno
import os
import select
from typing import TYPE_CHECKING

from extproc.edge.trail.sinks.sink import Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.sink_settings import StdoutSettings
    from extproc.edge.trail.piece import Piece

# As much as Linux's pipes take at once by default; what a slow reader has not taken yet waits here, not in memory.
_WRITE = 65_536


class Stdout:
    """Writes to a descriptor, whole lines only.

    A piece that was broken off is continued where it was. When another comes first, the half line is ended, and the
    piece is written again later.
    """

    rejected = 0

    def __init__(self, settings: StdoutSettings, _environ: Mapping[str, str], descriptor: int = 1) -> None:
        self.settings = settings
        self._descriptor = descriptor
        self._begun: tuple[str, int] = ("", 0)
        self._written = 0
        self._torn = False

    def prepare(self) -> None:
        """Nothing has to be."""

    def deliver(self, piece: Piece) -> int:
        """Write it.

        Raises:
            Undelivered: the reader is gone, or the device takes no more.
        """
        if self._begun != (piece.path.name, piece.offset):
            if self._torn:
                self._write(b"\n")
            self._begun, self._written = (piece.path.name, piece.offset), 0
        while self._written < len(piece.data):
            self._written += self._write(piece.data[self._written : self._written + _WRITE])
        self._begun = ("", 0)
        return len(piece.data)

    def _write(self, data: bytes) -> int:
        while True:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                # Somebody made it non-blocking; whoever shares the description can.
                select.select((), (self._descriptor,), (), 1.0)
            except OSError as error:
                raise Undelivered(_KINDS.get(error.errno or 0, "write error")) from None
            else:
                self._torn = not data[:written].endswith(b"\n") if written else self._torn
                return written


_KINDS = {errno.EPIPE: "closed", errno.EBADF: "closed", errno.ENOSPC: "full", errno.EDQUOT: "full"}
