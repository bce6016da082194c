"""What a target's provider does with data, and whether that is what a data-routing-policy demands.

Only what the configuration says counts: silence is no promise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataPolicy:
    """What is promised of a target: keeping nothing, training on nothing, keeping for so many days (None: not told)."""

    zero_data_retention: bool = False
    training_opt_out: bool = False
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Demands:
    """What a data-routing-policy asks of every target."""

    zero_data_retention: bool = False
    no_training: bool = False
    max_retention_days: int | None = None


def barred(promised: DataPolicy, demanded: Demands) -> str:
    """Why no request may go there, for a record; "" when it may."""
    faults = []
    days = 0 if promised.zero_data_retention else promised.retention_days
    if demanded.zero_data_retention and not promised.zero_data_retention:
        faults.append("promises no zero data retention")
    if demanded.no_training and not promised.training_opt_out:
        faults.append("does not opt out of training")
    if demanded.max_retention_days is not None and (days is None or days > demanded.max_retention_days):
        kept = "does not say how long it keeps data" if days is None else f"keeps data for {days} days"
        faults.append(kept)
    return " and ".join(faults)
