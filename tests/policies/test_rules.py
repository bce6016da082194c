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


def test_observing_reports_what_enforcing_would_touch(make_rule):
    """In mode observe every rule only reports, in whole texts and in the rules of a stream."""
    rules = [make_rule("redacted", "r"), make_rule("blocked", "b", action=Action.BLOCK)]
    policy = RulePolicy("p", rules, {"mode": "observe"})
    (verdict,) = policy.judge([Text(PLACE, "rb")])
    assert verdict.block is None
    assert [(f.entity, f.replacement) for f in verdict.findings] == [("redacted", None), ("blocked", None)]
    assert {rule.action for rule in policy.rules(PLACE)} == {Action.OBSERVE}


def test_only_what_it_applies_to_is_judged(make_rule):
    """Texts of other places are allowed unseen, and a stream there has no rules."""
    policy = RulePolicy("p", [make_rule("r", "r")], {"apply_to": {"phases": ["request"], "roles": ["user"]}})
    user, answer = Place(Phase.REQUEST, "user"), Place(Phase.RESPONSE, "assistant")
    said = policy.judge([Text(place, "r") for place in (PLACE, user, answer)])
    assert [verdict is ALLOW for verdict in said] == [True, False, True]
    assert [len(policy.rules(place)) for place in (PLACE, user, answer)] == [0, 1, 0]
    assert policy.phases == {Phase.REQUEST}
