"""Makers of rules, shared by the policy tests."""

from __future__ import annotations

import pytest

from extproc.policies.base import Action, Rule, whole
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import compile_pattern


@pytest.fixture(scope="session")
def make_rule():
    """A rule of a policy `p` (or another) whose marker is its name in brackets."""

    def make(name, source, *, action=Action.REDACT, policy="p", refine=whole):
        return Rule(policy, name, compile_pattern(source), action, lambda _: f"<{name}>", refine, f"no {name}")

    return make


@pytest.fixture(scope="session")
def make_policy():
    """A policy of the given kind over rules, in both phases."""
    return RulePolicy
