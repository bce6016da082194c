"""A JSON object as it came over the wire: read strictly, and only if it can be written again."""

from __future__ import annotations

from typing import Any

import orjson

# orjson reads 1,024 levels and writes 254 (measured with 3.11); what cannot be written must not be read. The rest is
# room for the levels that a dialect puts around a document. Real tool schemas nest about 20 deep.
MAX_DEPTH = 200

Document = dict[str, Any]


class NotADocument(ValueError):
    """The bytes are no JSON object, or one nested too deeply. The text says which, and never quotes the bytes."""


def read(body: bytes) -> Document:
    """Parse a JSON object: of a key that comes twice, the last value holds.

    Raises:
        NotADocument: not RFC 8259 JSON (NaN, NUL in a string, invalid UTF-8, a lone surrogate, a second value), not an
            object, or nested over MAX_DEPTH levels.
    """
    value = read_value(body)
    if not isinstance(value, dict):
        raise NotADocument(f"expected an object, got {_KINDS[type(value)]}")
    return value


def has_more_strings(document: Document, body: bytes, most: int) -> bool:
    """Whether a document that was read from these bytes holds more strings than `most`, its keys among them."""
    # Quotes are counted at memory speed, though some of them may be escaped; only many are worth a walk.
    if body.count(b'"') <= 2 * most:
        return False
    found = 0
    level: list[Any] = [document]
    while level:
        inner: list[Any] = [child for node in level for child in (node.values() if type(node) is dict else node)]
        found += sum(type(child) is str for child in inner) + sum(len(node) for node in level if type(node) is dict)
        if found > most:
            return True
        level = [child for child in inner if type(child) is dict or type(child) is list]
    return False


def read_value(body: bytes) -> Any:
    """Parse any JSON value.

    Raises:
        NotADocument: not JSON, or nested over MAX_DEPTH levels.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f" at line {error.lineno}, column {error.colno}" if body else ""
        raise NotADocument(f"not valid JSON{where}") from None
    # Counting brackets runs at memory speed; only a body that has many is worth a walk.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _too_deep(value):
        raise NotADocument(f"nested over {MAX_DEPTH} levels deep")
    return value


_KINDS: dict[type, str] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True
