"""A worker process, as `kt extproc serve` runs it."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import grpc
import orjson
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc._pb import ext_proc_pb2 as pb
from extproc.edge import server, worker
from extproc.edge.listening import free_port

CONFIG = """
pack: {name: PACK, version: 1.0.0, enabled: true}
providers: {targets: [{id: east, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: [CHAIN]}
"""
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
def config(tmp_path):
    """Write a configuration and return its path."""

    def write(name="policy-config.yaml", pack="tests", chain="audit-logger"):
        path = tmp_path / name
        path.write_text(CONFIG.replace("PACK", pack).replace("CHAIN", chain))
        return path

    return write


@pytest.fixture
def serve(config, transport):
    """Start workers; each gives its process, its address and (once ended) what it wrote."""
    started = []
    with tempfile.TemporaryDirectory(prefix="kt-t") as directory:

        def start(*options, path=None, address=None, ready=True, environment=KEYS):
            address = address or f"unix:{directory}/{len(started)}.sock"
            command = [sys.executable, "-m", "extproc", "extproc", "serve", "--listen", address]
            command += ["--transport", transport]
            process = subprocess.Popen(
                [*command, "--policy-config", str(path or config()), *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/none", **environment},
            )
            started.append(process)
            if ready:
                assert process.stdout.readline() == "ready\n", process.communicate()[1]
            return process, address

        yield start
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process):
    """Status and log of a process that is about to end."""
    _, log = process.communicate(timeout=60)
    return process.returncode, [orjson.loads(line) if line.startswith("{") else line for line in log.splitlines()]


@contextlib.contextmanager
def channel(address):
    """A connection to a worker."""
    with grpc.insecure_channel(address) as opened:
        yield opened


def status(opened):
    """What its health service says."""
    return health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=30).status


def outcomes(trail):
    """Of the exchanges in a segment."""
    lines = (orjson.loads(line) for line in trail.read_bytes().splitlines())
    return [line["outcome"] for line in lines if line["event"] == "exchange"]


def exchange(opened):
    """An exchange that is under way: its call, and its first answer."""
    message = pb.ProcessingRequest()
    for name, value in {":method": "POST", ":path": "/v1/chat/completions", "x-request-id": "r"}.items():
        message.request_headers.headers.headers.add(key=name, raw_value=value.encode())
    call = opened.stream_stream(
        f"/{server.SERVICE}/Process",
        request_serializer=pb.ProcessingRequest.SerializeToString,
        response_deserializer=pb.ProcessingResponse.FromString,
    )
    done = threading.Event()

    def messages():
        yield message
        # Envoy keeps its end open for as long as the client's exchange lasts.
        done.wait(60)

    answers = call(messages(), timeout=60)
    return answers, next(answers), done


def test_it_serves_when_it_says_so(serve, tmp_path):
    """`ready` on standard output, SERVING to health checks, exchanges answered, and the line on its own file."""
    process, address = serve("--writer", "w7")
    with channel(address) as opened:
        assert status(opened) == health_pb2.HealthCheckResponse.SERVING
        answers, first, done = exchange(opened)
        assert first.HasField("request_headers")
        done.set()
        assert list(answers) == []
    process.send_signal(signal.SIGINT)
    returncode, log = ended(process)
    assert returncode == 0
    assert "Loaded declarative config tests@1.0.0" in {line["event"] for line in log}
    assert {line["worker"] for line in log} == {"w7"}
    [trail] = (tmp_path / "audit").iterdir()
    assert ".w7." in trail.name
    assert outcomes(trail) == ["aborted"]


def test_it_serves_its_counts_where_it_is_told_to(serve):
    """In a mesh each worker is scraped by itself."""
    port = free_port()
    _, address = serve("--metrics", f"127.0.0.1:{port}")
    with channel(address) as opened:
        answers, _, done = exchange(opened)
        assert b"kt_exchanges_open 1.0" in urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read()
        done.set()
        assert list(answers) == []
    counted = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    assert 'outcome="aborted",status="499",target=""} 1.0' in counted
    assert 'kt_target_credentials{target="east"} 1.0' in counted
    assert "kt_config_info{" in counted


def test_sigterm_is_announced_to_envoy_first(serve):
    """NOT_SERVING while new exchanges still come, so that Envoy stops sending them before they are refused."""
    process, address = serve()
    with channel(address) as opened:
        assert status(opened) == health_pb2.HealthCheckResponse.SERVING
        process.send_signal(signal.SIGTERM)
        while status(opened) == health_pb2.HealthCheckResponse.SERVING:
            time.sleep(0.01)
        _, first, done = exchange(opened)
        assert first.HasField("request_headers")
        done.set()
        assert ended(process)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_open_exchanges_are_finished_first(serve, number):
    """The process ends when the last one has."""
    process, address = serve("--drain-seconds", "60")
    with channel(address) as opened:
        answers, _, done = exchange(opened)
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(worker.HEALTH_SECONDS + 0.5)
        done.set()
        assert list(answers) == []
    assert ended(process)[0] == 0


def test_exchanges_that_never_end_are_cut_after_the_drain(serve, tmp_path):
    """And are on the trail as aborted."""
    process, address = serve("--drain-seconds", "0.2")
    with channel(address) as opened:
        answers, _, done = exchange(opened)
        process.send_signal(signal.SIGINT)
        with pytest.raises(grpc.RpcError):
            next(answers)
        assert ended(process)[0] == 0
        done.set()
    [trail] = (tmp_path / "audit").iterdir()
    assert outcomes(trail) == ["aborted"]


def test_a_copy_is_loaded_in_the_files_place(serve, config, tmp_path):
    """What the supervisor accepted, with the original's audit directory; its warnings are not told a second time."""
    bad = config()
    bad.write_text("nonsense: [")
    (tmp_path / "run").mkdir()
    copy = config("run/copy.yaml", pack="accepted", chain="")
    process, _ = serve("--copy", str(copy), path=bad)
    process.send_signal(signal.SIGINT)
    returncode, log = ended(process)
    assert returncode == 0
    assert [line["event"] for line in log] == ["Loaded declarative config accepted@1.0.0"]


def test_alone_it_tells_the_warnings(serve, config):
    """Without a supervisor nobody else does."""
    process, _ = serve(path=config(chain=""))
    process.send_signal(signal.SIGINT)
    _, log = ended(process)
    assert "W103" in {line["code"] for line in log if line["event"] == "configuration problem"}


def test_a_configuration_that_cannot_be_used_ends_it(serve, config):
    """Exit status 2 and the problems, no traceback."""
    path = config()
    path.write_text("pack: {}\n")
    returncode, log = ended(serve(path=path, ready=False)[0])
    assert returncode == 2
    assert f"{path}:1:1" in "\n".join(map(str, log))
    assert "Traceback" not in "\n".join(map(str, log))


def test_an_address_that_is_taken_ends_it(serve):
    """The second of two workers on one port says so; the first goes on."""
    address = f"127.0.0.1:{free_port()}"
    first, _ = serve(address=address)
    returncode, log = ended(serve(address=address, ready=False)[0])
    assert returncode == 2
    assert any(f"kt: cannot listen on {address}" in str(line) for line in log)
    assert "Traceback" not in str(log)
    assert first.poll() is None


def test_it_does_not_outlive_its_supervisor(serve):
    """One whose supervisor is gone before it has begun does not begin."""
    returncode, log = ended(serve("--parent", "1", ready=False)[0])
    assert returncode == 1
    assert log == ["the supervisor is gone"]


def test_it_ends_with_its_supervisor(config):
    """Killed without a word, a supervisor takes its workers with it."""
    with tempfile.TemporaryDirectory(prefix="kt-t") as directory:
        program = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "extproc", "extproc", "serve", "--listen", "unix:{directory}/s",
    "--policy-config", {str(config())!r}, "--parent", str(os.getpid())], stdout=subprocess.PIPE, stderr=2, text=True)
print(child.stdout.readline().strip(), child.pid, flush=True)
child.wait()
"""
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **KEYS},
        ) as supervisor:
            said, pid = supervisor.stdout.readline().split()
            supervisor.kill()
        assert said == "ready"
        deadline = time.monotonic() + 60
        while alive(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(int(pid))


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_serves_without_credentials(serve):
    """Not ready, but each request gets a clear answer; it does not wait for them for ever."""
    process, address = serve(environment={})
    with channel(address) as opened:
        assert status(opened) == health_pb2.HealthCheckResponse.SERVING
    process.send_signal(signal.SIGINT)
    returncode, log = ended(process)
    assert returncode == 0
    assert "no AWS credentials; its targets are unavailable" in {line["event"] for line in log}
