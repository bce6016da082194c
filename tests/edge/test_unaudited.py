"""Envoy's log of what no worker saw, put on the trail: every line once, whatever happens to file and trail."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest
from structlog.testing import capture_logs

from extproc.config.runtime import Limits
from extproc.edge import unaudited
from extproc.edge.envoy import EnvoyProcess
from extproc.edge.envoy_admin import AdminUnreachable, ask
from extproc.edge.envoy_binary import find_envoy
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.unaudited import UnauditedLog, document
from extproc.metrics.tally import Tally
from extproc.render.envoy import dynamic
from extproc.render.settings import Address, Settings
from extproc.routing.targets import Target

CONFIG = {"pack": "tests@1.0.0", "hash": "0" * 64}


class Sink:
    """A trail in memory; `room` is how many lines it can take."""

    def __init__(self):
        self.lines, self.room = [], 10**9

    async def commit(self, *lines):
        """Take lines, all or none."""
        if len(self.lines) + len(lines) > self.room:
            raise AuditFailed("full")
        self.lines.extend(lines)

    @property
    def ids(self):
        """The request ids, in order."""
        return [line.get("request_id") for line in self.lines]


class Envoy:
    """What Envoy does with its access log, as far as a reader can see."""

    def __init__(self, path):
        self.path, self.asked, self.deaf = path, 0, False
        self.log = path.open("ab", buffering=0)

    def write(self, *ids):
        """Log exchanges."""
        for each in ids:
            self.log.write(json.dumps({"request_id": each, "status": 503}).encode() + b"\n")

    async def reopen(self):
        """POST /reopen_logs."""
        self.asked += 1
        if self.deaf:
            raise AdminUnreachable("deaf")
        self.log.close()
        self.log = self.path.open("ab", buffering=0)


@pytest.fixture
def sink():
    """An empty trail."""
    return Sink()


@pytest.fixture
def envoy(tmp_path):
    """An Envoy that has just started."""
    envoy = Envoy(tmp_path / "access.log")
    yield envoy
    envoy.log.close()


@pytest.fixture
def log(envoy, sink):
    """A reader of its log."""
    return UnauditedLog(envoy.path, sink, CONFIG, envoy.reopen)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "rejected"), (413, "rejected"), *((status, "failed") for status in (503, 200, 0, None))],
)
def test_a_line_says_whose_fault_it_was(status, outcome):
    """Refused for a 4xx; failed for a 5xx, for a 200 that broke off, without any status; empty fields are left out."""
    line = {"time": "t", "status": status, "request_id": "r", "method": None, "details": "d", "flags": "DPE"}
    made = document(line, CONFIG)
    assert (made["outcome"], made["status"], made["config"]) == (outcome, status or 0, CONFIG)
    assert made["detail"] == "ended by Envoy: d (DPE)"
    assert "method" not in made


@pytest.mark.parametrize(
    ("details", "event"),
    [
        ("upstream_reset_after_response_started{connection_termination}", "ended"),
        ("downstream_remote_disconnect", "ended"),
        ("ext_proc_error_per-message_timeout_exceeded", "ended"),
        ("ext_proc_error_gRPC_error_13{the_exchange_failed}", "ended"),
        ("ext_proc_error_gRPC_error_14{upstream_connect_error}", "exchange"),
        (
            "ext_proc_error_gRPC_error_13{upstream_reset_after_response_started{connection_termination}}",
            "exchange",
        ),
    ],
)
def test_what_a_worker_audits_itself_gets_a_second_line_that_says_why(details, event):
    """An exchange that a worker has claimed is audited by it; only one whose worker died is the supervisor's."""
    told = document({"status": 502, "claimed": 1, "details": details, "flags": "-", "request_id": "a"}, CONFIG)
    assert (told["event"], told["request_id"], told["detail"]) == (event, "a", f"ended by Envoy: {details} (-)")
    assert ("outcome" in told) == ("verdict" in told) == (event == "exchange")


