"""The vocabulary of policies."""

from __future__ import annotations

from extproc.policies.verdict import ALLOW, PolicyFailed


def test_allow_says_nothing():
    """ALLOW has no findings, no block and no scores."""
    assert (ALLOW.findings, ALLOW.block, dict(ALLOW.scores)) == ((), None, {})


def test_failure_names_its_policy():
    """A failed policy is named, what it raised is not repeated."""
    assert str(PolicyFailed("pii-detector")) == "policy pii-detector failed"
