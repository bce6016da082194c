"""`kt` itself: verbs, exit statuses, and what happens when nobody reads on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import extproc
from extproc import cli

CONFIG = str(Path(__file__).resolve().parents[1] / "data" / "configs" / "enterprise.yaml")


def test_every_verb_is_offered_with_help(capsys):
    """`kt --help` names every verb with a sentence, and each verb's --help works."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    assert exit_.value.code == 0
    listed = capsys.readouterr().out
    for verb in cli.COMMANDS:
        assert f"\n    {verb} " in listed or f"\n    {verb}\n" in listed
        with pytest.raises(SystemExit) as exit_:
            cli.main([verb, "--help"])
        assert exit_.value.code == 0
        assert f"usage: kt {verb}" in capsys.readouterr().out


def test_version_is_the_packages(capsys):
    """`kt --version` prints the package's version."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"kt {extproc.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["gateway"], ["gateway", "walk"], ["gateway", "run"]])
def test_incomplete_commands_are_refused(arguments, capsys):
    """A missing or unknown verb, sub-command or required option exits 2 with the usage."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: kt" in capsys.readouterr().err


def test_interruption_is_status_130(monkeypatch):
    """Ctrl-C ends a command with the status that shells give to SIGINT, without a traceback."""
    from extproc.cli import healthcheck  # noqa: PLC0415 - as cli.main finds it

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(healthcheck, "run", interrupted)
    assert cli.main(["healthcheck", "--http", "http://127.0.0.1:1"]) == 130


@pytest.mark.parametrize("arguments", [["policy", "schema"], ["policy", "lint", "--file", CONFIG]])
def test_reader_that_leaves_is_no_traceback(arguments):
    """When nobody reads its output any more, much or little, `kt` ends with status 1 and says nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        command = [sys.executable, "-m", "extproc", *arguments]
        result = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (1, "")


def test_module_is_the_command():
    """`python -m extproc` is `kt`."""
    result = subprocess.run([sys.executable, "-m", "extproc", "--version"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"kt {extproc.__version__}\n")


def test_help_loads_no_model():
    """What only the workers need, numpy and the weights, is not loaded to show a command's help."""
    program = "import sys; from extproc.cli import command_line; command_line(); print('numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
