"""The names of segments: `<UTC date>.<writer>.<session>.<number>.jsonl`.

A writer's session is one chain, from its start to its end, in segments numbered from 1. The session's part of the name
is random: two processes never append to one chain, whatever they are called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SUFFIX = ".jsonl"
_NAME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)\.(?P<writer>[A-Za-z0-9][A-Za-z0-9._-]{0,63})\.(?P<session>[0-9a-f]{12})"
    r"\.(?P<number>\d{6,9})\.jsonl"
)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """Which part of which chain a file holds; `date` is the UTC day on which it was opened, YYYY-MM-DD."""

    chain: str
    number: int
    date: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.date}.{self.chain}.{self.number:06d}{SUFFIX}"


def parse(name: str) -> Segment | None:
    """What a file's name says; None when it is no segment's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return Segment(f"{match['writer']}.{match['session']}", int(match["number"]), match["date"])
