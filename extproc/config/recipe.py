"""What a chain of policies is made from: kinds and settings. A chain itself holds compiled expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extproc.policies.base import Policy, Remembers
from extproc.policies.chain import Chain
from extproc.policies.table import build


@dataclass(frozen=True, slots=True)
class Recipe:
    """The policies in order, each with what the file says of it; `fail_open` and `fail` as of Chain."""

    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    fail_open: bool = False
    fail: Mapping[str, bool] = field(default_factory=dict)

    def chain(self, key: bytes | None = None) -> Chain:
        """A chain made from it; with a secret `key` its policies remember texts (base.Remembers).

        Raises:
            KeyError, PatternError: as of policies.table.build; not where it has been made before.
        """
        policies: list[Policy] = [build(kind, settings) for kind, settings in self.policies]
        if key is not None:
            policies = [policy.remembering(key) if isinstance(policy, Remembers) else policy for policy in policies]
        return Chain(tuple(policies), fail_open=self.fail_open, fail=self.fail)
