"""The chain: original texts, joined verdicts, a block ends it, a failing policy fails closed."""

from __future__ import annotations

import pytest

from extproc.policies.audit import AuditMarker
from extproc.policies.base import Action
from extproc.policies.chain import Chain
from extproc.policies.verdict import ALLOW, Finding, Phase, Place, PolicyFailed, Text, Verdict

USER = Place(Phase.REQUEST, "user")
ANSWER = Place(Phase.RESPONSE, "assistant")


class Scripted:
    """A policy that says what it is told to, and remembers the texts."""

    def __init__(self, kind, says=ALLOW, phases=frozenset(Phase)):
        self.kind, self.says, self.phases, self.seen = kind, says, phases, []

    def judge(self, texts):
        """As told."""
        self.seen.append([text.text for text in texts])
        if isinstance(self.says, Exception):
            raise self.says
        return [self.says] * len(texts)

    def rules(self, place):
        """None."""
        del place
        return ()


def texts(*each, place=USER):
    return [Text(place, text) for text in each]


def test_each_policy_judges_the_original(make_rule, make_policy):
    """A later policy sees what an earlier one has redacted, and both redactions are made."""
    first = make_policy("p", [make_rule("a", "secret")])
    second = make_policy("q", [make_rule("b", "secret stuff", policy="q"), make_rule("c", "x", policy="q")])
    judged = Chain((first, second)).judge(texts("my secret stuff x", "x"))
    assert judged.texts == ("my <a> <c>", "<c>")
    assert [(f.policy, f.entity, f.start, f.end) for f in judged.findings] == [
        ("p", "a", 3, 9),
        ("q", "b", 3, 15),
        ("q", "c", 16, 17),
        ("q", "c", 0, 1),
    ]


def test_first_block_in_chain_order_ends_it(make_rule, make_policy):
    """After a block no further policy runs, whichever text it was in."""
    redacting = make_policy("p", [make_rule("a", "a")])
    blocking = make_policy("q", [make_rule("b", "b", policy="q", action=Action.BLOCK)])
    never = Scripted("r")
    judged = Chain((redacting, blocking, never)).judge(texts("a", "b", "c"))
    assert (judged.block.policy, judged.block.rule, judged.block.message) == ("q", "b", "no b")
    assert never.seen == []
    assert [finding.entity for finding in judged.findings] == ["a", "b"]


def test_block_of_the_first_policy_goes_before_an_earlier_text(make_rule, make_policy):
    """Chain order decides which block is reported, not the order of texts."""
    first = make_policy("p", [make_rule("a", "a", action=Action.BLOCK)])
    second = make_policy("q", [make_rule("b", "b", policy="q", action=Action.BLOCK)])
    assert Chain((first, second)).judge(texts("b", "a")).block.policy == "p"


def test_scores_are_joined_by_their_maximum():
    """Of the same score in several texts the highest is reported."""
    by_text = iter([Verdict(scores={"s": 0.2}), Verdict(scores={"s": 0.7}), Verdict(scores={"s": 0.1})])
    policy = Scripted("p")
    policy.judge = lambda given: [next(by_text) for _ in given]
    assert Chain((policy,)).judge(texts("a", "b", "c")).scores == {"s": 0.7}


def test_observations_are_reported_and_change_nothing():
    """A finding without a replacement leaves the text as it is."""
    judged = Chain((Scripted("p", Verdict((Finding("p", "e", 0, 2),))),)).judge(texts("text"))
    assert judged.texts == ("text",)
    assert [finding.entity for finding in judged.findings] == ["e"]


def test_failing_policy_fails_closed():
    """What a policy raises ends the exchange, by the policy's name."""
    with pytest.raises(PolicyFailed) as raised:
        Chain((Scripted("p", ValueError("a secret")),)).judge(texts("a"))
    assert raised.value.policy == "p"
    assert "a secret" not in str(raised.value)


