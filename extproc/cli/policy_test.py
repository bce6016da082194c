"""`kt policy test`: golden files and the configuration's own suites, through its policies."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extproc.config.model.configuration import Configuration
    from extproc.config.model.testing import Case
    from extproc.trial.case import Mismatch, Outcome

PASSED = 0
FAILED = 1
UNUSABLE = 2


def register_test(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `test` to the sub-commands of `kt policy`."""
    parser = commands.add_parser(
        "test",
        help="run the tests of a configuration",
        description="Judge the cases of tests/*.json or *.yaml (golden files: one case, or a list) and of "
        "testing.suites with a configuration's policies, and compare what comes of them with what they expect; no "
        "Envoy, no network. Exit status: 0 all passed, 1 some did not, 2 the configuration or a test file is "
        "unusable, or there is no test.",
    )
    parser.add_argument(
        "--pack-dir",
        type=Path,
        metavar="DIR",
        help="where policy-config.yaml and tests/ lie (default: where --policy-config lies, else here)",
    )
    parser.add_argument("--policy-config", type=Path, metavar="FILE", help="default: policy-config.yaml of --pack-dir")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument(
        "--update",
        action="store_true",
        help="write what comes of each case into its golden file, as what is expected; a case without `expected` gets "
        "a whole one (JSON only: a YAML file would lose its comments)",
    )
    parser.set_defaults(run=test)


class UnusableFile(ValueError):
    """A golden file that is not what it should be; the text is ready to print."""


@dataclass(frozen=True, slots=True)
class Test:
    """A case, what it is called in the output, and the object of the golden file that an update may change."""

    __test__ = False  # for pytest, which takes every class of this name for a test

    name: str
    case: Case
    golden: dict[str, Any] | None = None


def test(arguments: argparse.Namespace) -> int:
    """`kt policy test`: 0 when all cases passed, 1 when some did not, 2 when they could not be run."""
    from extproc.config.load import ConfigurationError, inspect
    from extproc.trial.case import run

    pack = arguments.pack_dir or (arguments.policy_config or Path("policy-config.yaml")).parent
    file = arguments.policy_config or pack / "policy-config.yaml"
    # No target is called here: any region will do where the environment names none.
    inspected = inspect(file, environ={"AWS_REGION": "us-east-1", **os.environ})
    if inspected.runtime is None or inspected.configuration is None:
        print(ConfigurationError(inspected.problems, str(file)), file=sys.stderr)
        return UNUSABLE
    directory = pack / "tests"
    documents: dict[Path, Any] = {}
    try:
        for path in sorted(path for path in directory.glob("*") if path.suffix in _READERS):
            documents[path] = _read(path)
        tests = [*_golden(documents, record=arguments.update), *_inline(inspected.configuration)]
    except UnusableFile as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    if not tests:
        print(f"kt policy test: no tests: neither {directory} nor testing.suites of {file} holds any", file=sys.stderr)
        return UNUSABLE
    outcomes = [(each, run(each.case, inspected.runtime.chain)) for each in tests]
    updated: list[str] = []
    if arguments.update:
        try:
            updated = _update(documents, outcomes)
        except (OSError, UnusableFile) as error:
            print(f"kt policy test: {error}", file=sys.stderr)
            return UNUSABLE
        # What was not as expected now is.
        outcomes = [
            (each, outcome if each.golden is None else replace(outcome, mismatches=())) for each, outcome in outcomes
        ]
    if arguments.json:
        print(json.dumps(_as_json(outcomes, updated), indent=2))
    else:
        print(_as_text(outcomes, updated))
    return PASSED if all(outcome.passed for _, outcome in outcomes) else FAILED


def _read(path: Path) -> Any:
    try:
        return _READERS[path.suffix](path)
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror}") from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"{path}: not JSON: {error}") from None


def _read_yaml(path: Path) -> Any:
    from extproc.config.document import Unreadable, parse

    try:
        document = parse(path.read_bytes())
    except Unreadable as error:
        raise UnusableFile(error.problem.render(str(path))) from None
    if document.problems:
        raise UnusableFile("\n".join(problem.render(str(path)) for problem in document.problems))
    return document.value


_READERS = {".json": _read_json, ".yaml": _read_yaml, ".yml": _read_yaml}


