"""The house rules that a program can check: sizes, names, docstrings, reasons, and what must not stand in any file."""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

from extproc.cli import command_line

ROOT = Path(__file__).resolve().parent.parent

# Source files without a test file of their own, each with the reason.
TESTED_ELSEWHERE = {
    "extproc/__init__.py": "the version alone; tests/test_packaging.py compares it with the wheel's",
    "extproc/__main__.py": "one call; every test that starts a worker runs it",
    "extproc/events.py": "records without behaviour, the input of tests/test_exchange.py",
    "extproc/actions.py": "records without behaviour, the output of tests/test_exchange.py",
    "extproc/config/runtime.py": "records without behaviour, the output of tests/config/test_compile.py",
    "extproc/http2/events.py": "records without behaviour, the output of tests/http2/test_connection.py",
    "extproc/http2/faults.py": "codes and what carries them, the output of tests/http2/test_incoming.py",
    "extproc/http2/stream.py": "the state that tests/http2/test_outgoing.py and test_streams.py move",
}


def files() -> list[Path]:
    """Every file under version control, and every new one that is not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(path for name in listed if name and (path := ROOT / name).is_file())


def name_of(path: Path) -> str:
    """A path as it is written in this repository."""
    return path.relative_to(ROOT).as_posix()


GENERATED = ("extproc/_pb/", "extproc/config/schema.json")
FILES = files()
SOURCES = [path for path in FILES if path.suffix == ".py" and not name_of(path).startswith(GENERATED)]
PACKAGE = [path for path in SOURCES if name_of(path).startswith("extproc/")]
TESTS = [path for path in SOURCES if name_of(path).startswith("tests/") and path.name.startswith("test_")]


def lines(path: Path) -> list[str]:
    """A file's lines."""
    return path.read_text(encoding="utf-8").splitlines()


def has_code(path: Path) -> bool:
    """Whether a module holds more than a docstring."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_long(path: Path) -> None:
    """A file has one noun or one verb, so at most 400 lines."""
    assert len(lines(path)) <= 400


def test_most_files_are_short() -> None:
    """The median source file of the package is under 150 lines."""
    assert statistics.median(len(lines(path)) for path in PACKAGE if has_code(path)) < 150


@pytest.mark.parametrize("path", [path for path in PACKAGE if has_code(path)], ids=name_of)
def test_each_source_file_has_its_test_file(path: Path) -> None:
    """extproc/a/b.py is tested by tests/a/test_b.py; a package's own code by tests/a/test_a.py."""
    if name_of(path) in TESTED_ELSEWHERE:
        return
    folder = ROOT / "tests" / path.parent.relative_to(ROOT / "extproc")
    subject = path.parent.name if path.name == "__init__.py" else path.stem
    assert (folder / f"test_{subject}.py").is_file()


def test_exceptions_are_needed() -> None:
    """A file is excused from having a test file only while it exists and has none."""
    for name in TESTED_ELSEWHERE:
        path = ROOT / name
        assert path.is_file(), f"{name} is gone: remove it from TESTED_ELSEWHERE"
        own = ROOT / "tests" / path.parent.relative_to(ROOT / "extproc") / f"test_{path.stem}.py"
        assert not own.exists(), f"{name} has its own test file: remove it from TESTED_ELSEWHERE"


def cases(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every test of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in functions if node.name.startswith("test_")]


def asserts(function: ast.AST, helpers: frozenset[str]) -> bool:
    """Whether something in a function can fail a test by itself: assert, pytest.raises, or a helper that does."""
    for part in ast.walk(function):
        if isinstance(part, ast.Assert) and not (isinstance(part.test, ast.Constant) and part.test.value):
            return True
        if isinstance(part, ast.Raise) and part.exc and ast.unparse(part.exc).startswith("AssertionError"):
            return True
        if isinstance(part, ast.Call) and ast.unparse(part.func).rsplit(".", 1)[-1] in helpers:
            return True
    return False


