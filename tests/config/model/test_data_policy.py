"""`data_policy` of a target, and `policy.data-routing-policy`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.data_policy import DataPolicy, DataRouting


def test_silence_is_no_promise() -> None:
    """Nothing is promised, and nothing demanded, by default."""
    assert DataPolicy() == DataPolicy(zero_data_retention=None, training_opt_out=None, retention_days=None)
    demanded = DataRouting()
    assert (demanded.require_zero_data_retention, demanded.require_no_training, demanded.max_retention_days) == (
        False,
        False,
        None,
    )
    assert (demanded.on_no_compliant_provider, demanded.log_provider_selection) == ("block", True)


@pytest.mark.parametrize(
    "value", [{"retention_days": -1}, {"max_retention_days": 1.5}, {"on_no_compliant_provider": "x"}]
)
def test_what_makes_no_sense_is_refused(value: dict[str, object]) -> None:
    """No days below nothing, no half days, and no way around the policy."""
    for section in (DataPolicy, DataRouting):
        with pytest.raises(ValidationError):
            section.model_validate(value)
