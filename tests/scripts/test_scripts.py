"""The scripts themselves: the whole developer interface, in plain sh."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCED = ROOT / "scripts" / "environment"
SCRIPTS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file() and path != SOURCED]


@pytest.mark.parametrize("path", [*SCRIPTS, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_script_is_plain_sh_that_stops_at_a_failure(path):
    """Each script can be run from anywhere, parses as POSIX sh, says what it is for, and stops at the first failure."""
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/bin/sh\n# ")
    assert "\nset -eu\ncd " in text
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
    assert len(text.splitlines()) <= 30


def test_ci_checks_and_then_tests():
    """CI runs the same two commands as a developer, the suite last, so that its summary closes the output."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["./scripts/check", "./scripts/test"]
    assert (ROOT / "scripts" / "test").read_text(encoding="utf-8").splitlines()[-1] == 'exec "$PYTHON" -m pytest "$@"'


@pytest.fixture
def bare_machine(tmp_path):
    """A PATH with the usual small tools and whatever interpreters a test puts there, and a checkout's two files."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "id"):
        (tools / name).symlink_to(shutil.which(name))
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()

    def source():
        command = ["sh", "-euc", f". {SOURCED}; echo made with $PYTHON"]
        environ = {"PATH": str(tools)}
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    return tools, source


def interpreter(path: Path, body: str) -> None:
    """A program that stands for a Python."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_old_python_is_told_apart(bare_machine):
    """Where only an old Python is found, the script says which is needed and how to name one."""
    tools, source = bare_machine
    interpreter(tools / "python3", "exit 1")
    result = source()
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "KT_PYTHON=" in result.stderr


def test_environment_is_made_once_and_again_when_the_lock_changes(bare_machine, tmp_path):
    """The environment is installed from hashes when it is missing or stale, and left alone otherwise."""
    tools, source = bare_machine
    # Stands for any interpreter: `-m venv` puts itself into .venv/bin, pip notes what it was asked.
    interpreter(
        tools / "python3.12",
        'case "$*" in\n'
        "  '-m venv --clear .venv') /bin/mkdir -p .venv/bin; /bin/cp \"$0\" .venv/bin/python ;;\n"
        '  "-m pip "*) echo "$*" >>asked ;;\n'
        "esac",
    )
    first, second = source(), source()
    asked = (tmp_path / "asked").read_text().splitlines()
    (tmp_path / "requirements.lock").write_text("changed")
    third = source()
    assert [each.stdout for each in (first, second, third)] == ["made with .venv/bin/python\n"] * 3
    assert asked == [
        "-m pip install --quiet --require-hashes -r requirements.lock",
        "-m pip install --quiet --no-deps --no-build-isolation -e .",
    ]
    assert second.stderr == ""
    assert "Installing" in third.stderr
    assert (tmp_path / "asked").read_text().splitlines() == asked * 2
