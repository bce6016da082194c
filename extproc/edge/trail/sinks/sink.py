"""What a sink is, and how it says that it could not deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from extproc.config.sink_settings import SinkSettings
    from extproc.edge.trail.piece import Piece


class Undelivered(Exception):
    """Nothing of the piece counts as delivered; it is tried again.

    Args:
        kind: what went wrong, in words of ours that may be logged; never what the other side said.
        retry_after: seconds that the other side wants to be left alone.
        too_large: it would take a smaller piece.
    """

    def __init__(self, kind: str, *, retry_after: float = 0.0, too_large: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after = retry_after
        self.too_large = too_large


class Unusable(Exception):
    """A sink that cannot be built, for what its settings name is not there. The text may be shown."""


class Sink(Protocol):
    """One place where the trail goes. It is called from one thread, and may wait there."""

    @property
    def settings(self) -> SinkSettings:
        """What it was built from."""

    @property
    def rejected(self) -> int:
        """How many records were delivered, but not kept by the other side, which says that they never will be."""

    def prepare(self) -> None:
        """Called until it succeeds, before anything is delivered.

        Raises:
            Undelivered: nothing could be delivered as things are.
        """

    def deliver(self, piece: Piece) -> int:
        """How many bytes from the piece's offset on are kept there now; they end with a seal, and are rarely others
        than the piece's.

        Raises:
            Undelivered: see there.
        """  # noqa: D205  # the meaning is one sentence
