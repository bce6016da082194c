"""The rows of all workers of a gateway, in shared memory: a directory with one small file for each worker.

A worker maps its own file to write, and the others' to read: nobody ever waits for anybody. It holds a lock on its file
(flock(2)) that ends with it, even by SIGKILL: what it had in flight counts no longer then, the rest does, and the next
worker that starts takes the file over. A row that is read while it is written fails its checksum, and the one read
before counts. Files only grow: a shorter one would be a SIGBUS for those that have mapped it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from random import random
from secrets import token_hex
from typing import TYPE_CHECKING
from zlib import crc32

from extproc.edge import logs
from extproc.routing.ledger import Ledger
from extproc.routing.row import EMPTY, KEY_BYTES, Row, combine, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from extproc.config.runtime import Runtime

# How old what is known of other workers may be; and how often new workers, and dead ones, are looked for.
REFRESH_SECONDS = 0.025
SCAN_SECONDS = 1.0

_SUFFIX = ".rows"
_FIELDS = len(Row._fields)
# Another number of fields is another format: such files are left alone.
_HEADER = b"kt rows 1/%03d\n" % _FIELDS
_ROW = struct.Struct(f"={KEY_BYTES}s{_FIELDS}d")
_CHECKSUM = struct.Struct("=I")
_SIZE = _ROW.size + _CHECKSUM.size


class Peers:
    """The files of a directory, but for one's own, as they are now."""

    def __init__(self, directory: Path, window: float, *, own: str = "") -> None:
        self._directory = directory
        self._window = window
        self._own = own
        self._peers: dict[str, _Peer] = {}
        self._scanned = 0.0

    def row(self, key: bytes, now: float) -> Row:
        """All of them combined for one target."""
        if not 0 <= now - self._scanned < SCAN_SECONDS:
            self._scan()
            self._scanned = now
        row = EMPTY
        for peer in self._peers.values():
            row = combine(row, peer.row(key), self._window)
        return row

    def close(self) -> None:
        """Unmap them."""
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()

    def _scan(self) -> None:
        try:
            found = {entry.name for entry in os.scandir(self._directory) if entry.name.endswith(_SUFFIX)}
        except OSError:
            return
        for name in self._peers.keys() - found:
            self._peers.pop(name).close()
        for name in found - {self._own}:
            peer = self._peers.get(name)
            try:
                if peer is None:
                    peer = self._peers[name] = _Peer(self._directory / name)
                peer.look()
            except OSError:
                # Gone in the same moment, or not ours to read.
                continue


class _Peer:
    """One other worker's file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._map: mmap.mmap | None = None
        self._places: dict[bytes, int] = {}
        self._last: dict[bytes, Row] = {}
        self._alive = True

    def look(self) -> None:
        """Whether its worker lives, and which rows it has by now."""
        self._alive = not _lock(self._file, fcntl.LOCK_SH)
        if not self._alive:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        size = os.fstat(self._file).st_size
        if self._map is None or size > len(self._map):
            if size < len(_HEADER):
                return
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self._file, size, access=mmap.ACCESS_READ)
        self._places = dict(_places(self._map))

    def row(self, key: bytes) -> Row:
        """Its row of one target."""
        place = self._places.get(key)
        if place is None or self._map is None:
            return EMPTY
        read = _read(self._map, place)
        if read is not None and read[0] == key:
            self._last[key] = read[1]
        row = self._last.get(key, EMPTY)
        return row if self._alive else row._replace(in_flight=0.0, probing=0.0)

    def close(self) -> None:
        """Unmap it."""
        if self._map is not None:
            self._map.close()
        os.close(self._file)


class SharedRows:
    """One worker's own file, and its view of the others'.

    `rows` are those to begin with, by key: what the file's last owner left.

    Raises:
        OSError: the directory cannot be used.
    """

    def __init__(self, directory: Path, keys: Sequence[bytes], window: float) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, name = _own(directory)
        kept = _kept(self._file)
        self.rows: Mapping[bytes, Row] = {
            key: kept.get(key, EMPTY)._replace(in_flight=0.0, probing=0.0) for key in keys
        }
        before = os.fstat(self._file).st_size
        size = max(len(_HEADER) + len(keys) * _SIZE, before)
        # Written, not only made longer: a full disk is an error here, and a SIGBUS later.
        os.pwrite(self._file, bytes(size - before), before)
        self._map = mmap.mmap(self._file, size)
        self._places = {key: len(_HEADER) + at * _SIZE for at, key in enumerate(keys)}
        # Rows that this configuration has no target for must not be taken for somebody's.
        end = len(_HEADER) + len(keys) * _SIZE
        self._map[end:] = bytes(size - end)
        for key, row in self.rows.items():
            self.publish(key, row)
        self._map[: len(_HEADER)] = _HEADER
        self._peers = Peers(directory, window, own=name)
        self._cached: dict[bytes, tuple[float, Row]] = {}

    def publish(self, key: bytes, row: Sequence[float]) -> None:
        """Write one's own row of a target: the numbers of a Row."""
        place = self._places[key]
        data = _ROW.pack(key, *row)
        self._map[place : place + _SIZE] = data + _CHECKSUM.pack(crc32(data))

    def others(self, key: bytes, now: float) -> Row:
        """The rows of all others, combined, as of at most REFRESH_SECONDS ago; `now` is Unix seconds."""
        read, row = self._cached.get(key, (0.0, EMPTY))
        if not 0 <= now - read < REFRESH_SECONDS:
            row = self._peers.row(key, now)
            self._cached[key] = now, row
        return row

    def close(self) -> None:
        """Give the file up, for another worker to take over."""
        self._peers.close()
        self._map.close()
        os.close(self._file)


