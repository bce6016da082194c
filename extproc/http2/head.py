"""The head of a request: its pseudo-header fields and the others, judged by RFC 9113 section 8."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A field name: RFC 9110 section 5.6.2's token, in lower case (RFC 9113 section 8.2.1).
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
# RFC 9113 section 8.2.1: no NUL, LF, CR, and no space or tab at either end.
_VALUE = re.compile(rb"(?:[^\0\n\r\t ](?:[^\0\n\r]*[^\0\n\r\t ])?)?")
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path"})
_NEEDED = frozenset({b":method", b":scheme", b":path"})
# RFC 9113 section 8.2.2.
_OF_A_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


@dataclass(frozen=True, slots=True)
class Head:
    """Decoded fields; of a name that comes more than once the last one.

    `malformed` says what RFC 9113 section 8.1.1 has against it as a request ("" if nothing), `trailing` whether it can
    stand as a trailer section, which has no pseudo-header fields (section 8.1).
    """

    fields: dict[bytes, bytes]
    malformed: str
    trailing: bool

    @property
    def content_length(self) -> int | None:
        """As announced; None if it is not."""
        value = self.fields.get(b"content-length")
        return int(value) if value is not None else None


def judged(decoded: Iterable[tuple[bytes, bytes]]) -> Head:
    """The head that a decoded header block is."""
    fields: dict[bytes, bytes] = {}
    malformed = ""
    regular = pseudo = False
    for name, value in decoded:
        malformed = malformed or _objection(name, value, fields, after_regular=regular)
        if name[:1] == b":":
            pseudo = True
        else:
            regular = True
        fields[name] = value
    trailing = not pseudo and not malformed
    if not malformed and not (fields.keys() >= _NEEDED and fields[b":path"]):
        malformed = "a pseudo-header field is missing"
    return Head(fields, malformed, trailing)


def _objection(name: bytes, value: bytes, before: dict[bytes, bytes], *, after_regular: bool) -> str:
    if _VALUE.fullmatch(value) is None:
        return "a field's value has a character that is not allowed"
    if name[:1] == b":":
        # Section 8.3: before all others, each once, and none that is not defined.
        if after_regular or name in before or name not in _PSEUDO:
            return "a pseudo-header field out of its place"
        return ""
    if _NAME.fullmatch(name) is None:
        return "a field's name has a character that is not allowed"
    if name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
        return "a field that is about the connection"
    if name == b"content-length" and not (value.isdigit() and len(value) < 16 and before.get(name, value) == value):
        return "content-length is no number"
    return ""
