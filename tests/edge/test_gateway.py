"""Starting, supervising and ending a gateway, with a real Envoy and real workers."""

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from extproc.edge import gateway as module
from extproc.edge.command import GatewaySettings
from extproc.edge.gateway import Gateway
from extproc.edge.listening import free_port
from extproc.edge.workers import WorkerNotStarted
from extproc.render.settings import Address

pytestmark = pytest.mark.envoy


def test_it_is_ready_once_and_ends_in_order(gateway):
    """One ready line; after SIGTERM nothing is left and the status is 0; the port can be used again at once."""

    async def scene(stage):
        assert await stage.models() == ["m-east"]
        assert (await stage.http("GET", "/readyz"))[0] == 200

    for _ in range(2):
        status, logged = gateway.play(scene)
        assert status == 0
        events = [line["event"] for line in logged]
        assert events[-2:] == ["draining", "stopped"]
        assert events.count(f"kt gateway ready on 127.0.0.1:{gateway.settings.listen.port}") == 1


def test_warnings_are_told_at_start_and_at_reload(gateway):
    """Each problem of the configuration is one line with its place and code."""
    gateway.settings.policy_config.write_text(
        gateway.configuration(east=9).replace("[audit-logger]", "[]").split("policy: ")[0]
    )

    async def scene(stage):
        stage.write(gateway.configuration("second", east=9).replace("[audit-logger]", "[]").split("policy: ")[0])
        await stage.event("configuration reloaded")

    _, logged = gateway.play(scene)
    told = [line for line in logged if line["event"] == "configuration problem"]
    assert [line["code"] for line in told].count("W103") == 2
    assert all(line["problem"].startswith(f"{gateway.settings.policy_config}:") for line in told)


def test_an_envoy_that_dies_is_started_again(gateway):
    """The ready line is not said again; another one tells that it serves."""

    async def scene(stage):
        first = stage.front.envoy.pid
        os.kill(first, signal.SIGKILL)
        await stage.event("Envoy serves again")
        assert stage.front.envoy.pid != first
        assert await gateway.until(stage.models) == ["m-east"]

    status, logged = gateway.play(scene)
    assert status == 0
    assert len([line for line in logged if line["event"].startswith("kt gateway ready")]) == 1


def test_all_workers_have_one_key_for_tickets_which_no_command_line_shows(gateway):
    """They are told the file, in the gateway's own directory, and only its owner can read it."""

    def look(stage):
        command = stage.gateway._worker_command(Path("c"), "unix:s", "w0")
        path = Path(command[command.index("--ticket-key") + 1])
        key = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        lines = [Path(f"/proc/{worker}/cmdline").read_bytes().decode() for worker in stage.workers()]
        assert lines
        assert [str(path) in line for line in lines] == [True] * len(lines)
        assert [line for line in lines if key in line] == []

    async def scene(stage):
        look(stage)

    status, logged = gateway.play(scene)
    assert status == 0
    assert "ticket" not in str(logged)


@pytest.mark.parametrize("moment", [0.0, 0.3])
def test_a_signal_during_the_start_ends_it(gateway, monkeypatch, moment):
    """At once, with status 0, whether workers or Envoy are just being started."""
    monkeypatch.setattr(Gateway, "_worker_command", lambda *_: ["sleep", "60"])

    async def scene(_):
        await asyncio.sleep(moment)

    status, logged = gateway.play(scene, ready=False)
    assert status == 0
    assert logged[-1]["event"] == "stopped before it was ready"


async def hanging(gateway, stage):
    """An exchange that Envoy holds open: its body never ends."""
    _, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await gateway.until(stage.front.envoy.active_requests)
    return writer


def test_a_signal_during_a_reload_ends_it(gateway):
    """The reload is given up at once, while open answers are still drained; the status is 0."""

    async def scene(stage):
        before = stage.workers()
        writer = await hanging(gateway, stage)
        stage.write(gateway.configuration("second", west=9))
        os.kill(os.getpid(), signal.SIGHUP)
        await gateway.until(lambda: len(stage.pool._alive) == 2)
        os.kill(os.getpid(), signal.SIGTERM)
        await gateway.until(lambda: len(stage.pool._alive) == 1)
        assert stage.workers() == before
        assert "stopped" not in stage.events()
        writer.close()
        await stage.event("stopped")

    status, logged = gateway.play(scene)
    assert status == 0
    assert "configuration reloaded" not in [line["event"] for line in logged]


def test_a_second_signal_ends_the_drain(gateway):
    """Who asks twice does not wait for open answers."""

    async def scene(stage):
        writer = await hanging(gateway, stage)
        os.kill(os.getpid(), signal.SIGTERM)
        await stage.event("draining")
        await asyncio.sleep(0.2)
        assert "stopped" not in stage.events()
        os.kill(os.getpid(), signal.SIGINT)
        await stage.event("stopped")
        writer.close()

    status, logged = gateway.play(scene)
    assert status == 0
    assert "answers were still open when the drain ended" in [line["event"] for line in logged]


