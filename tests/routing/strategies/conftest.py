"""Targets and observations for strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extproc.routing.row import EMPTY, Row
from extproc.routing.settings import Request
from extproc.testing import NOW, make_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.routing.targets import Target


@pytest.fixture
def ordered_by() -> Callable[..., list[str]]:
    """The ids in the order of a strategy's module, for targets by id (their fields) and rows by id."""

    def ids(
        strategy: object,
        targets: Mapping[str, Mapping[str, object]],
        seen: Mapping[str, Row] | None = None,
        **fields: object,
    ) -> list[str]:
        made: list[Target] = [make_target(name, **given) for name, given in targets.items()]
        rows = {name: (seen or {}).get(name, EMPTY) for name in targets}
        return [target.id for target in strategy.order(made, rows, Request(**fields), NOW)]

    return ids
