"""A guard simple enough to be right at sight: it redacts one word, and blocks at another, wherever it may look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from extproc.openai.call import Call
from extproc.policies.verdict import Block, Finding, Judgement, Place, Released, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORD, MARKER, FATAL = "secret", "[X]", "poison"


class WordWindow:
    """Holds back what may still become WORD or FATAL."""

    def __init__(self) -> None:
        self._buffer = ""
        self._seen = 0
        self._ended = False

    @property
    def held(self) -> int:
        """As in StreamWindow."""
        return len(self._buffer)

    def push(self, text: str) -> Released:
        """As in StreamWindow; and no push is empty, nor after the end."""
        assert not self._ended, "a window was used after its end"
        assert text, "an empty push is a waste"
        self._buffer += text
        return self._release(final=False)

    def finish(self) -> Released:
        """As in StreamWindow; and it comes once."""
        assert not self._ended, "a window was ended twice"
        self._ended = True
        return self._release(final=True)

    def _release(self, *, final: bool) -> Released:
        if FATAL in self._buffer:
            return Released("", block=Block("words", FATAL, "blocked"))
        longest = range(min(len(self._buffer), len(WORD) - 1), 0, -1)
        keep = 0 if final else next((n for n in longest if _begins(self._buffer[-n:])), 0)
        text, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
        findings = tuple(
            Finding("words", "WORD", self._seen + at, self._seen + at + len(WORD), MARKER)
            for at in range(len(text))
            if text.startswith(WORD, at)
        )
        self._seen += len(text)
        return Released(text.replace(WORD, MARKER), findings)


def _begins(text: str) -> bool:
    return WORD.startswith(text) or FATAL.startswith(text)


@dataclass
class WordGuard:
    """Judges every place that `looks` allows; `places` are those it was asked for a window for."""

    looks: Callable[[Place], bool] = lambda _: True
    places: list[Place] = field(default_factory=list)

    def window(self, place: Place) -> WordWindow | None:
        """As in Guard."""
        self.places.append(place)
        return WordWindow() if self.looks(place) else None

    def judge(self, texts: Sequence[Text]) -> Judgement:
        """As in Guard."""
        judged, findings = [], []
        for text in texts:
            found = text.text.count(WORD) if self.looks(text.place) else 0
            findings += [Finding("words", "WORD", 0, len(WORD), MARKER)] * found
            judged.append(text.text.replace(WORD, MARKER) if found else text.text)
        block = next((Block("words", FATAL, "blocked") for text in texts if FATAL in text.text), None)
        return Judgement(tuple(judged), tuple(findings), block)


@pytest.fixture(scope="session")
def word_guard() -> type[WordGuard]:
    """The guard's class: WordGuard() looks everywhere."""
    return WordGuard


@pytest.fixture
def call() -> Callable[..., Call]:
    """A parsed call with these fields beside its model."""

    def make(**fields: Any) -> Call:
        document = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
        options = document.get("stream_options") or {}
        return Call("m", bool(document.get("stream")), bool(options.get("include_usage")), document)

    return make
