"""`kt policy`: lint and schema, and the place of scan and test."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from extproc.cli.policy_scan import register_scan
from extproc.cli.policy_test import register_test

if TYPE_CHECKING:
    from extproc.config.load import Inspected
    from extproc.config.problem import Problem

VALID = 0
INVALID = 2


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    verb = verbs.add_parser("policy", help="check a configuration, print its schema, try its policies on texts")
    commands = verb.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    lint_parser = commands.add_parser(
        "lint",
        help="check a configuration file",
        description="Report everything wrong with one configuration file (layers of several files are not supported). "
        "Exit status: 0 valid, 2 not.",
    )
    lint_parser.add_argument(
        "--file",
        "--policy-config",
        dest="file",
        default="policy-config.yaml",
        metavar="PATH",
        help="default: %(default)s",
    )
    lint_parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    lint_parser.set_defaults(run=lint)
    schema_parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of policy-config.yaml",
        description="Print the JSON Schema of policy-config.yaml, for editors: save it and begin a configuration "
        "with the line `# yaml-language-server: $schema=PATH`.",
    )
    schema_parser.set_defaults(run=schema)
    register_scan(commands)
    register_test(commands)


def schema(_arguments: argparse.Namespace) -> int:
    """`kt policy schema`."""
    from extproc.config.schema import rendered

    sys.stdout.write(rendered())
    return VALID


def lint(arguments: argparse.Namespace) -> int:
    """`kt policy lint`: 0 when the file is valid, 2 when it is not or cannot be read."""
    from extproc.config.load import inspect

    inspected = _for_any_machine(inspect(arguments.file))
    if arguments.json:
        print(json.dumps(_as_json(arguments.file, inspected), indent=2))
    else:
        print(_as_text(arguments.file, inspected))
    return INVALID if _errors(inspected) else VALID


def _for_any_machine(inspected: Inspected) -> Inspected:
    """A region may come from the environment of the machine that runs the gateway: none here is only a warning."""
    from extproc.config.problem import Code, Severity

    problems = [
        replace(problem, severity=Severity.WARNING) if problem.code is Code.REGION else problem
        for problem in inspected.problems
    ]
    return replace(inspected, problems=tuple(problems))


def _errors(inspected: Inspected) -> list[Problem]:
    from extproc.config.problem import Severity

    return [problem for problem in inspected.problems if problem.severity is Severity.ERROR]


def _warnings(inspected: Inspected) -> list[Problem]:
    errors = _errors(inspected)
    return [problem for problem in inspected.problems if problem not in errors]


def _as_text(file: str, inspected: Inspected) -> str:
    errors, configuration = _errors(inspected), inspected.configuration
    if errors or configuration is None:
        lines = [f"X {file} has {len(errors)} error{'s' if len(errors) > 1 else ''}"]
    else:
        chain = configuration.policies.chain
        lines = [
            f"OK {file} is valid",
            f"Pack: {configuration.pack.name} (v{configuration.pack.version})",
            f"Chain: {' -> '.join(chain) or '(empty)'}",
            f"Policies validated: {len(chain)}",
        ]
    return "\n".join([*lines, *(problem.render(file) for problem in inspected.problems)])


def _as_json(file: str, inspected: Inspected) -> dict[str, Any]:
    errors, configuration = _errors(inspected), inspected.configuration
    warnings = [_problem(problem) for problem in _warnings(inspected)]
    if errors or configuration is None:
        return {"valid": False, "file": file, "errors": [_problem(problem) for problem in errors], "warnings": warnings}
    return {
        "valid": True,
        "file": file,
        "pack": {"name": configuration.pack.name, "version": configuration.pack.version},
        "chain": list(configuration.policies.chain),
        "policy_count": len(configuration.policies.chain),
        "warnings": warnings,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    from extproc.config.problem import dotted

    position = problem.position
    return {
        "code": problem.code.value,
        "path": dotted(problem.path),
        "message": problem.message,
        "suggestion": problem.suggestion or None,
        "line": None if position is None else position.line,
        "column": None if position is None else position.column,
    }