def test_an_envoy_that_dies_while_draining(gateway):
    """There is nothing left to wait for; it is not started again."""

    async def scene(stage):
        writer = await hanging(gateway, stage)
        os.kill(os.getpid(), signal.SIGTERM)
        await stage.event("draining")
        os.kill(stage.front.envoy.pid, signal.SIGKILL)
        await stage.event("stopped")
        writer.close()

    status, logged = gateway.play(scene)
    events = [line["event"] for line in logged]
    assert status == 0
    assert "Envoy ended by itself" in events
    assert "Envoy serves again" not in events


def test_a_part_of_the_supervisor_that_fails_ends_it(gateway, monkeypatch):
    """It drains and exits with 1, for whoever supervises it to start a whole one; the text of the fault is not told."""

    async def scene(stage):
        monkeypatch.setattr(module.snapshot, "read", lambda _: int("what the file said"))
        await stage.event("stopped")

    status, logged = gateway.play(scene)
    assert status == 1
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert line["fault"].startswith("ValueError at test_gateway.py:")


def stopped(pid):
    """Whether every thread of a process has stopped: on a busy machine some go on for a moment after SIGSTOP."""
    states = (path.read_text().rpartition(") ")[2][0] for path in Path(f"/proc/{pid}/task").glob("*/stat"))
    return set(states) == {"T"}


def test_the_admin_listener_tells_and_reloads(gateway):
    """Health by the workers there are, the configuration in use, and a reload that is done when it is answered."""
    chosen = GatewaySettings(
        gateway.settings.listen,
        gateway.settings.policy_config,
        gateway.settings.envoy,
        workers=2,
        drain_seconds=1.0,
        admin=Address("127.0.0.1", free_port()),
    )

    async def scene(stage):
        port = chosen.admin.port
        status, health = await stage.http("GET", "/health", port)
        assert (status, health["status"], health["policies_loaded"]) == (200, "healthy", 1)
        assert health["workers"] == {"running": 2, "configured": 2}
        assert health["uptime_seconds"] > 0
        stage.pool._command = lambda *_: ["sleep", "60"]
        os.kill(stage.workers()[0], signal.SIGKILL)
        await gateway.until(lambda: stage.pool.running == 1)

        async def degraded():
            told = await stage.http("GET", "/health", port)
            return told[1]["status"] == "degraded" and told[0] == 200

        await gateway.until(degraded)
        stage.write(gateway.configuration("second", west=9))
        status, told = await stage.http("POST", "/keeptrusts/config/reload", port)
        assert (status, told["pack"]["name"]) == (200, "second")
        assert await stage.models() == ["m-west"]
        stage.write("nonsense: [")
        status, told = await stage.http("POST", "/keeptrusts/config/reload", port)
        assert (status, f"{gateway.settings.policy_config}:1:" in told["error"]["message"]) == (422, True)
        os.kill(stage.front.envoy.pid, signal.SIGSTOP)
        await gateway.until(lambda: stopped(stage.front.envoy.pid))
        status, told = await stage.http("GET", "/health", port)
        os.kill(stage.front.envoy.pid, signal.SIGCONT)
        assert (status, told["status"]) == (503, "unhealthy")

    assert gateway.play(scene, chosen=chosen)[0] == 0


def run(settings):
    """The whole of `run`, whose private directory is made in a place of the test's."""
    with capture_logs():
        return uvloop.run(module.run(settings))


@pytest.mark.parametrize("which", ["listen", "admin"])
def test_a_port_that_is_taken_ends_the_start(gateway, which):
    """The error names the option and the address, and nothing is left behind."""
    chosen = GatewaySettings(
        gateway.settings.listen,
        gateway.settings.policy_config,
        gateway.settings.envoy,
        workers=1,
        admin=Address("127.0.0.1", free_port()),
    )
    address = getattr(chosen, which)
    before = gateway.children()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((address.host, address.port))
        other.listen()
        with pytest.raises(
            OSError, match=f"cannot listen on --{which} 127.0.0.1:{address.port}: address already in use"
        ):
            run(chosen)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    assert gateway.children() <= before


def test_workers_that_do_not_start_end_the_start(gateway, monkeypatch):
    """The same for them."""
    monkeypatch.setattr(Gateway, "_worker_command", lambda *_: ["false"])
    before = gateway.children()
    with pytest.raises(WorkerNotStarted):
        run(gateway.settings)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    assert gateway.children() <= before


def test_a_directory_too_deep_for_sockets_is_told(gateway, monkeypatch, tmp_path):
    """A Unix socket's path holds 107 bytes: the error says what to set."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(OSError, match="set TMPDIR to a shorter one"):
        run(gateway.settings)
    assert list(deep.iterdir()) == []
