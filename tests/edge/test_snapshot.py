"""The copy of an accepted configuration."""

import os

import pytest

from extproc.config.document import MAX_BYTES
from extproc.config.load import ConfigurationError, load_runtime
from extproc.edge import snapshot

GOOD = """
pack: {name: tests, version: 1.0.0, enabled: true}
providers: {targets: [{id: east, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: [audit-logger]}
policy: {audit-logger: {AUDIT}}
"""


@pytest.fixture
def original(tmp_path):
    """Where the operator's file stands."""
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc" / "policy-config.yaml"


@pytest.fixture
def copy(tmp_path):
    """Where the copy goes."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "policy-config.1.yaml"


@pytest.mark.parametrize("audit", ["", "path: trail", "path: ../elsewhere", "path: ./a/../b", "path: /var/trail"])
def test_it_becomes_what_the_original_would(original, copy, audit):
    """Relative paths count from the original's directory, the hash and the time are the original's."""
    original.write_text(GOOD.replace("AUDIT", audit))
    os.utime(original, (1_700_000_000, 1_700_000_000))
    taken = snapshot.take(snapshot.read(original), original, copy, environ={})
    expected = load_runtime(original, environ={})
    for name in ("pack", "config_hash", "targets", "audit", "limits", "created", "fail_open"):
        assert getattr(taken.runtime, name) == getattr(expected, name)
    assert taken.runtime.created == 1_700_000_000


def test_it_outlives_the_original(original, copy):
    """What has been accepted can be loaded again whatever the file holds by then, and by its owner only."""
    original.write_text(GOOD.replace("AUDIT", "path: trail"))
    taken = snapshot.take(snapshot.read(original), original, copy, environ={})
    original.write_text("nonsense: [")
    runtime, problems = snapshot.load(copy, original, environ={})
    assert runtime.config_hash == taken.runtime.config_hash
    assert runtime.audit.path == original.parent / "trail"
    assert problems == taken.problems
    assert copy.stat().st_mode & 0o777 == 0o600


def test_problems_are_told_by_the_originals_name(original, copy):
    """Nobody knows the copy; it is not kept when it is refused."""
    original.write_text("pack: {}\n")
    with pytest.raises(ConfigurationError) as caught:
        snapshot.take(snapshot.read(original), original, copy, environ={})
    assert str(original) in str(caught.value)
    assert str(copy) not in str(caught.value)
    assert not copy.exists()


def test_warnings_come_with_it(original, copy):
    """A configuration that can be used may still deserve a word."""
    original.write_text(GOOD.replace("AUDIT", "").replace("[audit-logger]", "[]"))
    taken = snapshot.take(snapshot.read(original), original, copy, environ={})
    assert "W103" in {problem.code.value for problem in taken.problems}


def test_the_fail_mode_is_passed_on(original, copy):
    """`--fail-mode allow` holds for the copy too."""
    original.write_text(GOOD.replace("AUDIT", ""))
    assert snapshot.take(snapshot.read(original), original, copy, environ={}, fail_open=True).runtime.fail_open


def test_a_file_without_end_is_refused(original, copy):
    """No more is read than a configuration may have, and one byte."""
    with original.open("wb") as file:
        file.truncate(10 * MAX_BYTES)
    content = snapshot.read(original)
    assert len(content.data) == MAX_BYTES + 1
    with pytest.raises(ConfigurationError):
        snapshot.take(content, original, copy, environ={})


def test_a_file_that_is_not_there_cannot_be_read(original):
    """The caller decides what that means."""
    with pytest.raises(FileNotFoundError):
        snapshot.read(original)
