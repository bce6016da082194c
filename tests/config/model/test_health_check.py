"""`health_check` of all targets, or of one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.health_check import HealthCheck


def test_defaults() -> None:
    """Every ten seconds, and two failures are believed."""
    check = HealthCheck()
    assert (check.interval_seconds, check.timeout_seconds) == (10, 2)
    assert (check.unhealthy_threshold, check.healthy_threshold) == (2, 1)


@pytest.mark.parametrize("field", ["interval_seconds", "timeout_seconds", "unhealthy_threshold", "healthy_threshold"])
def test_nothing_is_done_in_no_time(field: str) -> None:
    """Zero is no interval, no time and no number of results."""
    with pytest.raises(ValidationError):
        HealthCheck.model_validate({field: 0})
