"""Reads of the trail: whoever reads leaves a note in the directory, and the gateway that writes there records it.

`kt audit` cannot write to the trail itself: what stands on it is signed for by a running gateway. A note that waits
while no gateway runs is recorded by the next one.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTES = ".access"
MAX_BYTES = 16 * 1024
_MOST = 1000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def note(directory: Path, what: str, filters: dict[str, object]) -> bool:
    """Leave a note that `what` ("audit show", say) was done, with which filters; False where nothing can be written."""
    document = {
        "time": timestamp(time.time()),
        "event": "access",
        "what": what,
        "filters": {name: _told(value) for name, value in filters.items() if value not in (None, "", [], ())},
        "user": _user(),
        "host": socket.gethostname(),
    }
    name = f"{time.time_ns()}.{secrets.token_hex(4)}.json"
    try:
        place = directory / NOTES
        place.mkdir(mode=0o700, exist_ok=True)
        with (place / f".{name}").open("xb") as file:
            file.write(orjson.dumps(document))
            os.fsync(file.fileno())
        (place / f".{name}").rename(place / name)
    except OSError:
        return False
    return True


def collect(directory: Path) -> list[tuple[Path, dict[str, object]]]:
    """The notes that wait, oldest first, a bounded number of them; what is no note is removed."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory / NOTES) if not entry.name.startswith("."))
    except FileNotFoundError:
        return []
    found: list[tuple[Path, dict[str, object]]] = []
    for name in names[:_MOST]:
        path = directory / NOTES / name
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            document = orjson.loads(data) if len(data) <= MAX_BYTES else None
        except (OSError, ValueError):
            document = None
        if isinstance(document, dict):
            found.append((path, _access(document)))
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return found


def _access(document: Mapping[str, object]) -> dict[str, object]:
    """The line of a note: whatever else it claims to be, it was left by somebody, and is an access.

    Of its members those that an access has, as they are in protos/audit.proto: what was left must not break the
    chain's own (`seq`, `prev`), nor be something that no line can hold.
    """
    line: dict[str, object] = {"time": document.get("time"), "event": "access"}
    if not (isinstance(line["time"], str) and _TIME.fullmatch(line["time"])):
        line["time"] = timestamp(time.time())
    line.update({name: said for name in ("what", "user", "host") if isinstance(said := document.get(name), str)})
    if isinstance(filters := document.get("filters"), dict):
        line["filters"] = {name: value for name, value in filters.items() if isinstance(value, str)}
    return line


def _told(value: object) -> str:
    """A filter's value as text: what was given several times, with commas between."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
