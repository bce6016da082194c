"""A record as a row: for CSV, and for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from extproc.audit.filter import principal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# RFC 4180 section 2: what must be quoted, and how.
_QUOTED = re.compile(r'[",\r\n]')
# Spreadsheets take a cell that begins so for a formula, and run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _at(*path: str) -> Callable[[Mapping[str, Any]], object]:
    def get(record: Mapping[str, Any]) -> object:
        value: object = record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return get


COLUMNS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "time": _at("time"),
    "chain": _at("chain"),
    "seq": _at("seq"),
    "request_id": _at("request_id"),
    "event": _at("event"),
    "outcome": _at("outcome"),
    "status": _at("status"),
    "verdict": _at("verdict"),
    "principal": principal,
    "source_address": _at("source_address"),
    "client_request_id": _at("client_request_id"),
    "method": _at("method"),
    "path": _at("path"),
    "model": _at("model"),
    "stream": _at("stream"),
    "target": _at("target"),
    "attempts": _at("attempt_count"),
    "error_type": _at("error", "type"),
    "error_code": _at("error", "code"),
    "block_phase": _at("block", "phase"),
    "block_policy": _at("block", "policy"),
    "block_rule": _at("block", "rule"),
    "findings": _at("findings"),
    "finish_reasons": _at("finish_reasons"),
    "prompt_tokens": _at("usage", "prompt_tokens"),
    "completion_tokens": _at("usage", "completion_tokens"),
    "tokens_estimated": _at("usage", "estimated"),
    "request_bytes": _at("request_bytes"),
    "response_bytes": _at("response_bytes"),
    "first_byte_ms": _at("latency_ms", "first_byte"),
    "total_ms": _at("latency_ms", "total"),
    "config_hash": _at("config", "hash"),
    "detail": _at("detail"),
}


def csv_header() -> str:
    """The first line of a CSV."""
    return ",".join(COLUMNS) + "\r\n"


def csv_row(record: Mapping[str, Any]) -> str:
    """A record as a line of CSV (RFC 4180); lists and objects are JSON in a cell, and no text is a formula."""
    return ",".join(_cell(get(record)) for get in COLUMNS.values()) + "\r\n"


def printable(value: object) -> str:
    """A value for a terminal: nothing in it moves the cursor, and it is one line."""
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def table(rows: list[list[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as aligned lines, two spaces between columns; the columns in `right` are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, str) and text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
