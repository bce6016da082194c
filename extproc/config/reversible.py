"""What does not go together with `policy.pii-detector.redaction.reversible`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.config.problem import Code, Path, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

# Settings of how a marker looks, and the values that change nothing. A placeholder has one form only: it must be found
# again in what the model writes.
_MARKERS = {"marker_format": "label", "include_metadata": True, "preserve_length": False, "custom_markers": {}}


def check(root: dict[str, Any]) -> Iterator[Problem]:
    """What of the settings contradicts a reversible redaction."""
    detector = _inside(_inside(root, "policy"), "pii-detector")
    redaction = _inside(detector, "redaction")
    path: Path = ("policy", "pii-detector", "redaction")
    if redaction.get("reversible") is not True:
        return
    if detector.get("action") == "block":
        message = "what is blocked cannot be put back"
        yield Problem(Code.CONFLICT, (*path, "reversible"), message, "remove it or use action: redact", at_key=True)
    if detector.get("mode") == "observe":
        message = "an observing policy takes nothing away that could be put back"
        yield Problem(Code.CONFLICT, (*path, "reversible"), message, "remove it or use mode: enforce", at_key=True)
    for name, default in _MARKERS.items():
        if name in redaction and redaction[name] != default:
            message = "a reversible redaction writes placeholders of its own ([EMAIL_1])"
            yield Problem(Code.CONFLICT, (*path, name), message, "remove it or reversible", at_key=True)


def _inside(section: dict[str, Any], key: str) -> dict[str, Any]:
    inner = section.get(key)
    return inner if isinstance(inner, dict) else {}
