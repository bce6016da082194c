"""The chain: original texts, joined verdicts, a block ends it, a failing policy fails closed."""

from __future__ import annotations

import json

import pytest

from extproc.openai.escapes import escaped, unescaped
from extproc.policies.base import Action
from extproc.policies.chain import Chain
from extproc.policies.marker import Marker
from extproc.policies.table import build
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
    chain = Chain((policy, Marker("audit-logger")))
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


REVERSIBLE = {"redaction": {"reversible": True}}


def reversible(*more):
    """A guard whose pii-detector is reversible, before other policies."""
    return Chain((build("pii-detector", REVERSIBLE), *more)).guard()


def test_what_is_reversible_is_numbered_in_a_request_and_put_back_in_its_answer(make_rule, make_policy):
    """Values are numbered over all texts by first appearance; answers have them back, and other markers stay."""
    guard = reversible(make_policy("q", [make_rule("word", "pony", policy="q")]))
    asked = texts("b@x.com and a@x.com", "pony, a@x.com, b@x.com, +1 415 555 2671")
    judged = guard.judge(asked)
    assert judged.texts == ("[EMAIL_1] and [EMAIL_2]", "<word>, [EMAIL_2], [EMAIL_1], [PHONE_1]")
    assert {finding.replacement for finding in judged.findings} == {"[EMAIL_1]", "[EMAIL_2]", "[PHONE_1]", "<word>"}
    answered = guard.judge(texts("[email_2] <word> [EMAIL_3]", place=ANSWER))
    assert answered.texts == ("a@x.com <word> [EMAIL_3]",)
    assert answered.findings == ()


def test_an_answer_is_judged_before_its_values_are_put_back(make_rule, make_policy):
    """A value that was put back is neither redacted nor blocked, whole or streamed; what the model makes up is."""
    guard = reversible(make_policy("q", [make_rule("no", "alice", policy="q", action=Action.BLOCK)]))
    hidden = Chain((build("pii-detector", REVERSIBLE),)).judge(texts("alice@x.com")).texts[0]
    assert guard.judge(texts("alice@x.com")).block is not None
    said = f"{hidden}, eve@x.com, "
    whole = guard.judge(texts(said, place=ANSWER))
    window = guard.window(ANSWER)
    streamed = [window.push(said), window.finish()]
    assert whole.texts == ("alice@x.com, [EMAIL_REDACTED], ",)
    assert (whole.block, [part.block for part in streamed]) == (None, [None, None])
    assert "".join(part.text for part in streamed) == whole.texts[0]
    assert [finding.entity for finding in whole.findings] == ["EMAIL"]


@pytest.mark.parametrize(
    "typed",
    ["[EMAIL_1]", "[email 1]", r"\[EMAIL\_1\]", "EMAIL_1", "row[Email1]", "[EMAIL_01]", "[EMAIL" + 90 * "_" + "1]"],
)
def test_a_placeholder_that_is_typed_reads_nothing(typed):
    """A number that any text of the request has is nobody's, wherever and however it is written."""
    guard = reversible()
    asked = [*texts("a@x.com"), *texts(typed, place=Place(Phase.REQUEST, "tool", "tool_result"))]
    assert guard.judge(asked).texts == ("[EMAIL_2]", typed)
    assert guard.judge(texts(f"{typed} [EMAIL_1] [EMAIL_2]", place=ANSWER)).texts == (f"{typed} [EMAIL_1] a@x.com",)


def test_exchanges_share_no_values():
    """Each guard has its own vault, and a chain that judges without one forgets what it took."""
    chain = Chain((build("pii-detector", REVERSIBLE),))
    one, other = chain.guard(), chain.guard()
    assert one.judge(texts("a@x.com")).texts == other.judge(texts("b@x.com")).texts == ("[EMAIL_1]",)
    assert chain.judge(texts("c@x.com")).texts == ("[EMAIL_1]",)
    asked = texts("[EMAIL_1]", place=ANSWER)
    assert [each.judge(asked).texts for each in (one, other, chain)] == [("a@x.com",), ("b@x.com",), ("[EMAIL_1]",)]
    assert "@x.com" not in repr(one)


