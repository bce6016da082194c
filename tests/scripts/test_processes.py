"""The children of a demonstration: found ready, told about when they fail, and gone at the end."""

from __future__ import annotations

import os
import socket
import sys

import pytest

SERVER = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_children_end_with_their_context(program, tmp_path):
    """A child is ready when it answers, and gone when the context ends, whatever ended it."""
    processes = program("processes")
    port = processes.free_port()
    started = []

    def fail_with_a_child() -> None:
        with processes.processes(tmp_path) as children:
            started.append(children.start("server", [sys.executable, "-c", SERVER, str(port)], os.environ))
            children.wait_http("server", f"http://127.0.0.1:{port}/")
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail_with_a_child()
    assert started[0].returncode is not None
    assert processes.http_status(f"http://127.0.0.1:{port}/") is None


def test_child_that_ends_is_told_about_at_once(program, tmp_path):
    """Waiting for a child that ended says its status and its last words instead of waiting on."""
    processes = program("processes")
    with processes.processes(tmp_path) as children:
        children.start("broken", [sys.executable, "-c", "import sys; print('no such region'); sys.exit(3)"], os.environ)
        with pytest.raises(processes.NotStarted, match=r"status 3.\n  broken: no such region"):
            children.wait_http("broken", "http://127.0.0.1:1/")


def test_taken_port_is_not_given(program):
    """The wanted port is given when it is free, another when it is not."""
    processes = program("processes")
    wanted = processes.free_port()
    assert processes.free_port(wanted) == wanted
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert processes.free_port(taken) not in {0, taken}


def test_environment_holds_no_credentials_but_the_emulated(program, monkeypatch):
    """Whatever AWS variables the user has, a child gets the emulated pair and no way to find others."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    environ = program("processes").environment()
    assert {name for name in environ if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_EC2_METADATA_DISABLED",
    }


def test_compose_configuration_is_moved_to_this_machine(program, tmp_path):
    """Hosts of the compose network become local ports, the audit trail a local folder; nothing else changes."""
    processes = program("processes")
    printed = (processes.ROOT / "envoy" / "compose" / "policy-config.yaml").read_text(encoding="utf-8")
    ports = {"sagemaker-us-east-1": 1001, "sagemaker-us-west-2": 1002}
    moved = processes.localized(printed, ports, tmp_path)
    changed = [(old, new) for old, new in zip(printed.splitlines(), moved.splitlines(), strict=True) if old != new]
    assert [new.strip() for _, new in changed] == [
        f"path: {tmp_path}",
        "base_url: http://127.0.0.1:1001",
        "base_url: http://127.0.0.1:1002",
    ]
