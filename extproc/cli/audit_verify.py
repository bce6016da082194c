"""`kt audit verify`: whether a trail is whole."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.cli.audit_reading import reading, trail

if TYPE_CHECKING:
    from extproc.audit.checkpoint import Head
    from extproc.audit.proof import Proven
    from extproc.audit.report import Note, Place, Report

WHOLE = 0
NOT_WHOLE = 1
# Retention may remove a segment between its listing and its reading.
_ATTEMPTS = 3
_NOTES_OF_A_KIND = 5


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `verify` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "verify",
        help="prove that nothing is missing and nothing was changed",
        description="Read a whole trail and say what was changed, taken out, put in, moved or cut off, and where. It "
        "needs nothing but the trail and the public key. Exit status: 0 whole, 1 not, 2 it cannot be read.",
    )
    parser.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="the trail's directory (default: audit, without --proof)"
    )
    parser.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="KEY",
        help="a PEM file, or base64, of who vouches for the writers; without one nobody does. May be repeated",
    )
    parser.add_argument("--closed", action="store_true", help="every writer must have ended: the gateway is stopped")
    parser.add_argument(
        "--expect", type=Path, metavar="FILE", help="checkpoint lines that were kept elsewhere: all of it must be there"
    )
    parser.add_argument(
        "--proof", type=Path, metavar="FILE", help="check a proof of one record (kt audit show --proof); needs no trail"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(run=run)


@reading("verify")
def run(arguments: argparse.Namespace) -> int:
    """`kt audit verify`."""
    keys = [_key(text) for text in arguments.public_key]
    expected = [] if arguments.expect is None else _expected(arguments.expect)
    if arguments.proof is None:
        report = _verify(arguments.path or Path("audit"), keys, expected, closed=arguments.closed)
        return _tell(report, arguments, None)
    return _prove(arguments, keys, expected)


def _prove(arguments: argparse.Namespace, keys: list[bytes], expected: list[tuple[Head, Place]]) -> int:
    from extproc.audit.proof import NotProven, check
    from extproc.audit.report import Place

    document = json.loads(arguments.proof.read_bytes())
    if not isinstance(document, dict):
        raise ValueError(f"{arguments.proof}: not a proof")  # noqa: TRY004 - what the file holds
    # `kt audit show --proof --json` puts the proof beside the record.
    document = document.get("proof", document)
    try:
        proven = check(document, keys)
    except NotProven as error:
        if arguments.json:
            print(json.dumps({"proven": False, "reason": str(error)}, indent=2))
        else:
            print(f"{arguments.proof}: NOT proven: {error}")
        return NOT_WHOLE
    if arguments.path is None:
        return _tell(None, arguments, proven)
    expected.append((proven.seal, Place(str(arguments.proof), 1)))
    return _tell(_verify(arguments.path, keys, expected, closed=arguments.closed), arguments, proven)


def _verify(path: Path, keys: list[bytes], expected: list[tuple[Head, Place]], *, closed: bool) -> Report:
    from extproc.audit.report import Report
    from extproc.audit.verify import verify
    from extproc.edge.trail.listing import Listing

    recorded = False
    for attempt in range(_ATTEMPTS):
        report = Report()
        try:
            if not recorded and trail(path, "audit verify", {}).alone:
                raise ValueError(f"{path} is one segment: a trail is proven as a whole, by its directory")
            recorded = True
            return verify(Listing(path, report).sources, keys, closed=closed, expected=expected, report=report)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def _key(text: str) -> bytes:
    from extproc.audit import signature

    try:
        return signature.parse(text.encode())
    except ValueError:
        path = Path(text)
        if not path.is_file():
            raise ValueError(f"--public-key {text}: neither a file nor the base64 of a public key") from None
    try:
        return signature.parse(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"--public-key {text}: {error}") from None


def _expected(path: Path) -> list[tuple[Head, Place]]:
    from extproc.audit import checkpoint
    from extproc.audit.links import document
    from extproc.audit.report import Place

    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found += [(head, Place(str(path), number)) for head in checkpoint.heads(document(line))]
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    if not found:
        raise ValueError(f"{path}: no checkpoint in it")
    return found


def _tell(report: Report | None, arguments: argparse.Namespace, proven: Proven | None) -> int:
    if arguments.json:
        document: dict[str, object] = {} if report is None else report.document()
        if proven is not None:
            record, signer = proven.record, proven.signer or None
            document = {"proven": True, "sealed_at": proven.sealed_at, "signer": signer, "record": record, **document}
        print(json.dumps(document, indent=2))
    else:
        if proven is not None:
            print(_proven(proven, arguments.proof))
        if report is not None:
            print("\n".join(_text(report, arguments.path or Path("audit"))))
    return WHOLE if report is None or report.whole else NOT_WHOLE


def _proven(proven: Proven, path: Path) -> str:
    from extproc.audit.columns import printable

    who = (
        f"key {proven.signer} vouches for its writer" if proven.signer else "no public key given: nobody vouches for it"
    )
    record = f"request {printable(proven.record.get('request_id'))}, line {proven.record['seq']} of {proven.seal.chain}"
    return f"{path}: proven: {record}, sealed {printable(proven.sealed_at)}; {who}"


def _some(notes: list[Note]) -> list[Note]:
    """The first few notes of each code."""
    seen: Counter[str] = Counter()
    shown = []
    for note in notes:
        seen[note.code] += 1
        if seen[note.code] <= _NOTES_OF_A_KIND:
            shown.append(note)
    return shown


def _text(report: Report, path: Path) -> list[str]:
    from extproc.audit.columns import printable, table

    lines = [f"{path}: {'whole' if report.whole else 'NOT whole'}"]
    for finding in report.findings:
        lines += [
            "",
            f"{printable(finding.place)}  {finding.code}",
            f"  {printable(finding.text)}",
            f"  {finding.meaning}",
        ]
    if report.omitted:
        lines += ["", f"and {report.omitted} more findings"]
    if report.notes:
        rows = [[note.code, printable(note.file), printable(note.text)] for note in _some(report.notes)]
        lines += ["", "notes", *(f"  {line}" for line in table(rows))]
        if len(rows) < len(report.notes):
            lines.append(f"  and {len(report.notes) - len(rows)} more (--json has them)")
    totals = report.totals
    counts: list[tuple[str, object]] = [
        ("chains", totals.chains),
        ("segments", totals.segments),
        ("bytes", totals.bytes),
        ("lines", totals.lines),
        ("records", totals.records),
        ("seals", totals.events["seal"]),
        ("checkpoints", totals.events["checkpoint"]),
        ("lost", totals.lost),
        ("first", totals.first or "-"),
        ("last", totals.last or "-"),
    ]
    counts += [(f"key {key}", f"vouches for {count} chains") for key, count in sorted(report.vouched.items()) if key]
    if report.vouched[""]:
        named = ", ".join(printable(key) for key in sorted(report.claimed)) or "none"
        counts.append(("not vouched for", f"{report.vouched['']} chains (their certificates name: {named})"))
    return [*lines, "", *table([[name, printable(value)] for name, value in counts])]
