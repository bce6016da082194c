"""The whole file's sections, and the settings of each policy kind."""

from __future__ import annotations

import pytest

from extproc.config.model.configuration import Policy
from extproc.config.model.section import Section
from extproc.policies.table import KINDS


def test_each_kind_of_the_table_has_its_section() -> None:
    """A kind that may stand in the chain can be given settings under its own name, and no other name can."""
    assert {info.alias for info in Policy.model_fields.values()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_by_kind(kind: str) -> None:
    """`of` gives a kind's section, None when the file has none."""
    assert Policy.model_validate({}).of(kind) is None
    assert isinstance(Policy.model_validate({kind: {}}).of(kind), Section)
