"""`kt policy scan`: judge texts in bulk with a configuration's policies, for tuning and for measuring."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from extproc.policies.chain import Chain
    from extproc.policies.verdict import Place

DONE = 0
UNUSABLE = 2


def register_scan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `scan` to the sub-commands of `kt policy`."""
    parser = commands.add_parser(
        "scan",
        help="judge texts in bulk",
        description='Read JSON lines {"id", "text"} and write, in order, {"id", "verdict", "text", "scores", '
        '"findings"}; offsets count code points of the input. Exit status: 0, or 2 for an unusable configuration '
        "or input line.",
    )
    parser.add_argument("--policy-config", required=True, metavar="PATH")
    parser.add_argument("--input", default="-", metavar="PATH", help="JSON lines; - for standard input (default)")
    parser.add_argument("--output", default="-", metavar="PATH", help="- for standard output (default)")
    parser.add_argument(
        "--phase",
        choices=("request", "response"),
        default="request",
        help="judge as a user's message (default) or as an answer",
    )
    parser.set_defaults(run=scan)


class UnusableLine(ValueError):
    """An input line that is not what it should be."""


def scan(arguments: argparse.Namespace) -> int:
    """`kt policy scan`: 0, or 2 when the configuration, a file or a line is not usable."""
    from extproc.config.load import ConfigurationError, load_runtime
    from extproc.policies.verdict import Phase, Place, PolicyFailed

    try:
        # No target is called here: any region will do where the environment names none.
        chain = load_runtime(arguments.policy_config, environ={"AWS_REGION": "us-east-1", **os.environ}).chain
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    phase = Phase(arguments.phase)
    place = Place(phase, "user" if phase is Phase.REQUEST else "assistant")
    with ExitStack() as stack:
        try:
            source = _opened(stack, arguments.input, "r", sys.stdin)
            target = _opened(stack, arguments.output, "w", sys.stdout)
            for line in judged(source, chain, place):
                target.write(line)
                # A program at the other end of a pipe gets each answer before it sends the next text.
                target.flush()
        except BrokenPipeError:
            raise
        except (OSError, UnusableLine, PolicyFailed) as error:
            print(f"kt policy scan: {error}", file=sys.stderr)
            return UNUSABLE
    return DONE


def judged(source: Iterable[str], chain: Chain, place: Place) -> Iterator[str]:
    """One output line for each input line, blank lines left out. Raises UnusableLine for the first bad line."""
    from extproc.policies.verdict import Text

    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        identity, text = _record(line, number)
        judgement = chain.judge([Text(place, text)])
        redacted = any(item.replacement is not None for item in judgement.findings)
        verdict = "block" if judgement.block else "redact" if redacted else "allow"
        record = {
            "id": identity,
            "verdict": verdict,
            # Of a blocked text nothing goes on.
            "text": "" if judgement.block else judgement.texts[0],
            "scores": dict(judgement.scores),
            "findings": [
                {"policy": item.policy, "entity": item.entity, "start": item.start, "end": item.end}
                for item in judgement.findings
            ],
        }
        # ASCII escapes carry lone surrogates, which no UTF-8 file can.
        yield json.dumps(record) + "\n"


def _record(line: str, number: int) -> tuple[object, str]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UnusableLine(f"line {number}: not JSON: {error}") from None
    except RecursionError:
        raise UnusableLine(f"line {number}: not JSON: nested too deeply") from None
    if not isinstance(record, dict) or "id" not in record or not isinstance(record.get("text"), str):
        raise UnusableLine(f'line {number}: expected an object with "id" and a string "text"')
    return record["id"], record["text"]


def _opened(stack: ExitStack, path: str, mode: str, standard: TextIO) -> IO[str]:
    if path == "-":
        return standard
    # Bytes that are no UTF-8 are part of a line that then fails as JSON, or of a text with lone surrogates.
    return stack.enter_context(open(path, mode, encoding="utf-8", errors="surrogateescape"))  # noqa: PTH123  # with a mode
