"""`kt audit show`: all that the trail says of one request."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.cli.audit_reading import DONE, add_path, reading, trail, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_FOUND = 1


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `show` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "show",
        help="show one request, with its proof",
        description="Show every line about one request: its record, and what was learnt later. Only what stands under "
        "a seal that holds is shown. Exit status: 0, 1 when there is none, 2 when the trail cannot be read.",
    )
    add_path(parser)
    parser.add_argument("request_id", metavar="REQUEST_ID", help="as in the answer's x-request-id")
    parser.add_argument(
        "--proof", action="store_true", help="print the proof of the record, for kt audit verify --proof"
    )
    parser.add_argument("--decrypt-key", type=Path, metavar="FILE", help="32 bytes, or their hex or base64 text")
    parser.add_argument("--json", action="store_true", help="one JSON object for each line")
    parser.set_defaults(run=run)


@reading("show", TypeError)
def run(arguments: argparse.Namespace) -> int:
    """`kt audit show`."""
    from extproc.audit import body, proof
    from extproc.audit.search import about

    doubts: list[str] = []
    found = 0
    key = None if arguments.decrypt_key is None else body.parse_key(arguments.decrypt_key.read_bytes())
    filters: dict[str, object] = {"request_id": arguments.request_id, "decrypted": key is not None}
    listing = trail(arguments.path, "audit show", filters)
    for batch, line in about(listing.sources, arguments.request_id, doubts):
        found += 1
        record = line.document if key is None else decrypted(line.document, key)
        proven = proof.build(batch, line) if arguments.proof else None
        if arguments.json:
            told = {"file": batch.file, "line": line.number, "sealed": batch.time, "record": record}
            print(json.dumps(told if proven is None else {**told, "proof": proven}))
        elif proven is not None:
            if record.get("event") == "exchange":
                print(json.dumps(proven, indent=2))
        else:
            print("\n".join(_text(record, f"{batch.file}:{line.number}", batch.time, again=found > 1)))
    warn(doubts)
    if not found:
        print(f"kt audit show: nothing about {arguments.request_id} in {arguments.path}", file=sys.stderr)
    return DONE if found else NOT_FOUND


def decrypted(record: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The record with its bodies in clear. Raises ValueError when the key is another."""
    from extproc.audit import body

    clear = dict(record)
    for field in body.FIELDS:
        captured = record.get(field)
        if isinstance(captured, dict) and "data" in captured:
            text = body.open_sealed(key, str(record.get("request_id")), field, captured)
            kept = {name: value for name, value in captured.items() if name not in ("key", "nonce", "data")}
            clear[field] = {**kept, "text": text}
    return clear


def _text(record: dict[str, Any], place: str, sealed: str, *, again: bool) -> list[str]:
    from extproc.audit.columns import printable, table

    rows = [["place", place], ["sealed", printable(sealed)]]
    rows += [[name, printable(value)] for name, value in _flat(record)]
    return [""] * again + table(rows)


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, member in value.items():
        if isinstance(member, dict) and member:
            yield from _flat(member, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", member
