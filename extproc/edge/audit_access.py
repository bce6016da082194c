"""Reads of the trail, put on the trail. A stub: to be replaced when the writing side is merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def record(directory: Path, what: str, filters: Mapping[str, object]) -> None:
    """Put on the trail in `directory` that somebody reads it: `what` ("audit tail"), and with which filters."""
    del directory, what, filters