@pytest.mark.parametrize("before", ["", "Hi,\n", "\\", "\\\n", '"', "\x01", "\x1f\t"])
def test_a_value_in_json_begins_after_an_escape(before):
    """What JSON writes before a value is no part of it: its number is that of elsewhere, and the JSON stays whole."""
    guard = reversible()
    arguments = Place(Phase.REQUEST, "assistant", "tool_arguments", path=("tool_calls", 0, "function", "arguments"))
    result = Place(Phase.REQUEST, "tool", "tool_result", document=True)
    document = unescaped(json.dumps([before + "bob@x.com"]))
    asked = [*texts("bob@x.com"), *texts(document, place=arguments), *texts(document, place=result)]
    judged = guard.judge(asked)
    assert judged.texts[0] == "[EMAIL_1]"
    assert [json.loads(escaped(text)) for text in judged.texts[1:]] == [[before + "[EMAIL_1]"]] * 2
    assert [found.end - found.start for found in judged.findings] == [9, 9, 9]


@pytest.mark.parametrize("asked", [r"C:\nbob@x.com", "{\\nbob@x.com}", "[" * 100_000 + "\\nbob@x.com"])
def test_a_backslash_in_a_text_that_is_no_json_begins_no_escape(asked):
    """There the letter after it belongs to the value, all of which is hidden."""
    guard = reversible()
    (sent,) = guard.judge(texts(asked)).texts
    assert sent == asked.replace("nbob@x.com", "[EMAIL_1]")
    assert guard.judge(texts(sent, place=ANSWER)).texts == (asked,)


def test_ten_thousand_values_in_one_request():
    """Each has its own number, past those that are typed, and each comes back."""
    guard = reversible()
    asked = " ".join(f"user{number}@example.com [EMAIL_{2 * number}]" for number in range(10_000))
    (sent,) = guard.judge(texts(asked)).texts
    assert sent.startswith("[EMAIL_1] [EMAIL_0] [EMAIL_3] [EMAIL_2] ")
    assert sent.endswith(" [EMAIL_19999] [EMAIL_19998]")
    assert guard.judge(texts(sent, place=ANSWER)).texts == (asked,)


def test_requests_and_errors_are_not_restored():
    """Only answers have values put back: not a request that is judged again, nor an error's text."""
    guard = reversible()
    guard.judge(texts("a@x.com"))
    error = Place(Phase.RESPONSE, "assistant", "other", path=("error", "message"))
    assert guard.judge(texts("[EMAIL_1]")).texts == ("[EMAIL_1]",)
    assert guard.judge(texts("[EMAIL_1]", place=error)).texts == ("[EMAIL_1]",)


def test_without_placeholders_nothing_is_in_the_way(make_rule, make_policy):
    """A request in which nothing was found has the windows that it would have without a vault."""
    guard = reversible()
    guard.judge(texts("nothing"))
    assert type(guard.window(ANSWER)) is type(Chain((make_policy("p", [make_rule("a", "ab")]),)).window(ANSWER))
    assert Chain((Marker("audit-logger"),)).guard().window(ANSWER) is None


def test_the_winner_of_an_overlap_says_whether_it_comes_back(make_rule, make_policy):
    """Where policies overlap, the first of the chain decides: its placeholder for the whole, or its own marker."""
    rules = make_policy("q", [make_rule("host", "x.com:443", policy="q")])
    detector = build("pii-detector", REVERSIBLE)
    first, last = Chain((detector, rules)).guard(), Chain((rules, detector)).guard()
    assert first.judge(texts("a@x.com:443!")).texts == ("[EMAIL_1]!",)
    assert first.judge(texts("[EMAIL_1]", place=ANSWER)).texts == ("a@x.com:443",)
    assert last.judge(texts("a@x.com:443!")).texts == ("<host>!",)
