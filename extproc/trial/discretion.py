"""What was found in a request, kept out of what is printed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.trial.witness import Found


def masks(found: Iterable[Found]) -> dict[str, str]:
    """Every matched text and what stands for it in print, longer ones first."""
    named = {item.matched: f"<{item.finding.entity}: {len(item.matched)} characters>" for item in found}
    return {text: named[text] for text in sorted(named, key=len, reverse=True) if text}


def masked(value: Any, masks: dict[str, str]) -> Any:
    """A JSON value whose strings and keys hold none of the matched texts; a mask is not masked again."""
    if isinstance(value, str):
        return _masked(value, list(masks.items()))
    if isinstance(value, dict):
        return {masked(name, masks): masked(inner, masks) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, masks) for inner in value]
    return value


def masked_body(body: bytes, masks: dict[str, str]) -> Any:
    """The JSON value of a body, masked."""
    return masked(orjson.loads(body), masks)


def _masked(text: str, masks: list[tuple[str, str]]) -> str:
    for at, (matched, mask) in enumerate(masks):
        if matched in text:
            return mask.join(_masked(piece, masks[at + 1 :]) for piece in text.split(matched))
    return text
