"""What a chain of policies is made from: kinds and settings. A chain itself holds compiled expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extproc.policies.chain import Chain
from extproc.policies.table import build


@dataclass(frozen=True, slots=True)
class Recipe:
    """The policies in order, each with what the file says of it; `fail_open` and `fail` as of Chain."""

    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    fail_open: bool = False
    fail: Mapping[str, bool] = field(default_factory=dict)

    def chain(self) -> Chain:
        """A chain made from it.

        Raises:
            KeyError, PatternError: as of policies.table.build; not where it has been made before.
        """
        return Chain(
            tuple(build(kind, settings) for kind, settings in self.policies), fail_open=self.fail_open, fail=self.fail
        )
