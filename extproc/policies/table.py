"""The table of policy kinds. A new kind is one file (or package) with a `build`, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extproc.policies import dlp, injection, marker
from extproc.policies.base import Policy
from extproc.policies.pii import detector as pii

KINDS: Mapping[str, Callable[[Mapping[str, Any]], Policy]] = {
    injection.KIND: injection.build,
    pii.KIND: pii.build,
    dlp.KIND: dlp.build,
    **{kind: marker.build(kind) for kind in marker.KINDS},
}


def build(kind: str, settings: Mapping[str, Any]) -> Policy:
    """The policy of that kind with the settings of its `policy.<kind>` block, already validated.

    Raises KeyError for an unknown kind and PatternError for an expression that RE2 does not run.
    """
    return KINDS[kind](settings)
