"""How far a sink has come: `<directory>/.delivered/<sink>.json`, {segment: bytes delivered}."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import orjson

from extproc.audit import segment
from extproc.edge import logs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = ".delivered"


def load(directory: Path, sink: str) -> dict[str, int]:
    """What the sink has; nothing when there is no file, or one that is not ours: then all is delivered once more.

    Raises:
        OSError: there is one that cannot be read.
    """
    try:
        value = orjson.loads(_file(directory, sink).read_bytes())
    except FileNotFoundError:
        return {}
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not all(type(size) is int and size >= 0 for size in value.values()):
        logs.get().warning("an audit sink's cursor cannot be read; all is delivered again", sink=sink)
        return {}
    return {name: size for name, size in value.items() if segment.parse(name)}


def save(directory: Path, sink: str, delivered: Mapping[str, int]) -> None:
    """Replace the file: whole, and on the disk before this returns, or as it was.

    Raises:
        OSError: it could not be done.
    """
    path = _file(directory, sink)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        data = orjson.dumps(delivered, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, path)  # noqa: PTH105 - one library for one sequence of calls
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make what was created, renamed or removed in a directory durable.

    Raises:
        OSError: it could not be done.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(directory: Path, sink: str) -> Path:
    return directory / FOLDER / f"{sink}.json"
