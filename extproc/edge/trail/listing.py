"""A trail on disk: the segments of a directory, each one file or a folder of pieces, and what does not belong there."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.audit import segment
from extproc.audit.source import Source
from extproc.edge.trail.access import NOTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extproc.audit.report import Report

_CHUNK = 2**18
# A segment that is being opened has no line yet.
_OPENING = re.compile(r"\..+\.jsonl\.opening")
# A piece is an object of the S3 sink: named by the offset of its first byte in the segment.
_PIECE = re.compile(r"(\d{12})\.jsonl")
# How far sinks have come is kept beside the trail, and is no part of it: the folder, and the files in it.
_CURSORS = ".delivered"
_CURSOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(?:json|new)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that holds `size` bytes of a segment."""

    path: Path
    size: int


class Listing:
    """The segments of `path`: a trail's directory, or one segment alone. What else is there goes to `report`.

    Sizes are taken twice. A line that was there the first time may speak of other chains as they were then, and all of
    that is there the second time; so a trail can be read while it is written.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, report: Report | None = None) -> None:
        self._report = report
        self.alone = not path.is_dir() or segment.parse(path.name) is not None
        self._root = path.parent if self.alone else path
        before = {parts[-1].path: size for _, parts, size in self._segments(path, None)}
        self.sources: list[Source] = []
        for found, parts, size in self._segments(path, report):
            name = str(parts[0].path.relative_to(self._root)) if len(parts) == 1 else found.name
            claims_until = before.get(parts[-1].path, 0)
            self.sources.append(
                Source(found, name, size, Chunks(parts), claims_until, parts[0].path.parent.name == found.name)
            )

    def _segments(self, path: Path, report: Report | None) -> Iterator[tuple[segment.Segment, list[_Part], int]]:
        if self.alone and not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if self.alone and segment.parse(path.name) is None:
            raise NotADirectoryError(errno.ENOTDIR, "Neither a directory nor a segment", str(path))
        for each in [path] if self.alone else sorted(path.iterdir()):
            if each.name == NOTES or _OPENING.fullmatch(each.name):
                continue
            found = segment.parse(each.name)
            if each.name == _CURSORS and each.is_dir() and not each.is_symlink():
                if report is not None:
                    self._cursors(each, report)
            elif found is None or found.name != each.name or each.is_symlink() or not (each.is_file() or each.is_dir()):
                if report is not None:
                    report.find("foreign-file", each.name, "it is not named as a segment, or no plain file")
            elif each.is_dir():
                parts = self._pieces(each, report)
                if parts:
                    yield found, parts, sum(part.size for part in parts)
            else:
                size = each.stat().st_size
                yield found, [_Part(each, size)], size

    @staticmethod
    def _cursors(folder: Path, report: Report) -> None:
        for each in sorted(folder.iterdir()):
            if _CURSOR.fullmatch(each.name) is None or each.is_symlink() or not each.is_file():
                report.find("foreign-file", f"{folder.name}/{each.name}", "it is no cursor of a sink")

    @staticmethod
    def _pieces(folder: Path, report: Report | None) -> list[_Part]:
        parts, end = [], 0
        for each in sorted(folder.iterdir()):
            match = _PIECE.fullmatch(each.name)
            name = f"{folder.name}/{each.name}"
            if match is None or each.is_symlink() or not each.is_file():
                if report is not None:
                    report.find("foreign-file", name, "it is not named as a piece of a segment, or no plain file")
                continue
            if int(match[1]) != end and report is not None:
                report.find("pieces", name, f"it begins at byte {int(match[1])}; the piece before ends at {end}")
            size = each.stat().st_size
            parts.append(_Part(each, size))
            end = int(match[1]) + size
        if not parts and report is not None:
            report.find("pieces", folder.name, "the folder holds no piece of the segment")
        return parts


class Chunks:
    """The bytes of files one after another, as many as they had when they were listed."""

    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts

    def __call__(self, skip: int = 0) -> Iterator[bytes]:
        """Read them, but for the first `skip`. Raises OSError."""
        for part in self._parts:
            if skip >= part.size:
                skip -= part.size
                continue
            left = part.size - skip
            with part.path.open("rb", buffering=0) as file:
                file.seek(skip)
                skip = 0
                while left and (chunk := file.read(min(left, _CHUNK))):
                    left -= len(chunk)
                    yield chunk
