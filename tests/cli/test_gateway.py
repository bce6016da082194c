"""`kt gateway run`: its options, and how it ends when it cannot begin."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from extproc import cli
from extproc.edge import envoy_binary, gateway, logs
from extproc.edge.envoy import EnvoyFailed
from extproc.edge.envoy_binary import EnvoyNotFound
from extproc.edge.workers import WorkerNotStarted
from extproc.render.settings import Address

CONFIG = Path(__file__).resolve().parents[1] / "data" / "configs" / "enterprise.yaml"


@pytest.fixture
def started(monkeypatch):
    """What the command would start, given instead of started; an exception put in it is raised."""
    calls = []

    async def run(settings):
        calls.append(settings)
        for call in calls:
            if isinstance(call, Exception):
                raise call
        return 7

    monkeypatch.setattr(gateway, "run", run)
    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr(envoy_binary, "find_envoy", lambda path: Path(path or "/found/envoy"))
    monkeypatch.setattr(envoy_binary, "require_version", lambda _: None)
    return calls


def run(*options, config=CONFIG):
    """The command's exit status."""
    return cli.main(["gateway", "run", "--policy-config", str(config), *options])


def test_defaults_are_the_documented_ones(started, monkeypatch):
    """Port 41002 on every interface, a worker per core that we may use, refusing on faults, ten minutes of drain."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
    assert run() == 7
    [settings] = started
    assert settings.listen == Address("0.0.0.0", 41002)
    assert (settings.workers, settings.fail_open, settings.drain_seconds) == (3, False, 600.0)
    assert (settings.admin, settings.envoy) == (None, Path("/found/envoy"))


def test_options_are_taken(started, monkeypatch):
    """Each option reaches the gateway; a relative path counts from where the command is run."""
    monkeypatch.chdir(CONFIG.parent)
    options = ["--listen", "127.0.0.1:1", "--workers", "4", "--drain-seconds", "0", "--fail-mode", "allow"]
    assert run(*options, "--admin", "localhost:2", "--envoy", "/my/envoy", config=CONFIG.name) == 7
    [settings] = started
    assert settings.listen == Address("127.0.0.1", 1)
    assert settings.admin == Address("127.0.0.1", 2)
    assert (settings.workers, settings.fail_open, settings.drain_seconds) == (4, True, 0.0)
    assert (settings.policy_config, settings.envoy) == (CONFIG, Path("/my/envoy"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        (":8080", Address("0.0.0.0", 8080)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[::]:8080", Address("::", 8080)),
        ("localhost:8080", Address("127.0.0.1", 8080)),
    ],
)
def test_forms_of_an_address(started, text, address):
    """IPv4, IPv6 in brackets, every interface, and localhost."""
    run("--listen", text)
    assert started[0].listen == address


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--workers", "0"], "'0' is no number from 1 to 999"),
        (["--workers", "-1"], "from 1 to 999"),
        (["--workers", "1.5"], "from 1 to 999"),
        (["--workers", "two"], "from 1 to 999"),
        (["--workers", "²"], "from 1 to 999"),
        (["--workers", "1000"], "from 1 to 999"),
        (["--drain-seconds", "-1"], "'-1' is no number of seconds, 0 or more"),
        (["--drain-seconds", "nan"], "0 or more"),
        (["--drain-seconds", "inf"], "0 or more"),
        (["--drain-seconds", "soon"], "0 or more"),
        (["--listen", "unix:/run/kt.sock"], "a Unix socket is not supported here yet; write IP:port"),
        (["--admin", "unix:/run/kt.sock"], "a Unix socket is not supported here yet"),
        (["--listen", "8080"], "'8080' is no address to listen on; write IP:port"),
        (["--listen", "127.0.0.1"], "write IP:port"),
        (["--listen", "127.0.0.1:0"], "write IP:port"),
        (["--listen", "127.0.0.1:65536"], "write IP:port"),
        (["--listen", "gateway.example:80"], "write IP:port"),
        (["--listen", "999.0.0.1:80"], "write IP:port"),
        (["--admin", ""], "write IP:port"),
        (["--fail-mode", "maybe"], "invalid choice: 'maybe'"),
        (["--policy-config", "other.yaml"], "layering several files is not supported, so put all in one"),
    ],
)
def test_wrong_options_are_refused(started, capsys, options, told):
    """Exit 2 and what to write instead, before anything is started."""
    with pytest.raises(SystemExit) as caught:
        run(*options)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize(
    "error", [WorkerNotStarted("worker 0 did not start"), EnvoyFailed("Envoy did not start"), OSError("port taken")]
)
def test_what_keeps_it_from_starting_is_one_line(started, capsys, error):
    """Exit 2 and the error's own text."""
    started.append(error)
    assert run() == 2
    assert capsys.readouterr().err == f"kt: {error}\n"


def test_without_envoy_nothing_is_started(started, monkeypatch, capsys):
    """Exit 2, and how to get one."""

    def missing(_):
        raise EnvoyNotFound("there is no Envoy here")

    monkeypatch.setattr(envoy_binary, "find_envoy", missing)
    assert run() == 2
    assert capsys.readouterr().err == "kt: there is no Envoy here\n"
    assert started == []


@pytest.mark.envoy
@pytest.mark.parametrize("trouble", ["port", "configuration", "missing"])
def test_a_start_that_fails_leaves_nothing_behind(tmp_path, trouble):
    """The real command: a clear text without a traceback, exit 2, and its private directory is gone."""
    with socket.socket() as other, tempfile.TemporaryDirectory(prefix="kt-t") as private:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        config = tmp_path / "policy-config.yaml"
        if trouble != "missing":
            config.write_text("pack: {}\n" if trouble == "configuration" else CONFIG.read_text())
        ended = subprocess.run(
            [*(sys.executable, "-m", "extproc", "gateway", "run", "--listen", address), "--policy-config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "TMPDIR": private, "AWS_REGION": "us-east-1"},
        )
        assert list(Path(private).iterdir()) == []
    assert ended.returncode == 2
    told = {"port": f"kt: cannot listen on --listen {address}: address already in use"}.get(trouble, f"kt: {config}")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
