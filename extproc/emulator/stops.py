"""Where an answer ends: at the first stop sequence, wherever tokens end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def until(tokens: Iterable[str], stops: tuple[str, ...], *, keep: bool) -> tuple[tuple[str, ...], str | None]:
    """Return the tokens up to the first stop, with it or without, and which stop it was (None: there was none)."""
    text = ""
    out: list[str] = []
    for token in tokens:
        said = text + token
        ends = [(said.find(stop) + (len(stop) if keep else 0), stop) for stop in stops if stop in said]
        if ends:
            cut, stop = min(ends)
            return (*_shortened(out, cut), *([said[len(text) : cut]] if cut > len(text) else [])), stop
        out.append(token)
        text = said
    return tuple(out), None


def _shortened(tokens: list[str], length: int) -> list[str]:
    out = []
    for token in tokens:
        out.append(token[:length])
        length -= len(out[-1])
    return [token for token in out if token]
