"""The end of an answer: text up to the first stop sequence, none of which is ever part of it.

OpenAI's answers end before the stop sequence; TGI's end with it, and a model that was prompted by a template may write
the template's own tokens. In a stream, what may still become a stop is held back.
"""

from __future__ import annotations


class StopFilter:
    """Lets text through up to the first of the stops. Memory is bounded by the longest of them."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(dict.fromkeys(stop for stop in stops if stop))
        self._held = ""
        self.released = 0
        self.stopped = False

    @property
    def held(self) -> bool:
        """Whether text waits for what comes after it."""
        return bool(self._held)

    def push(self, text: str) -> str:
        """Take text; give what no stop can begin in any more. Nothing once `stopped`."""
        if self.stopped:
            return ""
        text = self._held + text
        # The one that is complete first is what the model would have stopped at, wherever the text was cut.
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return self._release(text[: min(found)[1]])
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return self._release(text[: len(text) - keep])

    def finish(self) -> str:
        """Nothing more comes: give what was held."""
        held, self._held = self._held, ""
        return self._release(held)

    def _release(self, text: str) -> str:
        self.released += len(text)
        return text


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of the text that begin the stop."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
