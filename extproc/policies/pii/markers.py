"""What a finding becomes: `redaction.marker_format`, `custom_markers` and `preserve_length`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any


def label(name: str) -> str:
    """The marker of an entity or rule: `aws-secret-key` gives `[AWS_SECRET_KEY_REDACTED]`."""
    return f"[{''.join(c if c.isalnum() else '_' for c in name).upper()}_REDACTED]"


def replacement(entity: str, redaction: Mapping[str, Any]) -> Callable[[str], str]:
    """How text of that entity is replaced under the settings in `policy.pii-detector.redaction`.

    A custom marker goes before the format. `partial` keeps the last four letters or digits of a text that has at least
    eight, and separators. `preserve_length` cuts a marker, or fills it with asterisks, to the length in characters;
    it is a policy's own choice that the length of what was there then shows.
    """
    marker = redaction.get("custom_markers", {}).get(entity)
    style = redaction.get("marker_format", "label")
    if marker is None and style == "asterisks":
        return _stars if redaction.get("preserve_length") else _five_stars
    if marker is None and style == "partial":
        return _partial
    if marker is None:
        # Without metadata the marker does not say what it hides.
        marker = label(entity) if redaction.get("include_metadata", True) else "[REDACTED]"
    return partial(_sized if redaction.get("preserve_length") else _fixed, marker)


def _fixed(marker: str, text: str) -> str:
    del text
    return marker


def _sized(marker: str, text: str) -> str:
    return marker[: len(text)].ljust(len(text), "*")


def _stars(text: str) -> str:
    return "*" * len(text)


def _five_stars(text: str) -> str:
    del text
    return "*****"


def _partial(text: str) -> str:
    shown = 4 if sum(map(str.isalnum, text)) >= 8 else 0
    out = []
    for character in reversed(text):
        if not character.isalnum():
            out.append(character)
        elif shown:
            out.append(character)
            shown -= 1
        else:
            out.append("*")
    return "".join(reversed(out))