def _golden(documents: dict[Path, Any], *, record: bool) -> Iterator[Test]:
    """The cases of golden files. `record`: what a case expects may still be missing."""
    for path, document in documents.items():
        many = isinstance(document, list)
        for at, golden in enumerate(document if many else [document]):
            place = f"{path}[{at}]" if many else str(path)
            written = path.suffix == ".json"
            case = _validated(golden, place, record=record and written)
            yield Test(f"{path.name}: {case.name}", case, golden if written else None)


def _validated(golden: Any, place: str, *, record: bool) -> Case:
    from pydantic import ValidationError

    from extproc.config.model.testing import Case
    from extproc.config.problem import dotted
    from extproc.config.validate import refused

    if record and isinstance(golden, dict):
        golden = {"expected": {"verdict": "allow"}, **golden}
    try:
        return Case.model_validate(golden)
    except ValidationError as error:
        lines = [
            ": ".join(part for part in (place, dotted(problem.path), problem.message) if part)
            + (f"; {problem.suggestion}" if problem.suggestion else "")
            for problem in refused(error, ("testing", "suites", 0, "cases", 0))
        ]
        raise UnusableFile("\n".join(lines)) from None


def _inline(configuration: Configuration) -> Iterator[Test]:
    for suite in configuration.testing.suites:
        for case in suite.cases:
            yield Test(f"{suite.name}: {case.name}", case)


def _update(documents: dict[Path, Any], outcomes: Sequence[tuple[Test, Outcome]]) -> list[str]:
    """Write what came of golden cases into their files; the files that changed. What broke expects what it did."""
    for each, outcome in outcomes:
        if each.golden is None or outcome.error:
            continue
        expected = each.golden.get("expected")
        if expected is None:
            each.golden["expected"] = outcome.actual
        else:
            for mismatch in outcome.mismatches:
                expected[mismatch.what] = mismatch.actual
    changed = []
    for path, document in documents.items():
        # Only what says something else is written: a file keeps its own layout as long as it can.
        if _read(path) != document:
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            changed.append(str(path))
    return changed


def _as_text(outcomes: Sequence[tuple[Test, Outcome]], updated: Sequence[str]) -> str:
    lines = [f"updated {path}" for path in updated]
    for each, outcome in outcomes:
        lines.append(f"{'ok  ' if outcome.passed else 'FAIL'} {each.name}")
        if outcome.error:
            lines.append(f"     could not be judged: {outcome.error}")
        for mismatch in outcome.mismatches:
            lines += [f"     {line}" for line in _shown(mismatch)]
    failed = sum(not outcome.passed for _, outcome in outcomes)
    return "\n".join([*lines, f"{len(outcomes) - failed} passed, {failed} failed"])


def _shown(mismatch: Mismatch) -> Iterator[str]:
    """One line for words, a diff for everything else."""
    expected, actual = mismatch.expected, mismatch.actual
    if isinstance(expected, str) and isinstance(actual, str | None) and "\n" not in f"{expected}{actual}":
        yield f"{mismatch.what}: expected {expected!r}, got {'nothing' if actual is None else repr(actual)}"
        return
    yield f"{mismatch.what}:"
    before, after = (json.dumps(value, indent=2, ensure_ascii=False).splitlines() for value in (expected, actual))
    yield from unified_diff(before, after, "expected", "got", lineterm="", n=2)


def _as_json(outcomes: Sequence[tuple[Test, Outcome]], updated: Sequence[str]) -> dict[str, Any]:
    return {
        "ok": all(outcome.passed for _, outcome in outcomes),
        "results": [_result(each, outcome) for each, outcome in outcomes],
        "updated": list(updated),
    }


def _result(each: Test, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": each.name,
        "verdict": outcome.verdict,
        "reason_code": outcome.reason_code,
        "passed": outcome.passed,
        "details": {
            "policy_results": [
                {
                    "policy": said.policy,
                    "phase": said.phase.value,
                    "verdict": said.verdict,
                    "reason": said.rule or None,
                    "score": said.score,
                }
                for said in outcome.said
            ],
            "quality_scores": None,
            "mismatches": [
                {"what": item.what, "expected": item.expected, "actual": item.actual} for item in outcome.mismatches
            ],
            "error": outcome.error or None,
        },
    }
