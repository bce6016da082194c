"""Reads on the trail: for now they are taken, and nothing is written."""

from __future__ import annotations

from extproc.edge import audit_access


def test_stub_leaves_the_directory_alone(tmp_path):
    """Until the writing side is there, a read that is recorded changes nothing."""
    audit_access.record(tmp_path, "audit tail", {})
    assert list(tmp_path.iterdir()) == []
