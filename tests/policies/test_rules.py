"""A policy of rules: findings with markers, observations without, one block."""

from __future__ import annotations

from extproc.policies.base import Action
from extproc.policies.rules import RulePolicy
from extproc.policies.verdict import ALLOW, Phase, Place, Text

PLACE = Place(Phase.REQUEST, "tool", "tool_result")


def test_verdicts_are_aligned(make_rule):
    """One verdict for each text, in order; the same rules apply to a stream."""
    rules = [
        make_rule("observed", "o", action=Action.OBSERVE),
        make_rule("redacted", "r"),
        make_rule("second", "b", action=Action.BLOCK),
    ]
    policy = RulePolicy("p", rules)
    clean, mixed, blocked = policy.judge([Text(PLACE, text) for text in ("x", "or", "rbb")])
    assert clean is ALLOW
    assert [(f.entity, f.start, f.end, f.replacement) for f in mixed.findings] == [
        ("observed", 0, 1, None),
        ("redacted", 1, 2, "<redacted>"),
    ]
    assert mixed.block is None
    assert (blocked.block.policy, blocked.block.rule) == ("p", "second")
    assert len(blocked.findings) == 3
    assert list(policy.rules(PLACE)) == rules
    assert policy.phases == frozenset(Phase)
