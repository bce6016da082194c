"""scripts/bench from end to end, shortened: the emulator, a bare Envoy, two gateways and the load generator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.envoy
def test_bench_measures_every_variant_without_a_failure():
    """One short run gives all figures of bare Envoy and both gateways, and no request fails on the way."""
    command = [sys.executable, "scripts/local/bench.py", "--json", "--seconds", "0.5", "--connections", "4"]
    result = subprocess.run(
        [*command, "--prompt-bytes", "200", "--workers", "1"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["settings"]["connections"] == 4
    for kind, rate in (("unary", "requests/s"), ("stream", "tokens/s")):
        assert list(document[kind]) == ["bare Envoy", "no policies", "enterprise.yaml"]
        for name, figures in document[kind].items():
            assert figures["failed"] == 0
            assert figures[rate] > 0
            assert figures["envoy MiB"] > 1
            assert (figures["workers MiB"] > 1) == (name != "bare Envoy")


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ([], (1000, 32)),
        (["--peers"], (2048, 328)),
        (["--profile"], (2048, 328)),
        (["--goals"], (2048, 328)),
        (["--peers", "--prompt-bytes", "9"], (9, 328)),
    ],
)
def test_sizes_are_the_goals_where_goals_are_shown(program, given, sizes):
    """Goals, peers and profile are measured with what the goals are said for, unless told otherwise."""
    asked = program("bench").arguments(given)
    assert (asked.prompt_bytes, asked.answer_tokens) == sizes


@pytest.mark.parametrize(
    "given",
    [
        ["--peers", "--profile"],
        ["--audit", "--peers"],
        ["--goals", "--profile"],
        ["--audit", "--goals"],
        ["--plot", "x.svg"],
        ["--goals", "--transport", "h2", "--transport", "grpc"],
    ],
)
def test_modes_exclude_each_other(program, given, capsys):
    """One run is of one mode and one transport where goals are shown, and only peers and goals are drawn."""
    with pytest.raises(SystemExit) as ended:
        program("bench").arguments(given)
    assert ended.value.code == 2
    assert "--p" in capsys.readouterr().err


def test_goals_are_measured_beside_peers(program):
    """Peers belong to the goals too, and both can be drawn."""
    asked = program("bench").arguments(["--goals", "--peers", "--plot", "x.svg"])
    assert asked.goals
    assert asked.peers
