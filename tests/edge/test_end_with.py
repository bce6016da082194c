"""A process that ends with another; tests/edge/test_worker.py ends the other."""

import os

import pytest

from extproc.edge.end_with import end_with


def test_who_has_another_parent_by_now_ends_at_once():
    """The supervisor that it was started by is gone."""
    with pytest.raises(SystemExit, match="the supervisor is gone"):
        end_with(os.getppid() + 1)