def asserting_helpers(path: Path) -> frozenset[str]:
    """The functions that a test file can call, its own and those of the conftest.py files above it, that assert."""
    reachable = [path, *(folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT / "tests"))]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in reachable if file.is_file()]
    functions = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = frozenset({"raises", "fail"})
    while True:
        more = found | {node.name for node in functions if asserts(node, found)}
        if more == found:
            return found
        found = more


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_each_test_says_what_it_shows(path: Path) -> None:
    """Each test has a one-sentence docstring about behaviour."""
    for test in cases(path):
        docstring = ast.get_docstring(test) or ""
        where = f"{name_of(path)}:{test.lineno} {test.name}"
        assert docstring, f"{where} has no docstring"
        assert docstring.endswith("."), f"{where}: the docstring is no sentence"


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_each_test_can_fail(path: Path) -> None:
    """Each test asserts something, and none is skipped or excused in advance."""
    helpers = asserting_helpers(path)
    for test in cases(path):
        assert asserts(test, helpers), f"{name_of(path)}:{test.lineno} {test.name} asserts nothing"
    marks = re.compile(r"pytest[.](mark[.])?(skip|xfail|importorskip)")
    assert marks.search(path.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_each_suppression_has_its_reason(path: Path) -> None:
    """A noqa or type: ignore names its rule and says why, on the same line."""
    for number, line in enumerate(lines(path), 1):
        for mark in re.finditer(r"#\s*(noqa|type:\s*ignore)(.*)", line):
            rule_and_reason = r"(:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*|\[[a-z-]+(,\s*[a-z-]+)*\])\W+\w+"
            assert re.match(rule_and_reason, mark[2]), f"{name_of(path)}:{number}: which rule, and why?"


# One letter of each stands in brackets so that this file does not hold what it forbids.
FORBIDDEN = {
    "a package registry's address": r"pypi[.]org|files[.]pythonhosted|registry[.]npmjs|deb[.]debian",
    "a path of somebody's machine": r"(?<![\w.])/([w]ork|[r]oot|[h]ome/\w+|[U]sers/\w+|opt/[p]ypi)/",
    "a private key": r"-----BEGIN [A-Z ]*[P]RIVATE KEY-----",
}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_address_or_machine_is_named(path: Path) -> None:
    """No file names a package registry, a path of one machine, or holds a private key."""
    text = path.read_text(encoding="utf-8", errors="replace")
    assert {what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)} == set()


def test_envoy_folder_is_no_package() -> None:
    """envoy/ holds configuration: with an __init__.py it would shadow the installed `envoy` package."""
    assert [name_of(path) for path in FILES if re.match(r"envoy/.*\.py$", name_of(path))] == []


def test_tests_are_no_packages() -> None:
    """Test files are found by path: an __init__.py among them would give two of them one name."""
    assert [name_of(path) for path in FILES if re.match(r"tests/.*__init__\.py$", name_of(path))] == []


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The verbs directly below a parser."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: child for action in actions for name, child in action.choices.items()}


def commands(text: str) -> list[str]:
    """The lines of a Markdown text's shell blocks and of its inline code, continuation lines joined."""
    blocks = re.findall(r"```(?:sh|bash|console|shell)\n(.*?)```", text, flags=re.DOTALL)
    shell = [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.strip() for line in [*shell, *re.findall(r"`([^`\n]+)`", text)]]


def test_readme_commands_exist() -> None:
    """Every script and every `kt` command with its options that the README shows exists."""
    shown = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    for line in shown:
        words = line.split()
        for script in re.findall(r"(?<!\S)\.?/?(scripts/\w+)", line):
            assert (ROOT / script).is_file(), line
        if words[:1] != ["kt"]:
            continue
        parser, rest = command_line(), words[1:]
        while rest and (below := subcommands(parser)):
            if rest[0].startswith("-"):
                break
            assert rest[0] in below, line
            parser, rest = below[rest[0]], rest[1:]
        for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", " ".join(rest)):
            assert option == "--version" or option in parser._option_string_actions, line
    assert any(line.startswith("./scripts/run") for line in shown)
