"""Patterns that match more than was meant: each is tried on texts that are everywhere and no secret.

One that finds only a few characters in them is meant to, or wrong in a way that its author sees at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.config.problem import Code, Path, Problem, Severity
from extproc.policies.scan import compile_pattern
from extproc.policies.syntax import PatternError

# Where users' patterns stand; "[]" stands for any index.
PLACES = (
    ("policy", "dlp-filter", "patterns", "[]", "regex"),
    ("policy", "dlp-filter", "detect_patterns", "[]"),
    ("policy", "pii-detector", "detect_patterns", "[]"),
)
# Digests of the empty text, of "abc" and of RFC 1321's alphabet; UUIDs of RFC 9562's appendix A; English in base64.
_EVERYWHERE = {
    "every SHA-1 (a git commit)": (
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "32d10c7b8cf96570ca04ce37f2a19d84240d3a89",
    ),
    "every SHA-256": (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73",
    ),
    "every UUID": (
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",
        "919108f7-52d1-4320-9bac-f847db4148a8",
        "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0",
    ),
    "text in base64": (
        "VGhlIHJlcG9ydCBpcyBkdWUgb24gRnJpZGF5LCBhbmQgd2UgbWVldCBiZWZvcmUgbHVuY2gu",
        "V2hlbiBpbiB0aGUgY291cnNlIG9mIGh1bWFuIGV2ZW50cyBpdCBiZWNvbWVzIG5lY2Vzc2FyeQ==",
        "QWxsIHRoZSB3b3JsZCdzIGEgc3RhZ2UsIGFuZCBhbGwgdGhlIG1lbiBhbmQgd29tZW4gcGxheWVycw==",
    ),
}
# Characters of such a text that a pattern must find to be taken for one that looks for secrets.
_LEAST = 16
_ADVICE = (
    "use `secrets: true` of dlp-filter, which knows keys by their form or name, or ask for the name in front, as in "
    "(?i)secret.{0,20}[A-Za-z0-9/+=]{40}"
)


def check(path: Path, pattern: Any) -> Iterator[Problem]:
    """A warning where a pattern matches all of one kind of such texts; faulty patterns are told of elsewhere."""
    try:
        compiled = compile_pattern(pattern).compiled if isinstance(pattern, str) else None
    except PatternError:
        return
    if compiled is None:
        return
    matched = [
        kind
        for kind, texts in _EVERYWHERE.items()
        if all((found := compiled.search(text.encode())) and len(found.group()) >= _LEAST for text in texts)
    ]
    if matched:
        yield Problem(Code.BROAD_PATTERN, path, f"matches {', '.join(matched)}", _ADVICE, severity=Severity.WARNING)