def test_what_envoy_ended_by_itself_is_counted_once(envoy, sink):
    """Also when the trail took it only the second time; what a worker has claimed is counted there."""
    tally = Tally()
    log = UnauditedLog(envoy.path, sink, CONFIG, envoy.reopen, tally)
    for line in (
        {"status": 413, "path": "/v1/chat/completions"},
        {"status": 400, "path": "/x"},
        {"status": 200, "path": "/v1/completions", "claimed": 1, "details": "downstream_remote_disconnect"},
    ):
        envoy.log.write(json.dumps(line).encode() + b"\n")
    sink.room = 0
    assert asyncio.run(log.read()) is False
    assert list(tally) == []
    sink.room = 9
    assert asyncio.run(log.read()) is True
    assert dict(tally.snapshot()) == {
        "kt_exchanges": [
            (("chat/completions", "", "", "rejected", "413"), [1.0]),
            (("other", "", "", "rejected", "400"), [1.0]),
        ]
    }


def test_whole_lines_are_read_once(log, envoy, sink):
    """A line that is still being written waits until it is whole."""
    envoy.write("a", "b")
    assert asyncio.run(log.read()) is True
    envoy.log.write(b'{"request_id": "c"')
    asyncio.run(log.read())
    envoy.log.write(b"}\n")
    asyncio.run(log.read())
    asyncio.run(log.read())
    assert sink.ids == ["a", "b", "c"]


def test_without_a_log_there_is_nothing_to_read(tmp_path, sink):
    """Before Envoy has started there is none."""
    assert asyncio.run(UnauditedLog(tmp_path / "none", sink, CONFIG, None).read()) is True
    assert sink.lines == []


@pytest.mark.parametrize("junk", [b"noise\n", b"[1]\n", b"\xff\xfe\n", b"\n", b"null\n"])
def test_a_line_that_is_no_object_is_skipped_and_told(log, envoy, sink, junk):
    """It does not hold up the others, and nothing of it is repeated."""
    envoy.write("a")
    envoy.log.write(junk)
    envoy.write("b")
    with capture_logs() as logged:
        asyncio.run(log.read())
    assert sink.ids == ["a", "b"]
    assert [(line["log_level"], line["length"]) for line in logged] == [("error", len(junk))]


def test_a_trail_that_fails_is_tried_again(log, envoy, sink):
    """No line is lost and none is written twice."""
    sink.room = 1
    envoy.write("a", "b", "c")
    assert asyncio.run(log.read()) is False
    assert asyncio.run(log.read()) is False
    sink.room = 10
    assert asyncio.run(log.read()) is True
    assert sink.ids == ["a", "b", "c"]


def test_a_log_that_was_cut_is_read_from_its_beginning(log, envoy, sink):
    """Somebody emptied it: what comes after is not skipped."""
    envoy.write("a", "b")
    asyncio.run(log.read())
    envoy.log.truncate(0)
    envoy.write("c")
    with capture_logs() as logged:
        asyncio.run(log.read())
    assert sink.ids == ["a", "b", "c"]
    assert len(logged) == 1


def test_a_long_log_is_read_in_pieces(log, envoy, sink, monkeypatch):
    """Memory is bounded by a piece, wherever its end falls."""
    monkeypatch.setattr(unaudited, "CHUNK_BYTES", 64)
    names = [f"request-{number}" for number in range(50)]
    envoy.write(*names)
    asyncio.run(log.read())
    assert sink.ids == names


def test_a_line_longer_than_a_piece_ends_nothing(log, envoy, sink, monkeypatch):
    """It is given up, and the lines after it are read."""
    monkeypatch.setattr(unaudited, "CHUNK_BYTES", 64)
    envoy.write("x" * 300, "b")
    with capture_logs():
        asyncio.run(log.read())
    assert sink.ids == ["b"]


def test_a_full_log_is_renamed_read_to_its_end_and_deleted(log, envoy, sink, monkeypatch, tmp_path):
    """Lines that Envoy writes before it has opened the new file, and after, all come through, in order."""
    monkeypatch.setattr(unaudited, "ROTATE_BYTES", 100)

    async def play():
        envoy.write("a")
        assert await log.read()
        await log._rotate()
        assert envoy.asked == 0
        envoy.write("b", "c", "d")
        await log.read()
        envoy.deaf = True
        await log._rotate()
        assert not envoy.path.exists()
        envoy.write("e")
        await log.read()
        assert sink.ids == ["a", "b", "c", "d", "e"]
        envoy.write("f")
        envoy.deaf = False
        await log._rotate()
        envoy.write("g")
        await log.read()

    asyncio.run(play())
    assert sink.ids == ["a", "b", "c", "d", "e", "f", "g"]
    assert envoy.asked == 2
    assert [path.name for path in tmp_path.iterdir()] == ["access.log"]


