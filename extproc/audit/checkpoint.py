"""Checkpoints join the chains: one signed line that says how far each of them had come.

What a checkpoint names must be there for ever after, or be told of by a line about its removal (`pruned`): so a chain,
a segment or a tail that is taken away whole is missed too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.audit import merkle
from extproc.audit.entries import entries
from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """A chain's last seal: the segment it stands in, its number and hash (hex).

    `final` when its writer is gone: nothing can follow any more. Then `size` is the segment's in bytes, what a crash
    may have left behind the seal included.
    """

    chain: str
    segment: int
    seq: int
    hash: str
    final: bool = False
    size: int = 0


def document(heads: Iterable[Head], now: float) -> dict[str, object]:
    """The line of a checkpoint."""
    ordered = sorted(heads)
    return {
        "time": timestamp(now),
        "event": "checkpoint",
        "chains": [_entry(head) for head in ordered],
        "root": merkle.root([leaf(head) for head in ordered]).hex(),
    }


def leaf(head: Head) -> bytes:
    """The leaf of one chain in a checkpoint's tree."""
    return merkle.leaf(f"{head.chain}:{head.seq}:{head.hash}".encode())


def heads(line: dict[str, object]) -> tuple[Head, ...]:
    """What a checkpoint's line names.

    Raises:
        ValueError: it is none of ours, or its root is another.
    """
    named = entries(line, "chains", Head, noun="a checkpoint", things="chains")
    if merkle.root([leaf(head) for head in named]).hex() != line.get("root"):
        raise ValueError("a checkpoint's root is not that of its chains")
    return named


def _entry(head: Head) -> dict[str, object]:
    entry: dict[str, object] = {"chain": head.chain, "segment": head.segment, "seq": head.seq, "hash": head.hash}
    return {**entry, "final": True, "size": head.size} if head.final else entry
