"""`kt extproc serve`: its options; the process itself is in tests/edge/test_worker.py."""

from pathlib import Path

import pytest

from extproc import cli
from extproc.cli.gateway import TRANSPORTS
from extproc.edge import end_with, loading, logs, memory, server, worker
from extproc.edge.loading import NotLoaded
from extproc.edge.trail.keys import KeyUnusable
from extproc.edge.worker import WorkerSettings


@pytest.fixture
def served(monkeypatch):
    """What the command would serve, given instead of served; an exception put in it is raised."""
    calls = []

    async def serve(runtime, settings):
        if calls:
            raise calls[0]
        calls.append((runtime, settings))
        return 7

    def begin(policy_config, copy, **settings):
        return lambda: (policy_config, copy, *settings.values())

    def end_with_(parent):
        assert not loaded
        calls.append(OSError(f"parent {parent}"))

    loaded = []
    monkeypatch.setattr(worker, "serve", serve)
    monkeypatch.setattr(memory, "bound", lambda: loaded.append("memory"))
    monkeypatch.setattr(loading, "begin", begin)
    monkeypatch.setattr(end_with, "end_with", end_with_)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    return calls


def run(*options, address="unix:/run/w.sock"):
    """The command's exit status."""
    return cli.main(["extproc", "serve", "--policy-config", "c.yaml", "--listen", address, *options])


def test_options_are_taken(served):
    """Each option reaches the worker."""
    options = ["--fail-mode", "allow", "--writer", "w0.12", "--drain-seconds", "60", "--copy", "/run/c"]
    assert run(*options, "--ticket-key", "/run/k", "--observations", "/run/o") == 7
    paths = (Path("/run/k"), Path("/run/o"))
    runtime = Path("c.yaml"), Path("/run/c"), True, "w0.12"
    assert served == [(runtime, WorkerSettings("unix:/run/w.sock", "w0.12", 60.0, *paths))]


@pytest.mark.parametrize("transport", server.TRANSPORTS)
def test_the_carrier_can_be_chosen(served, transport):
    """Any that the server knows, and no other."""
    assert run("--transport", transport) == 7
    assert served[0][1].transport == transport
    assert server.TRANSPORTS == TRANSPORTS


def test_defaults(served):
    """Faults refuse, the trail is w0's, ten minutes of drain, no supervisor, its own key for tickets, our HTTP/2."""
    assert run() == 7
    runtime = Path("c.yaml"), None, False, "w0"
    assert served == [(runtime, WorkerSettings("unix:/run/w.sock", "w0", 600.0, transport="h2"))]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/w.sock", "unix:/run/w.sock"),
        ("0.0.0.0:50051", "0.0.0.0:50051"),
        (":50051", "0.0.0.0:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("worker:50051", "worker:50051"),
    ],
)
def test_forms_of_an_address(served, text, address):
    """As gRPC takes them."""
    run(address=text)
    assert served[0][1].address == address


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--listen", "50051"], "write host:port or unix:/path/to/socket"),
        (["--listen", "unix:"], "names no socket"),
        (["--listen", "host:99999"], "write host:port"),
        (["--writer", "../w0"], "cannot name a file"),
        (["--writer", ".hidden"], "cannot name a file"),
        (["--writer", ""], "cannot name a file"),
        (["--writer", "a" * 65], "cannot name a file"),
        (["--drain-seconds", "-3"], "no number of seconds"),
        (["--transport", "h3"], "invalid choice"),
        (["--policy-config", "other.yaml"], "layering several files is not supported"),
    ],
)
def test_wrong_options_are_refused(served, capsys, options, told):
    """Exit 2 and what to write instead."""
    with pytest.raises(SystemExit) as caught:
        run(*options)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
    assert served == []


@pytest.mark.parametrize("error", [OSError("cannot listen on x"), KeyUnusable("no key")])
def test_what_keeps_it_from_serving_is_told(served, capsys, error):
    """Exit 2 and the error's own text."""
    served.append(error)
    assert run() == 2
    assert capsys.readouterr().err == f"kt: {error}\n"


def test_a_configuration_that_cannot_be_used(served, monkeypatch, capsys):
    """Exit 2; whoever has read it has said why."""

    def refused():
        raise NotLoaded(2)

    monkeypatch.setattr(loading, "begin", lambda *_, **__: refused)
    assert run() == 2
    assert (served, capsys.readouterr().err) == ([], "")


def test_under_a_supervisor_it_first_binds_itself_to_it(served, capsys):
    """Before anything else, so that none is left behind whenever the supervisor ends."""
    assert run("--parent", "4711") == 2
    assert "parent 4711" in capsys.readouterr().err
    assert len(served) == 1
