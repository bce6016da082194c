"""What a target's provider does with data, and `policy.data-routing-policy`, which demands it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.model.section import Section


class DataPolicy(Section):
    """What is promised of a target: only what is written here counts."""

    zero_data_retention: bool | None = Field(default=None, description="Whether nothing of a request is kept.")
    training_opt_out: bool | None = Field(default=None, description="Whether no model is trained on requests.")
    retention_days: int | None = Field(
        default=None, ge=0, le=36500, description="Days that requests are kept; 0 for not at all.", examples=[30]
    )


class DataRouting(Section):
    """Keeps requests from targets whose `data_policy` does not promise enough, before anything else is decided."""

    require_zero_data_retention: bool = Field(
        default=False, description="Only targets with `zdr` or `data_policy.zero_data_retention`."
    )
    require_no_training: bool = Field(
        default=False, description="Only targets with `data_policy.training_opt_out` or `data_collection: deny`."
    )
    max_retention_days: int | None = Field(
        default=None,
        ge=0,
        le=36500,
        description="Only targets whose `data_policy.retention_days` says so many days at the most.",
        examples=[30],
    )
    on_no_compliant_provider: Literal["block"] = Field(
        default="block", description="`block` refuses a request that no target is left for (409 `input_blocked`)."
    )
    log_provider_selection: bool = Field(
        default=True, description="Whether records name, under `routing`, the targets that were left out for it."
    )
