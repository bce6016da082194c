"""`policy.audit-logger`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.model.section import Section


class AuditLogger(Section):
    """One record for every exchange: refusals, failures and aborts included."""

    immutable: bool = Field(
        default=True,
        description="Append only, chained by hashes, and written before the client has the last byte of its answer.",
    )
    retention_days: int = Field(
        default=365,
        ge=1,
        le=36500,
        description="Days that a record must be kept; older segments may be removed by whoever keeps them.",
    )
    log_all_access: bool = Field(
        default=True,
        description="`true` records every exchange; `false` only those that a policy touched or that failed.",
    )
    hipaa_audit_controls: Literal[False] = Field(default=False, description="Records hold no fields beyond the usual.")
    path: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Directory of the trail; relative paths count from the configuration file. Default: `audit`.",
        examples=["audit"],
    )
