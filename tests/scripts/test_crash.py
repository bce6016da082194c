"""Parts of a gateway killed under load: no served answer without a record, and a trail that verifies after each."""

import json

import pytest


@pytest.fixture
def crash(program):
    """The program."""
    return program("crash")


@pytest.mark.envoy
@pytest.mark.parametrize("seed", [1])
def test_what_clients_have_got_is_on_the_trail_whatever_is_killed(crash, tmp_path, seed):
    """A worker, the supervisor alone, and everything at once; `scripts/crash` does it hundreds of times."""
    mix = ("worker", "worker", "supervisor", "worker", "everything", "worker")
    outcome = crash.crash(tmp_path, len(mix), seed, mix=mix)
    assert outcome.kills == {"worker": 4, "supervisor": 1, "everything": 1}
    assert outcome.served > 20
    assert (outcome.unrecorded, outcome.alarms) == ([], [])
    assert outcome.notes["crashed"] > 0


def test_only_what_a_seal_covers_counts_as_recorded(crash):
    """A record behind the last seal was never durable."""
    lines = [{"event": "exchange", "n": 1}, {"event": "seal"}, {"event": "exchange", "n": 2}]
    data = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    assert [line.get("n") for line in crash._sealed(data)] == [1, None]
    assert crash._sealed(b'{"event":"exchange"}\n') == []


def test_the_outcome_is_told_in_words(crash):
    """With every figure that decides."""
    outcome = crash.Outcome(served=7, unrecorded=["r-1"], alarms=["a: b"])
    outcome.kills["worker"] = 3
    assert "3 kills (3 of worker)" in outcome.text()
    assert "7 answers served, 1 of them without a record" in outcome.text()
    assert "1 false alarms" in outcome.text()
