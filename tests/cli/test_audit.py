"""`kt audit`: its sub-commands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from extproc.cli import main

COMMANDS = ("verify", "tail", "show", "export", "summary", "keygen")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_has_help(command, capsys):
    """Every sub-command explains itself."""
    with pytest.raises(SystemExit) as exit_:
        main(["audit", command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: kt audit {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["verify", "tail", "export", "summary"])
def test_default_is_the_directory_audit(command, tmp_path, monkeypatch, realistic_trail, capsys):
    """Without a path, the trail is `audit` in the working directory; when it is not there, the status is 2."""
    monkeypatch.chdir(tmp_path)
    assert main(["audit", command]) == 2
    assert "audit" in capsys.readouterr().err
    realistic_trail(0).save(tmp_path / "audit")
    assert main(["audit", command]) == 0


@pytest.mark.parametrize("command", ["verify", "tail", "export", "summary"])
def test_reader_that_leaves_is_no_traceback(command, tmp_path, realistic_trail):
    """When nobody reads the output any more, the status is 1 and nothing is said."""
    realistic_trail(0).save(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        words = [sys.executable, "-m", "extproc", "audit", command, str(tmp_path)]
        result = subprocess.run(words, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (1, "")


def test_help_loads_no_cryptography():
    """What only the commands need is not loaded to show their help."""
    program = "import sys; from extproc.cli import command_line; command_line(); print('cryptography' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