def test_a_renamed_log_is_kept_while_the_trail_fails(log, envoy, sink, monkeypatch, tmp_path):
    """It is deleted only when every line of it is on the trail."""
    monkeypatch.setattr(unaudited, "ROTATE_BYTES", 10)

    async def play():
        envoy.write("a")
        await log.read()
        sink.room = 1
        await log._rotate()
        envoy.write("new")
        with (tmp_path / "access.log.old").open("ab") as late:
            late.write(b'{"request_id": "b"}\n')
        assert await log.read() is False
        sink.room = 10
        await log.read()

    asyncio.run(play())
    assert sink.ids == ["a", "b", "new"]


def test_after_a_reload_lines_go_to_the_new_trail(log, envoy, sink):
    """With the new configuration's name."""
    envoy.write("a")
    asyncio.run(log.read())
    other = Sink()
    log.use(other, {"pack": "new@2.0.0"})
    envoy.write("b")
    asyncio.run(log.read())
    assert (sink.ids, other.ids) == (["a"], ["b"])
    assert other.lines[0]["config"] == {"pack": "new@2.0.0"}


def test_it_follows_until_it_is_stopped(log, envoy, sink, monkeypatch):
    """Lines appear on the trail by themselves; the last ones when it stops; a log it cannot read is told."""
    monkeypatch.setattr(unaudited, "POLL_SECONDS", 0.01)

    async def play():
        log.start()
        envoy.write("a")
        async with asyncio.timeout(30):
            while not sink.lines:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            good = log._path
            log._path = good.parent
            while not logged:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            log._path = good
        log._task.cancel()
        envoy.write("b")
        await log.stop()

    with capture_logs() as logged:
        asyncio.run(play())
    assert sink.ids == ["a", "b"]
    assert logged[0]["event"] == "Envoy's access log cannot be read"


@pytest.mark.envoy
def test_a_real_envoy_opens_its_log_anew(tmp_path, sink, monkeypatch):
    """Rotated under load at every look: each refused request is on the trail once, and the log stays small."""
    monkeypatch.setattr(unaudited, "ROTATE_BYTES", 1)
    monkeypatch.setattr(unaudited, "POLL_SECONDS", 0.02)
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    settings = Settings(
        listen=Address("127.0.0.1", ports[0]),
        workers=(),
        trap=Address("127.0.0.1", ports[1]),
        admin=Address(path=str(tmp_path / "admin.sock")),
        access_log=str(tmp_path / "access.log"),
    )
    target = Target("east", "e", ("m",), "us-east-1", scheme="http", host="127.0.0.1", port=9)
    rotations = []

    async def reopen():
        rotations.append(await ask(tmp_path / "admin.sock", "POST", "/reopen_logs"))

    log = UnauditedLog(tmp_path / "access.log", sink, CONFIG, reopen)

    def refused():
        """Without a worker every request is refused, and Envoy alone knows."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/v1/models", timeout=10)
        with caught.value as error:
            return error.headers["x-request-id"]

    async def play():
        envoy = EnvoyProcess(find_envoy(), tmp_path, tmp_path / "admin.sock", concurrency=1)
        try:
            await envoy.start(dynamic(settings, (target,), Limits(), str(tmp_path)))
            await envoy.wait_ready()
            log.start()
            sent = []
            # However slow the machine is: until it has been read, renamed and opened anew twice.
            while len(sent) < 12 or (len(rotations) < 2 and len(sent) < 200):
                sent.append(await asyncio.to_thread(refused))
                await asyncio.sleep(0.1)
        finally:
            await envoy.stop()
        await log.stop()
        return sent

    sent = asyncio.run(play())
    assert sorted(sink.ids) == sorted(sent)
    assert len(set(sent)) == len(sent)
    assert len(rotations) >= 2
