"""The Envoy of a gateway, with an actor in its part; the real one is in test_envoy.py and test_gateway.py."""

import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from extproc.config.runtime import Limits
from extproc.edge import front
from extproc.edge.envoy import EnvoyFailed
from extproc.edge.envoy_admin import AdminUnreachable
from extproc.edge.front import CA_FILES, Front, Wanted, authorities, merged
from extproc.render.settings import Address
from extproc.routing.targets import Target


def target(name, host="a.example"):
    """A target."""
    return Target(name, name, (name,), "us-east-1", host=host)


class Actor:
    """An EnvoyProcess that does what the test says: `troubles` are raised one by one."""

    def __init__(self, *_, on_exit, **__):
        self.on_exit, self.pid, self.troubles, self.told, self.busy, self.stops = on_exit, 4711, [], [], 0, 0

    async def _take(self, what, documents):
        assert self.busy == 0, "told of two things at once"
        self.busy += 1
        await asyncio.sleep(0.001)
        self.busy -= 1
        if self.troubles:
            raise self.troubles.pop(0)
        self.told.append((what, documents))

    async def start(self, documents):
        """Start."""
        await self._take("start", documents)

    async def wait_ready(self):
        """Ready at once."""

    async def replace(self, documents):
        """Take documents."""
        await self._take("replace", documents)

    async def stop(self):
        """Count."""
        self.stops += 1


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Run `play(front, actor, workers)`; `workers` are the sockets, which it may change."""
    monkeypatch.setattr(front, "EnvoyProcess", Actor)
    monkeypatch.setattr(front, "RETRY_SECONDS", (0.001, 0.004))

    def run(play):
        async def main():
            workers = ["/w0.sock"]
            made = Front(
                *(tmp_path, Address("127.0.0.1", 1), tmp_path, lambda: workers, Wanted((target("east"),), Limits())),
                threads=1,
            )
            tasks = [asyncio.create_task(made.keep_told()), asyncio.create_task(made.keep_running())]
            try:
                async with asyncio.timeout(30):
                    return await play(made, made.envoy, workers)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended

        return asyncio.run(main())

    return run


async def until(condition):
    """Wait for a condition of this process."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.001)


def sockets(documents):
    """The workers that documents name."""
    text = str(documents["eds.json"])
    return [name for name in ("/w0.sock", "/w1.sock", "/w2.sock") if name in text]


def test_a_change_is_told_until_it_is_taken(scene):
    """Whatever Envoy answers first, and with what holds by then."""

    async def play(made, actor, workers):
        actor.troubles = [EnvoyFailed("refused"), AdminUnreachable("deaf"), OSError("full")]
        workers[:] = ["/w1.sock"]
        made.outdated()
        await until(lambda: not actor.troubles)
        workers[:] = ["/w2.sock"]
        await until(lambda: actor.told)
        return [sockets(documents) for _, documents in actor.told]

    with capture_logs() as logged:
        told = scene(play)
    assert told[-1] == ["/w2.sock"]
    assert [line["log_level"] for line in logged] == ["error"] * 3


def test_it_is_told_one_thing_at_a_time(scene):
    """A worker that dies while a configuration is being switched does not disturb the switch."""

    async def play(made, actor, workers):
        made.outdated()
        await asyncio.gather(*(made.tell(["/w2.sock"]) for _ in range(5)))
        await until(lambda: len(actor.told) == 6)
        workers.append("/w1.sock")
        await made.tell()
        return sockets(actor.told[-1][1])

    assert scene(play) == ["/w0.sock", "/w1.sock"]


def test_a_failure_to_take_is_the_callers(scene):
    """Who switches must know that it was not taken."""

    async def play(made, actor, _):
        actor.troubles = [EnvoyFailed("refused")]
        with pytest.raises(EnvoyFailed):
            await made.tell()
        return actor.told

    assert scene(play) == []


def test_an_envoy_that_ends_is_started_again_until_it_runs(scene):
    """With what is wanted by then, and with one attempt at a time however often it ends."""

    async def play(made, actor, workers):
        await made.start()
        actor.troubles = [EnvoyFailed("port taken"), EnvoyFailed("port taken"), OSError("no memory")]
        actor.on_exit(-11)
        actor.on_exit(-11)
        workers[:] = ["/w1.sock"]
        made.wanted = Wanted((target("west"),), Limits())
        await until(lambda: len(actor.told) >= 2)
        await until(lambda: "Envoy serves again" in [line["event"] for line in logged])
        return actor.told, actor.stops

    with capture_logs() as logged:
        told, stops = scene(play)
    assert [what for what, _ in told] == ["start", "start"]
    assert sockets(told[1][1]) == ["/w1.sock"]
    assert "'west'" in str(told[1][1]["cds.json"])
    # One that lives on without its listener is ended before the next is started.
    assert stops == 3
    assert [line["event"] for line in logged].count("Envoy did not start") == 3


def test_each_start_has_a_trap_of_its_own(scene):
    """The port of the last one may be anybody's by then."""
    ports = iter([1001, 1002])

    async def play(made, actor, _):
        await made.start()
        await made.start()
        return [str(documents) for _, documents in actor.told]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(front, "listening", SimpleNamespace(free_port=lambda: next(ports)))
        first, second = scene(play)
    # A name or a digest may hold the same digits.
    assert "'port_value': 1001}" in first
    assert "'port_value': 1002}" not in first
    assert "'port_value': 1002}" in second


def test_logs_are_reopened_through_the_admin_socket(scene):
    """Without an Envoy nobody answers, and that is told."""

    async def play(made, *_):
        assert made.access_log.name == "access.log"
        with pytest.raises(AdminUnreachable):
            await made.reopen_logs()

    scene(play)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([()], []),
        ([("east", "west"), ()], ["a:east", "a:west"]),
        ([("east",), ("east", "west")], ["a:east", "b:west"]),
        ([("west",), ("east",), ("east", "west", "north")], ["a:west", "b:east", "c:north"]),
    ],
)
def test_targets_are_merged_by_id(groups, expected):
    """Each once, as the first group that has it says, in the order in which they first come."""
    made = [tuple(target(name, host) for name in names) for host, names in zip("abc", groups, strict=False)]
    assert [f"{each.host}:{each.id}" for each in merged(*made)] == expected


def test_certificate_authorities_are_where_aws_clients_look_first(tmp_path):
    """AWS_CA_BUNDLE before SSL_CERT_FILE before the distribution's; a missing file is told by its variable."""
    first, second = tmp_path / "aws.pem", tmp_path / "ssl.pem"
    first.touch()
    second.touch()
    both = {"AWS_CA_BUNDLE": str(first), "SSL_CERT_FILE": str(second)}
    assert authorities(both) == str(first)
    assert authorities({"SSL_CERT_FILE": str(second)}) == str(second)
    assert authorities({}) in CA_FILES
    with pytest.raises(OSError, match="AWS_CA_BUNDLE names /nowhere"):
        authorities({"AWS_CA_BUNDLE": "/nowhere"})