def own_ledger(runtime: Runtime, shared: SharedRows | None = None) -> Ledger:
    """The books of this worker, shared with others or not."""
    routing = runtime.routing
    if shared is None:
        return Ledger(runtime.targets, routing.breaker, routing.window, chance=random)
    return Ledger(
        runtime.targets,
        routing.breaker,
        routing.window,
        chance=random,
        others=shared.others,
        publish=shared.publish,
        rows=shared.rows,
    )


def open_ledger(runtime: Runtime, directory: Path | None) -> tuple[Ledger, SharedRows | None]:
    """The books of this worker; with a directory shared by it, until what comes with them is closed.

    Where the directory cannot be used the worker goes by itself, and says so: requests are served all the same.
    """
    if directory is None:
        return own_ledger(runtime), None
    keys = [key_of(target) for target in runtime.targets]
    try:
        shared = SharedRows(directory, keys, runtime.routing.window)
    except OSError as error:
        logs.get().error("this worker does not see what others see of the targets", reason=str(error))
        return own_ledger(runtime), None
    return own_ledger(runtime, shared), shared


def _own(directory: Path) -> tuple[int, str]:
    """A file that nobody owns, now ours, and its name: one that a worker left, else a new one."""
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        if _lock(file, fcntl.LOCK_EX):
            return file, path.name
        os.close(file)
    while True:
        name = f"{token_hex(4)}{_SUFFIX}"
        file = os.open(directory / name, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o600)
        # Another worker that starts at this moment may have been faster.
        if _lock(file, fcntl.LOCK_EX):
            return file, name
        os.close(file)


def _lock(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(file: int) -> dict[bytes, Row]:
    """What a file's last owner left in it; nothing in one of another format."""
    size = os.fstat(file).st_size
    if size < len(_HEADER):
        return {}
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as left:
        return {key: row for key, place in _places(left) if (read := _read(left, place)) and (row := read[1])}


def _places(data: mmap.mmap) -> list[tuple[bytes, int]]:
    """Where the row of each key stands; none in a file of another format, or not begun."""
    if data[: len(_HEADER)] != _HEADER:
        return []
    places = range(len(_HEADER), len(data) - _SIZE + 1, _SIZE)
    return [(key, place) for place in places if any(key := data[place : place + KEY_BYTES])]


def _read(data: mmap.mmap, place: int) -> tuple[bytes, Row] | None:
    """A row and its key; None while it is being written."""
    found = data[place : place + _SIZE]
    if _CHECKSUM.unpack_from(found, _ROW.size)[0] != crc32(found[: _ROW.size]):
        return None
    key, *numbers = _ROW.unpack_from(found)
    return key, Row._make(numbers)
