"""What of a Meter (meter.py) a trail calls, for a trail that nobody measures."""


class Unmetered:
    """Nothing is counted."""

    pending = False

    def committed(self, records: int, seconds: float) -> None:
        """One batch is on the trail."""

    def flush(self) -> None:
        """Let everything be seen."""

    def failed(self) -> None:
        """One attempt to write has failed."""

    def lost(self, records: int) -> None:
        """So many records are not on the trail."""

    def down(self, *, down: bool) -> None:
        """Whether the trail cannot be written."""
