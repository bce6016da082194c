"""`kt`: one module per verb; each verb's module offers `register(subparsers)` and is listed once, in COMMANDS."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from extproc import __version__

# Module name under extproc.cli: imported only when its verb is asked for would save time but hide it from --help;
# each module therefore keeps heavy imports inside its run function.
COMMANDS = ("gateway", "extproc", "envoy", "policy", "explain", "audit", "sagemaker", "healthcheck")


def command_line() -> argparse.ArgumentParser:
    """The whole command line: every verb with its options."""
    parser = argparse.ArgumentParser(prog="kt", description="OpenAI-compatible gateway for AWS SageMaker.")
    parser.add_argument("--version", action="version", version=f"kt {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"extproc.cli.{name}").register(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kt`; returns the exit status. A command's function takes the parsed arguments and returns a status."""
    arguments = command_line().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()  # a reader that left is noticed here, not while the interpreter ends
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return status
