"""What a process has to do with the audit, made from its configuration."""

import asyncio
import json

import pytest

from extproc.config.load import load_runtime
from extproc.edge.trail import auditing as auditing_module
from extproc.edge.trail.auditing import Auditing
from extproc.edge.trail.keys import KeyUnusable

CONFIG = """
pack: {name: tests, version: 1.0.0, enabled: true}
providers: {targets: [{id: east, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: [audit-logger]}
policy: {audit-logger: {SETTINGS}}
"""
SECRET = {"SECRET": "ab" * 32}


@pytest.fixture
def runtime(tmp_path):
    """Compiles a configuration with audit settings."""

    def compiled(settings=""):
        path = tmp_path / "policy-config.yaml"
        path.write_text(CONFIG.replace("SETTINGS", settings))
        return load_runtime(path, environ={})

    return compiled


def lines(tmp_path):
    """All lines of the trail."""
    found = sorted((tmp_path / "audit").glob("*.jsonl"))
    return [json.loads(line) for path in found for line in path.read_bytes().splitlines()]


def test_a_segments_first_line_says_under_what_it_was_written(tmp_path, runtime):
    """The retention, the level of durability, the configuration and whose the writer is."""

    async def play():
        audit = Auditing(runtime("retention_days: 9"), "w0", {}, supervisor="gateway.abc")
        await audit.open()
        await audit.close()

    asyncio.run(play())
    first = lines(tmp_path)[0]
    told = {name: first[name] for name in ("retention_days", "immutable", "log_all_access", "supervisor")}
    assert told == {"retention_days": 9, "immutable": True, "log_all_access": True, "supervisor": "gateway.abc"}
    assert first["config"]["pack"] == "tests@1.0.0"
    assert first["chain"].startswith("w0.")


def test_keys_are_read_when_it_is_made(runtime):
    """A process that could not sign, hash or encrypt does not start."""
    with pytest.raises(KeyUnusable, match="SECRET is not set"):
        Auditing(runtime("hash_key: {env: SECRET}"), "w0", {})
    audit = Auditing(runtime("hash_key: {env: SECRET}, encryption_key: {env: SECRET}, capture: full"), "w0", SECRET)
    assert (audit.evidence.hash_key, audit.evidence.encryption_key) == (bytes.fromhex("ab" * 32),) * 2
    assert audit.evidence.bodies
    assert len(audit.evidence.nonce()) == auditing_module.NONCE_BYTES
    assert audit.evidence.nonce() != audit.evidence.nonce()


def test_a_supervisors_sign_takes_the_trail_down(tmp_path, runtime, monkeypatch):
    """A worker looks for the file now and then, and takes no request while it is there."""
    monkeypatch.setattr(auditing_module, "LOOK_SECONDS", 0.0)
    sign = tmp_path / "audit.down"
    audit = Auditing(runtime(), "w0", {}, supervisor="gateway.abc", down=sign)
    assert not audit.trail.failed
    sign.touch()
    assert audit.trail.failed
    sign.unlink()
    assert not audit.trail.failed


def test_the_audit_can_be_switched_off(tmp_path, runtime):
    """Without audit-logger in the chain nothing is written and nothing fails."""
    path = tmp_path / "policy-config.yaml"
    runtime()
    path.write_text(path.read_text().replace("[audit-logger]", "[]"))

    async def play():
        audit = Auditing(load_runtime(path, environ={}), "w0", {})
        await audit.open()
        await audit.trail.commit({"event": "exchange"})
        await audit.close()
        return audit.trail.failed

    assert asyncio.run(play()) is False
    assert not (tmp_path / "audit").exists()
