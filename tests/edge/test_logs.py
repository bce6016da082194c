"""Logs: JSON lines on standard error, no traceback and nothing that was said, and no death by a reader that left."""

import json
import os
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from extproc.config.problem import Code, Position, Problem, Severity
from extproc.edge import logs

SECRET = "what the client said"


def run(program, **streams):
    """Run a program that has `logs` configured, in a process of its own."""
    text = f"from extproc.edge import logs\nimport logging, asyncio, sys\nlogs.configure(worker='w7')\n{program}"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run([sys.executable, "-c", text], text=True, timeout=60, check=False, **options)


def lines(ended):
    """Its log, line by line."""
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_an_event_is_one_json_line():
    """Level, time in UTC, what was bound to the process, and the event's own fields."""
    [line] = lines(run("logs.get().info('ready', port=1)\nlogs.get().debug('hidden')"))
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "ready", "level": "info", "worker": "w7", "port": 1}


IN_A_LIBRARY = f"""
try:
    raise ValueError({SECRET!r})
except ValueError:
    logging.getLogger("grpc").exception("failed in %s", {SECRET!r})
"""
IN_A_LOST_TASK = f"""
async def fail():
    raise ValueError({SECRET!r})
async def main():
    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del task
asyncio.run(main())
"""
IN_A_CALLBACK = f"""
import uvloop
async def main():
    asyncio.get_running_loop().call_soon(int, {SECRET!r})
    await asyncio.sleep(0.01)
uvloop.run(main())
"""


@pytest.mark.parametrize(
    ("program", "event", "logger"),
    [
        (IN_A_LIBRARY, "failed in %s", "grpc"),
        (IN_A_LOST_TASK, "Task exception was never retrieved", "asyncio"),
        (IN_A_CALLBACK, "Exception in callback", "asyncio"),
    ],
    ids=["a library", "a lost task", "a callback"],
)
def test_what_libraries_log_is_stripped(program, event, logger):
    """One line with the constant part of their message and the fault's kind; no arguments, no traceback."""
    ended = run(program)
    [line] = lines(ended)
    assert line["event"].startswith(event)
    assert (line["logger"], line["level"]) == (logger, "error")
    assert line["fault"].partition(" ")[0] == "ValueError"
    assert SECRET not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_chatter_of_libraries_is_silent():
    """Botocore prints tokens below WARNING: nothing of it is shown, warnings are."""
    ended = run("for say in ('debug', 'info', 'warning'): getattr(logging.getLogger('botocore.auth'), say)('%s', say)")
    assert [line["level"] for line in lines(ended)] == ["warning"]


@pytest.mark.parametrize("closed", [False, True])
def test_a_reader_that_left_ends_nobody(closed):
    """A broken pipe or a closed descriptor in the log's place is no reason to stop serving."""
    reading, writing = os.pipe()
    os.close(reading)
    close = "import os; os.close(2)\n" if closed else ""
    ended = run(f"{close}for n in range(3): logs.get().info('x')\nprint('alive')", stderr=writing)
    os.close(writing)
    assert ended.stdout == "alive\n"


def test_problems_of_a_configuration_are_warnings_each():
    """One line a problem, with its place and code."""
    problem = Problem(Code.CLEAR_TEXT, ("pack",), "in the clear", "use https", Severity.WARNING, Position(3, 5))
    with capture_logs() as logged:
        logs.problems([problem, problem], "f.yaml")
    assert (
        logged
        == [
            {
                "log_level": "warning",
                "event": "configuration problem",
                "problem": "f.yaml:3:5: warning: pack: in the clear; use https [W104]",
                "code": "W104",
            }
        ]
        * 2
    )
