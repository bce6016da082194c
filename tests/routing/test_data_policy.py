"""What is promised of a target against what is demanded."""

from __future__ import annotations

import pytest

from extproc.routing.data_policy import DataPolicy, Demands, barred

NOTHING, ZERO = DataPolicy(), DataPolicy(zero_data_retention=True)


@pytest.mark.parametrize(
    ("promised", "demanded", "why"),
    [
        (NOTHING, Demands(), ""),
        (NOTHING, Demands(zero_data_retention=True), "promises no zero data retention"),
        (ZERO, Demands(zero_data_retention=True, max_retention_days=0), ""),
        (NOTHING, Demands(no_training=True), "does not opt out of training"),
        (DataPolicy(training_opt_out=True), Demands(no_training=True), ""),
        (NOTHING, Demands(max_retention_days=30), "does not say how long it keeps data"),
        (DataPolicy(retention_days=31), Demands(max_retention_days=30), "keeps data for 31 days"),
        (DataPolicy(retention_days=30), Demands(max_retention_days=30), ""),
        (
            NOTHING,
            Demands(zero_data_retention=True, no_training=True),
            "promises no zero data retention and does not opt out of training",
        ),
    ],
)
def test_barred(promised: DataPolicy, demanded: Demands, why: str) -> None:
    """Silence is no promise, and every fault is told."""
    assert barred(promised, demanded) == why
