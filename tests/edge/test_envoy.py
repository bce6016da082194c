"""The supervised Envoy, with the real binary."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.config.runtime import Limits
from extproc.edge.envoy import EnvoyFailed, EnvoyProcess, write_documents
from extproc.edge.envoy_admin import AdminUnreachable, ask
from extproc.edge.envoy_binary import find_envoy
from extproc.render.envoy import dynamic, endpoints
from extproc.render.settings import Address, Settings
from extproc.routing.targets import Target

pytestmark = pytest.mark.envoy

TARGET = Target("east", "e", ("m",), "us-east-1", scheme="http", host="127.0.0.1", port=9)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def settings(tmp_path):
    """An Envoy without any worker."""
    return Settings(
        listen=Address("127.0.0.1", free_port()),
        workers=(),
        trap=Address("127.0.0.1", free_port()),
        admin=Address(path=str(tmp_path / "admin.sock")),
        access_log=str(tmp_path / "access.log"),
    )


@pytest.fixture
def documents(settings, tmp_path):
    """What it renders to."""
    return dynamic(settings, (TARGET,), Limits(), str(tmp_path))


def scene(tmp_path, play, on_exit=None):
    """Run `play` with an EnvoyProcess that is stopped in any case."""

    async def main():
        envoy = EnvoyProcess(find_envoy(), tmp_path, tmp_path / "admin.sock", concurrency=1, on_exit=on_exit)
        try:
            return await play(envoy)
        finally:
            await envoy.stop()

    return asyncio.run(main())


async def probe(settings):
    """The status line of /healthz."""
    reader, writer = await asyncio.open_connection(settings.listen.host, settings.listen.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    try:
        return (await reader.read()).partition(b"\r\n")[0]
    finally:
        writer.close()


def test_it_starts_serves_and_stops(tmp_path, settings, documents):
    """Ready means that the listener answers; stopping is no crash, and leaves no process."""
    exits = []

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        assert await probe(settings) == b"HTTP/1.1 200 OK"
        assert await envoy.active_requests() == 0
        pid = envoy.pid
        assert await envoy.stop() == 0
        return pid

    pid = scene(tmp_path, play, exits.append)
    assert exits == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_admin_socket_is_private(tmp_path, documents):
    """Nobody but the owner may connect to the admin socket."""

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        return (tmp_path / "admin.sock").stat().st_mode & 0o777

    assert scene(tmp_path, play) == 0o600


def test_a_refused_bootstrap_is_told(tmp_path, documents):
    """An Envoy that ends at once is an error with its own words."""
    documents["bootstrap.json"]["nonsense"] = 1

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()

    with pytest.raises(EnvoyFailed, match=r"did not start.*nonsense"):
        scene(tmp_path, play)


def test_a_port_that_is_taken_is_told(tmp_path, settings, documents):
    """Envoy lives on without its listener; that is not ready, and the error names the reason."""
    with socket.socket() as taken:
        taken.bind((settings.listen.host, settings.listen.port))
        taken.listen()

        async def play(envoy):
            await envoy.start(documents)
            await envoy.wait_ready(within=2.0)

        with pytest.raises(EnvoyFailed, match=r"(?s)within 2 s.*Address already in use"):
            scene(tmp_path, play)


def test_a_crash_is_reported(tmp_path, documents):
    """When Envoy ends by itself its supervisor is told the status."""

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        os.kill(envoy.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            await ended.wait()

    ended, exits = asyncio.Event(), []
    scene(tmp_path, play, lambda status: (exits.append(status), ended.set()))
    assert exits == [-signal.SIGKILL]


def test_new_documents_are_taken(tmp_path, settings, documents):
    """Replacing returns once Envoy uses the new documents, at once if nothing changed."""

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        await envoy.replace(documents)
        moved = dynamic(settings, (replace(TARGET, port=10), replace(TARGET, id="west")), Limits(), str(tmp_path))
        await envoy.replace(moved)
        await envoy.replace({"eds.json": endpoints([Address(path=str(tmp_path / "w.sock"))])})
        return await ask(tmp_path / "admin.sock", "GET", "/clusters")

    told = scene(tmp_path, play)
    assert "127.0.0.1:10::" in told
    assert "west::127.0.0.1:9::" in told
    assert f"kt.workers::{tmp_path}/w.sock::" in told


def test_a_refused_document_leaves_the_old_one(tmp_path, settings, documents):
    """What Envoy refuses is an error with its reason, and it goes on serving."""

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        bad = dynamic(settings, (TARGET,), Limits(), str(tmp_path))["rds.json"]
        bad["version_info"] = "bad"
        bad["resources"][0]["virtual_hosts"][0]["domains"] = []
        with pytest.raises(EnvoyFailed, match=r"(?s)refused the new configuration.*[Dd]omains"):
            await envoy.replace({"rds.json": bad})
        return await probe(settings)

    assert scene(tmp_path, play) == b"HTTP/1.1 200 OK"


def test_draining_refuses_new_connections(tmp_path, settings, documents):
    """Once drained nothing is in flight, and the port is closed."""

    async def play(envoy):
        await envoy.start(documents)
        await envoy.wait_ready()
        assert await envoy.drain(5.0) is True
        with pytest.raises(ConnectionRefusedError):
            await probe(settings)

    scene(tmp_path, play)


def test_draining_waits_for_what_is_in_flight(tmp_path, settings, documents):
    """A request that a worker is still at keeps the drain from being complete, until the request has ended."""
    documents["eds.json"] = endpoints([Address(path=str(tmp_path / "silent.sock"))])

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def play(envoy):
        async with await asyncio.start_unix_server(silent, tmp_path / "silent.sock"):
            await envoy.start(documents)
            await envoy.wait_ready()
            _, writer = await asyncio.open_connection(settings.listen.host, settings.listen.port)
            writer.write(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n")
            async with asyncio.timeout(10):
                while await envoy.active_requests() == 0:  # noqa: ASYNC110 - another process has to be polled
                    await asyncio.sleep(0.01)
            before = await envoy.drain(0.2)
            writer.close()
            return before, await envoy.drain(10.0)

    assert scene(tmp_path, play) == (False, True)


def test_draining_an_envoy_that_is_gone_is_done(tmp_path):
    """Without an Envoy there is nothing in flight."""

    async def play(envoy):
        with pytest.raises(AdminUnreachable):
            await envoy.active_requests()
        return await envoy.drain(1.0)

    assert scene(tmp_path, play) is True


def test_documents_are_moved_into_place(tmp_path):
    """A watched file is never seen half written, and nothing else stays behind."""
    write_documents(tmp_path, {"cds.json": {"a": 1}, "bootstrap.json": {"b": 2}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bootstrap.json", "cds.json"]
    assert (tmp_path / "cds.json").read_text() == '{\n  "a": 1\n}\n'


def test_envoy_ends_with_its_supervisor(tmp_path, documents):
    """Even a supervisor that is killed leaves no Envoy behind to take its port's connections."""
    write_documents(tmp_path, documents)
    program = f"""
import asyncio, json, pathlib
from extproc.edge.envoy import EnvoyProcess
from extproc.edge.envoy_binary import find_envoy
async def main():
    directory = pathlib.Path({str(tmp_path)!r})
    documents = {{path.name: json.loads(path.read_text()) for path in directory.glob("*.json")}}
    envoy = EnvoyProcess(find_envoy(), directory, directory / "admin.sock", concurrency=1)
    await envoy.start(documents)
    await envoy.wait_ready()
    print(envoy.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        pid = int(supervisor.stdout.readline())
        supervisor.kill()

    def alive():
        stat = Path(f"/proc/{pid}/stat")
        # A zombie that waits for the init process is as good as gone.
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

    deadline = time.monotonic() + 10
    while alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive()
