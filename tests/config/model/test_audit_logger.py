"""`policy.audit-logger`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.audit_logger import AuditLogger


def test_defaults() -> None:
    """Immutable, a year, everything."""
    settings = AuditLogger()
    assert (settings.immutable, settings.retention_days, settings.log_all_access) == (True, 365, True)


@pytest.mark.parametrize(("days", "valid"), [(0, False), (1, True), (36_500, True), (36_501, False)])
def test_retention(days: int, valid: bool) -> None:
    """1 to 36500 days."""
    if valid:
        assert AuditLogger.model_validate({"retention_days": days}).retention_days == days
    else:
        with pytest.raises(ValidationError):
            AuditLogger.model_validate({"retention_days": days})