def test_wrong_number_of_verdicts_fails_closed():
    """A policy that does not answer for each text has failed."""
    policy = Scripted("p")
    policy.judge = lambda given: [ALLOW] * (len(given) - 1)
    with pytest.raises(PolicyFailed):
        Chain((policy,)).judge(texts("a", "b"))
    assert Chain((policy,), fail_open=True).judge(texts("a", "b")).failed == ("p",)


def test_failing_policy_is_skipped_when_open(make_rule, make_policy):
    """With `fail_open` it is left out and named, and the others still judge."""
    chain = Chain((Scripted("bad", ValueError()), make_policy("p", [make_rule("a", "a")])), fail_open=True)
    judged = chain.judge(texts("a"))
    assert judged.texts == ("<a>",)
    assert judged.failed == ("bad",)


def test_phases(make_rule, make_policy):
    """A policy runs in its phases only; a phase that nobody inspects is known to be free."""
    policy = Scripted("p", phases=frozenset({Phase.REQUEST}))
    chain = Chain((policy, AuditMarker()))
    assert chain.inspects(Phase.REQUEST)
    assert not chain.inspects(Phase.RESPONSE)
    chain.judge(texts("a", place=ANSWER))
    assert policy.seen == []
    assert chain.window(ANSWER) is None
    assert Chain((make_policy("p", [make_rule("a", "a")]),)).inspects(Phase.RESPONSE)


def test_nothing_to_judge():
    """No texts, no policies: nothing happens."""
    assert Chain(()).judge([]).texts == ()
    assert Chain(()).judge(texts("a")).texts == ("a",)
    assert not Chain(()).inspects(Phase.REQUEST)


def test_guard_judges_and_opens_windows(make_rule, make_policy):
    """A guard is the chain at work on one exchange; each window is its own."""
    guard = Chain((make_policy("p", [make_rule("a", "ab")]),)).guard()
    assert guard.judge(texts("xab")).texts == ("x<a>",)
    one, other = guard.window(ANSWER), guard.window(ANSWER)
    assert one.push("xa").text == "x"
    assert other.push("b").text == "b"
    assert one.push("b").text == "<a>"


def test_single_policies_fail_in_their_own_way():
    """What `fail` says of a policy goes before what holds for all."""
    broken, other = Scripted("broken", ValueError()), Scripted("other", ValueError())
    assert Chain((broken,), fail={"broken": True}).judge(texts("a")).failed == ("broken",)
    with pytest.raises(PolicyFailed) as raised:
        Chain((broken, other), fail={"broken": True}).judge(texts("a"))
    assert raised.value.policy == "other"
    with pytest.raises(PolicyFailed):
        Chain((broken,), fail_open=True, fail={"broken": False}).judge(texts("a"))


def test_findings_know_their_texts(make_rule, make_policy):
    """Of each finding it is told in which of the texts it was."""
    first, second = make_policy("p", [make_rule("a", "a")]), make_policy("q", [make_rule("b", "b", policy="q")])
    judged = Chain((first, second)).judge(texts("b", "x", "ab"))
    assert [(f.entity, at) for f, at in zip(judged.findings, judged.places, strict=True)] == [
        ("b", 0),
        ("a", 2),
        ("b", 2),
    ]


def test_guard_remembers_who_failed(make_rule, make_policy):
    """A policy that failed open is named for the exchange, whether in whole texts or in a window, and for no other."""

    def broken(candidate, before):
        raise RuntimeError(candidate + before)

    chain = Chain((Scripted("whole", ValueError()), make_policy("p", [make_rule("r", "a", refine=broken)])), True)
    guard, other = chain.guard(), chain.guard()
    assert guard.window(ANSWER).push("a b").text == "a b"
    assert set(guard.failed) == {"p"}
    guard.judge(texts("x"))
    assert set(guard.failed) == {"p", "whole"}
    assert set(other.failed) == set()
