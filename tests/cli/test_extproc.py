"""`kt extproc serve`: its options; the process itself is in tests/edge/test_worker.py."""

from pathlib import Path

import pytest

from extproc import cli
from extproc.cli.gateway import TRANSPORTS
from extproc.config.load import ConfigurationError
from extproc.config.problem import Code, Problem
from extproc.edge import logs, server, worker
from extproc.edge.worker import WorkerSettings


@pytest.fixture
def served(monkeypatch):
    """What the command would serve, given instead of served; an exception put in it is raised."""
    calls = []

    async def serve(settings):
        if calls:
            raise calls[0]
        calls.append(settings)
        return 7

    monkeypatch.setattr(worker, "serve", serve)
    monkeypatch.setattr(worker, "end_with", lambda parent: calls.append(OSError(f"parent {parent}")))
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    return calls


def run(*options, address="unix:/run/w.sock"):
    """The command's exit status."""
    return cli.main(["extproc", "serve", "--policy-config", "c.yaml", "--listen", address, *options])


def test_options_are_taken(served):
    """Each option reaches the worker."""
    options = ["--fail-mode", "allow", "--writer", "w0.12", "--drain-seconds", "60", "--copy", "/run/c"]
    assert run(*options, "--ticket-key", "/run/k", "--observations", "/run/o") == 7
    paths = (Path("/run/c"), Path("/run/k"), Path("/run/o"))
    assert served == [WorkerSettings(Path("c.yaml"), "unix:/run/w.sock", True, "w0.12", 60.0, *paths)]


@pytest.mark.parametrize("transport", server.TRANSPORTS)
def test_the_carrier_can_be_chosen(served, transport):
    """Any that the server knows, and no other."""
    assert run("--transport", transport) == 7
    assert served[0].transport == transport
    assert server.TRANSPORTS == TRANSPORTS


def test_defaults(served):
    """Faults refuse, the trail is w0's, ten minutes of drain, no supervisor, its own key for tickets, our HTTP/2."""
    assert run() == 7
    assert served == [WorkerSettings(Path("c.yaml"), "unix:/run/w.sock", False, "w0", 600.0, transport="h2")]


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
    assert served[0].address == address


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


@pytest.mark.parametrize(
    "error",
    [OSError("cannot listen on x"), ConfigurationError([Problem(Code.SYNTAX, (), "cannot be read")], "c.yaml")],
)
def test_what_keeps_it_from_serving_is_told(served, capsys, error):
    """Exit 2 and the error's own text."""
    served.append(error)
    assert run() == 2
    assert capsys.readouterr().err == f"kt: {error}\n"


def test_under_a_supervisor_it_first_binds_itself_to_it(served, capsys):
    """Before anything else, so that none is left behind whenever the supervisor ends."""
    assert run("--parent", "4711") == 2
    assert "parent 4711" in capsys.readouterr().err
    assert len(served) == 1
