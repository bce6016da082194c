"""A configuration loaded by another process."""

import sys

import pytest

from extproc.config import portable
from extproc.edge import loading, snapshot
from extproc.edge.loading import NotLoaded
from extproc.policies.verdict import Phase, Place, Text

CONFIG = """
pack: {name: tests, version: 1.0.0, enabled: true}
providers: {targets: [{id: east, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: [pii-detector]}
"""


@pytest.fixture
def config(tmp_path):
    """A configuration's file."""
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return path


def test_a_file_is_loaded_elsewhere(config):
    """It comes whole, and says how faults are met."""
    runtime = loading.begin(config, None, fail_open=True, writer="w0")()
    assert (runtime.pack.name, runtime.fail_open, list(runtime.chain.order)) == ("tests", True, ["pii-detector"])


def test_what_is_wrong_is_told_by_who_reads_it(config, capfd):
    """In its own words, once."""
    config.write_text(CONFIG.replace("sagemaker:chat:m", "nowhere:chat:m"))
    awaited = loading.begin(config, None, fail_open=False, writer="w0")
    with pytest.raises(NotLoaded) as caught:
        awaited()
    assert caught.value.status == 2
    told = capfd.readouterr().err
    assert told.startswith(f"kt: {config}:3:")
    assert "Traceback" not in told


def test_what_a_supervisor_has_accepted_is_taken_as_it_is(config, tmp_path, monkeypatch):
    """No process is started for it; whatever became of the file."""
    copy = tmp_path / "1.yaml"
    taken = snapshot.take(snapshot.read(config), config, copy, environ={})
    config.write_text("broken")
    monkeypatch.setattr(loading.subprocess, "Popen", None)
    runtime = loading.begin(config, copy, fail_open=False, writer="w0")()
    assert runtime.targets == taken.runtime.targets
    assert list(runtime.chain.order) == ["pii-detector"]


def test_a_workers_policies_remember_under_a_secret_of_its_own(config, tmp_path):
    """Two workers' digests of one text differ, whichever way their configuration came."""
    config.write_text(CONFIG.replace("pii-detector", "prompt-injection"))
    copy = tmp_path / "1.yaml"
    snapshot.take(snapshot.read(config), config, copy, environ={})
    text = Text(Place(Phase.REQUEST, "user"), "Hello")
    loaded = [loading.begin(config, given, fail_open=False, writer="w0")() for given in (None, copy, copy)]
    digests = [runtime.chain.policies[0].memory.recall(text)[0] for runtime in loaded]
    assert all(digests)
    assert len(set(digests)) == 3


@pytest.mark.parametrize("ready", [None, b"of another version"])
def test_a_copy_is_enough(config, tmp_path, ready):
    """After an upgrade beside a running supervisor, what it left beside the copy may not be understood."""
    copy = tmp_path / "1.yaml"
    snapshot.take(snapshot.read(config), config, copy, environ={})
    if ready is None:
        snapshot.compiled(copy).unlink()
    else:
        snapshot.compiled(copy).write_bytes(ready)
    config.write_text("broken")
    runtime = loading.begin(config, copy, fail_open=False, writer="w0")()
    assert list(runtime.chain.order) == ["pii-detector"]


def test_warnings_about_a_copy_were_told_before(config, tmp_path, monkeypatch, capfdbinary):
    """They are told of a file only."""
    config.write_text(CONFIG + "policy: {dlp-filter: {}}\n")
    copy = tmp_path / "1.yaml"
    copy.write_bytes(config.read_bytes())
    told = []
    monkeypatch.setattr("extproc.edge.logs.configure", lambda **_: None)
    monkeypatch.setattr("extproc.edge.logs.problems", lambda _, file: told.append(file))
    for given in (str(copy), ""):
        assert loading.main([str(config), given, "block", "w0"]) == 0
        sys.stdout.flush()
        assert portable.load(capfdbinary.readouterr().out).pack.name == "tests"
    assert told == [str(config)]
