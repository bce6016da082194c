"""Reloading a gateway, with a real Envoy and real workers."""

import asyncio
import os
import signal

import orjson
import pytest

from extproc.edge import gateway as module
from extproc.edge.envoy import EnvoyFailed

pytestmark = pytest.mark.envoy


def test_a_bad_file_is_told_once_and_its_repair_is_noticed(gateway):
    """While it is bad a worker that dies comes back with what was accepted; put back as it was, nothing restarts."""

    async def scene(stage):
        good = stage.settings.policy_config.read_text()
        before = stage.workers()
        stage.write(good.replace("enabled", "enalbed"))
        refused = await stage.event("configuration refused")
        assert f"{stage.settings.policy_config}:2:" in refused["problems"]
        os.kill(before[0], signal.SIGKILL)
        restarted = await gateway.until(lambda: stage.workers() != before and stage.workers())
        assert await gateway.until(stage.models) == ["m-east"]
        await asyncio.sleep(0.5)
        stage.write(good)
        await stage.event("the file holds the running configuration again")
        assert stage.workers() == restarted
        stage.write(good.replace("enabled", "enalbed"))
        await gateway.until(lambda: stage.events().count("configuration refused, the old one stays") == 2)
        stage.write(gateway.configuration("second", west=9))
        await stage.event("configuration reloaded")
        assert await gateway.until(stage.models) == ["m-west"]

    _, logged = gateway.play(scene)
    assert [line["event"] for line in logged].count("configuration refused, the old one stays") == 2


def test_a_reload_changes_targets_and_lets_the_old_ones_go_later(gateway):
    """Old targets stay while old workers may use them; when those have ended Envoy knows only the new ones."""

    async def scene(stage):
        old = stage.workers()
        stage.write(gateway.configuration("second", east=10, west=11))
        os.kill(os.getpid(), signal.SIGHUP)
        await stage.event("configuration reloaded")
        assert await stage.models() == ["m-east", "m-west"]
        assert {target.id: target.port for target in stage.front.wanted.targets} == {"east": 10, "west": 11}
        stage.write(gateway.configuration("third", north=12))
        await gateway.until(lambda: stage.events().count("configuration reloaded") == 2)
        assert [target.id for target in stage.front.wanted.targets] == ["north", "east", "west"]
        await gateway.until(lambda: [target.id for target in stage.front.wanted.targets] == ["north"])
        assert not any(gateway.alive(pid) for pid in old)

        async def known():
            clusters = (stage.gateway._directory / "cds.json").read_text()
            return '"north"' in clusters and '"east"' not in clusters and '"west"' not in clusters

        await gateway.until(known)
        assert await stage.models() == ["m-north"]
        copies = [path.name for path in stage.gateway._directory.glob("policy-config.*.yaml")]
        assert copies == ["policy-config.3.yaml"]

    assert gateway.play(scene)[0] == 0


def test_reloads_wait_for_each_other(gateway):
    """Asked for many times at once, each is done whole; every signal that comes meanwhile counts as one."""

    async def scene(stage):
        stage.write(gateway.configuration("second", west=9))
        first, second = asyncio.create_task(stage.gateway.reload("one")), asyncio.create_task(stage.gateway.reload("2"))
        for _ in range(5):
            os.kill(os.getpid(), signal.SIGHUP)
        assert (await first, await second) == ("", "")
        await gateway.until(lambda: stage.events().count("configuration reloaded") == 3)
        assert await stage.models() == ["m-west"]
        assert stage.pool.running == 1

    _, logged = gateway.play(scene)
    assert [line["event"] for line in logged].count("configuration reloaded") == 3


def test_a_worker_that_dies_during_a_reload(gateway):
    """The new generation takes over all the same, and Envoy knows its socket."""

    async def scene(stage):
        stage.write(gateway.configuration("second", west=9))
        reloading = asyncio.create_task(stage.gateway.reload("test"))
        await asyncio.sleep(0.1)
        os.kill(stage.workers()[0], signal.SIGKILL)
        assert await reloading == ""
        assert await gateway.until(stage.models) == ["m-west"]
        await gateway.until(lambda: len(stage.pool._alive) == 1)
        [socket] = stage.pool.sockets
        await gateway.until(lambda: socket in (stage.gateway._directory / "eds.json").read_text())
        assert await stage.models() == ["m-west"]

    assert gateway.play(scene)[0] == 0


@pytest.mark.parametrize("trouble", ["workers", "envoy", "disk"])
def test_a_reload_that_fails_leaves_everything_as_it_was(gateway, monkeypatch, trouble):
    """The same workers, the same targets, and nothing left of the attempt; it is not tried again by itself."""

    async def scene(stage):
        before = stage.workers(), stage.front.wanted
        if trouble == "workers":
            monkeypatch.setattr(stage.gateway, "_worker_command", lambda *_: ["false"])
        elif trouble == "disk":
            monkeypatch.setattr(module.snapshot, "take", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
        else:
            replace, calls = stage.front.envoy.replace, []

            async def refuse_second(documents):
                calls.append(documents)
                await replace(documents)
                if len(calls) == 2:
                    raise EnvoyFailed("no")

            monkeypatch.setattr(stage.front.envoy, "replace", refuse_second)
        stage.write(gateway.configuration("second", west=9))
        await gateway.until(lambda: any("the old" in event for event in stage.events()))
        monkeypatch.undo()
        await asyncio.sleep(0.5)
        assert (stage.workers(), stage.front.wanted) == before
        assert len(stage.pool._alive) == 1
        assert await gateway.until(stage.models) == ["m-east"]
        await gateway.until(lambda: '"west"' not in (stage.gateway._directory / "cds.json").read_text())
        assert sorted(path.suffix for path in stage.gateway._directory.glob("policy-config.*")) == [".runtime", ".yaml"]
        os.kill(os.getpid(), signal.SIGHUP)
        await stage.event("configuration reloaded")
        assert await gateway.until(stage.models) == ["m-west"]

    _, logged = gateway.play(scene)
    assert len([line for line in logged if "the old" in line["event"]]) == 1


def test_half_a_file_is_not_taken_for_a_whole_one(gateway):
    """A file that is still being written changes again within moments; only its last state counts."""

    async def scene(stage):
        for number in range(20):
            stage.write(gateway.configuration(f"half-{number}", west=9))
            await asyncio.sleep(0.02)
        stage.write(gateway.configuration("whole", north=9))
        await stage.event("configuration reloaded")
        assert await stage.models() == ["m-north"]

    _, logged = gateway.play(scene)
    assert [line["pack"] for line in logged if line["event"] == "configuration reloaded"] == ["whole@1.0.0"]


def records(trail):
    """What a segment has of exchanges."""
    lines = (orjson.loads(line) for line in trail.read_bytes().splitlines())
    return [line for line in lines if line["event"] == "exchange"]


def test_the_supervisors_trail_follows_the_configuration(gateway, tmp_path):
    """After a reload, exchanges that Envoy refused by itself are told to the new trail, under the new name."""

    async def scene(stage):
        stage.write(gateway.configuration("second").replace("path: audit", "path: elsewhere"))
        await stage.event("configuration reloaded")
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.settings.listen.port)
        writer.write(b"NO SUCH THING\r\n\r\n")
        assert b"400" in await reader.read()
        writer.close()
        [trail] = await gateway.until(lambda: list((tmp_path / "elsewhere").glob("*.gateway.*.jsonl")))
        [line] = await gateway.until(lambda: records(trail))
        assert (line["outcome"], line["config"]["pack"]) == ("rejected", "second@1.0.0")

    gateway.play(scene)
