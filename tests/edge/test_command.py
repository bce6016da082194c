"""The command lines of workers."""

import argparse
import os
import sys
from pathlib import Path

import pytest

from extproc.cli import extproc as cli
from extproc.edge.command import GatewaySettings, of_worker
from extproc.render.settings import Address


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_worker_is_told_what_it_needs(tmp_path, fail_open):
    """Its options are those that `kt extproc serve` takes, with all that it shares with the others."""
    settings = GatewaySettings(
        Address("127.0.0.1", 1), Path("policy-config.yaml"), Path("envoy"), 2, fail_open=fail_open, drain_seconds=7.5
    )
    command = of_worker(settings, tmp_path, tmp_path / "copy.yaml", "unix:/w.sock", "w1", supervisor="gateway.1")
    assert command[:4] == [sys.executable, "-m", "extproc", "extproc"]
    parser = argparse.ArgumentParser()
    cli.register(parser.add_subparsers(dest="verb"))
    told = vars(parser.parse_args(command[3:]))
    assert {name: told[name] for name in ("fail_mode", "listen", "writer", "drain_seconds", "transport")} == {
        "fail_mode": "allow" if fail_open else "block",
        "listen": "unix:/w.sock",
        "writer": "w1",
        "drain_seconds": 7.5,
        "transport": "h2",
    }
    assert (told["policy_config"], told["copy"]) == (Path("policy-config.yaml"), tmp_path / "copy.yaml")
    assert {told[name].parent for name in ("ticket_key", "observations", "counts", "audit_down")} == {tmp_path}
    assert (told["supervisor"], told["parent"], told["metrics"]) == ("gateway.1", os.getpid(), None)
