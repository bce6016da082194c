"""`policy.audit-logger` as a whole: fields that need or exclude each other, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.config.load import inspect
from extproc.config.runtime import AuditSettings, KeySource

CONFIG = """\
pack: {name: demo, version: 1.0.0, enabled: true}
providers: {targets: [{id: llama, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: [audit-logger]}
policy:
  audit-logger: {SETTINGS}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], object]:
    """Reads a configuration with these settings."""

    def load(settings: str) -> object:
        path = tmp_path / "policy-config.yaml"
        path.write_text(CONFIG.replace("SETTINGS", settings))
        return inspect(path, environ={})

    return load


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        ("signing_key: {}", "signing_key", "name exactly one"),
        ("signing_key: {env: A, kms: b}", "signing_key", "name exactly one"),
        ("signing_key: {env: A, region: eu-west-1}", "region", "there is no kms"),
        ("hash_key: {file: a, env: B}", "hash_key", "name exactly one"),
        ("capture: full", "capture", "encryption_key"),
        ("client_headers: [x-team, Cookie]", "client_headers", "never recorded"),
        ("principal_header: X-Api-Key", "principal_header", "never recorded"),
        ("principal_header: 'a b'", "principal_header", "required form"),
        ("hash_key: {kms: k}", "kms", "unknown key"),
        ("max_batch: 0", "max_batch", "1 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(loaded, settings: str, field: str, words: str) -> None:
    """At its place, with what to do."""
    found = loaded(settings)
    assert found.runtime is None
    told = [(problem.path, problem.render("f")) for problem in found.problems]
    assert any(field in path and words in text for path, text in told), told


def test_settings_become_what_the_edge_needs(loaded, tmp_path: Path) -> None:
    """Relative paths count from the file, names of headers are in lower case and each is there once."""
    text = (
        "immutable: false, path: trail, legal_hold: true, signing_key: {kms: alias/a, region: eu-west-1},"
        " hash_key: {file: keys/hash}, encryption_key: {env: E}, capture: full, capture_bytes: 9, max_batch: 2,"
        " principal_header: X-User, client_headers: [X-Team, x-team, X-Other], queue_records: 3,"
        " segment_bytes: 65536, checkpoint_seconds: 5, retention_days: 7, log_all_access: false"
    )
    assert loaded(text).runtime.audit == AuditSettings(
        immutable=False,
        retention_days=7,
        log_all_access=False,
        path=tmp_path / "trail",
        legal_hold=True,
        signing_key=KeySource("kms", "alias/a", "eu-west-1"),
        hash_key=KeySource("file", str(tmp_path / "keys" / "hash")),
        encryption_key=KeySource("env", "E"),
        capture="full",
        capture_bytes=9,
        principal_header="x-user",
        client_headers=("x-team", "x-other"),
        max_batch=2,
        queue_records=3,
        segment_bytes=65_536,
        checkpoint_seconds=5.0,
    )
