"""scripts/run as a newcomer starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.envoy
def test_demonstration_shows_what_it_promises(program):
    """`scripts/run --once` shows a redaction, a stream, a refusal and a failover, and leaves nothing running."""
    port = program("processes").free_port()
    result = subprocess.run(
        [sys.executable, "scripts/local/demo.py", "--once"],
        cwd=ROOT,
        env=os.environ | {"KT_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    shown = result.stdout
    assert "echoed              Reply to [EMAIL_REDACTED], card [CREDIT_CARD_REDACTED].\n" in shown
    assert "Answered by                            sagemaker-us-east-1\n" in shown
    assert "[PHONE_REDACTED]" in shown
    assert "415-555-2671" not in shown
    assert '"code": "input_blocked"' in shown
    after_failover = shown.partition("us-east-1 is stopped")[2]
    assert "Are you still there?" in after_failover
    assert "Answered by                            sagemaker-us-west-2\n" in after_failover
    *_, record, verified = after_failover.strip().splitlines()
    assert verified.endswith("audit: whole")
    audited = json.loads(record)
    assert (audited["outcome"], audited["target"]) == ("served", "sagemaker-us-west-2")
    assert program("processes").http_status(f"http://127.0.0.1:{port}/healthz") is None
