"""What is said to be lost."""

import pytest

from extproc.render.losses import LOSSES, lines
from extproc.render.versions import NEWEST


def test_nothing_is_lost_with_the_newest(targets):
    """So nothing is said."""
    assert lines(NEWEST, targets) == []


@pytest.mark.parametrize(
    ("version", "named", "count"), [((1, 39), "1.39", 8), ((1, 37), "1.37", 8), ((1, 36), "1.36", 12)]
)
def test_each_loss_of_the_version_is_a_line(targets, version, named, count):
    """After one that names both versions; 1.36 has losses of its own."""
    first, *rest = lines(version, targets)
    assert first == f"For Envoy {named}. What is lost against 1.40:"
    assert len(rest) == count
    assert all(line.startswith("- ") and line.endswith(".") for line in rest)


def test_where_each_model_has_one_target_no_order_is_lost(targets):
    """What concerns several targets is not said of single ones."""
    alone = lines((1, 36), targets[2:])
    assert len(alone) == 1 + sum(not between for _, between, _ in LOSSES)
    assert not [line for line in alone if "order" in line]
