"""The hold-back of a stream: exact, early, bounded, and the same as the unary path however the text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.base import Action, Rule, whole
from extproc.policies.chain import Chain
from extproc.policies.overlap import clusters, rewrite
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import compile_pattern
from extproc.policies.verdict import Phase, Place, PolicyFailed, Text
from extproc.policies.window import StreamRules, Window

PLACE = Place(Phase.RESPONSE, "assistant")

# Expressions over a small alphabet, so that matches, near misses and overlaps are frequent.
SOURCES = (
    "ab",
    "aab+",
    "a+b*",
    "a+?b*",
    "a.*?b",
    "a.*b",
    r"\bab\b",
    r"\Bab",
    r"b\b",
    "^a+b",
    "b$",
    r"ab\z",
    "(?m)^b",
    "(?m)a$",
    "(?:ab|a)(?:b|ba)",
    "a{2,3}",
    "a{2,3}?b?",
    "(?:a|b){4}",
    "[^a ]b",
    "é+a",
    r"\pL{3}",
    "(?i)A[[:alpha:]]b",
    r"(?s)b.a",
    r"(?P<n>a-?b)-",
    r"\Qa-b\E",
    "(?U)a+b*",
    "a(?:b|-)*(?:a|$)",
    "(?:ab?)+-",
    r"[^\x00]b",
    "a\x00",
    r"(?:\ba|b)+ ",
    "(?i:a)b(?-i:a)",
    "n?ab",
    "[a-z0]+b",
    r"\\n? ?a",
    r"\s\w",
    r"n\b",
)
TEXTS = st.text(alphabet="aabbA- \né\x00", max_size=24)
# A full-width letter, one that becomes three, a ligature's kin, what vanishes, a dash of each kind, a surrogate.
JSON = Place(Phase.RESPONSE, "assistant", document=True)
DISGUISED = st.text(alphabet="aabbA- \né\x00ａｂ㏂\u200b\u00ad\u2010—1\ud83d", max_size=24)
# Words behind escapes.
QUOTED = st.lists(
    st.sampled_from(["\\", r"\n", r"\r", r"\u00a0", r"\u00", "n", "a", "b", "ab", "aab", " ", "-", "ａ", "é"]),
    max_size=14,
).map("".join)
# Long enough between disguises for the second reading to end and begin again.
PLAIN = ("", "ab- " * 20, "aabb a" * 12, "-" * 60)
ACTIONS = st.sampled_from([Action.REDACT, Action.REDACT, Action.REDACT, Action.OBSERVE, Action.BLOCK])


def second_half(candidate, before):
    """A refinement with an opinion: none after a space, a part of long candidates, all of the others."""
    if before.endswith(" "):
        return ()
    return ((1, len(candidate)),) if len(candidate) > 2 else ((0, len(candidate)),)


# What a policy's settings may say of a stream: some of these look at PLACE, some only observe it.
PLACED = st.sampled_from(
    [
        {},
        {},
        {"mode": "enforce", "apply_to": {"phases": ["response"], "tools": []}},
        {"mode": "observe"},
        {"apply_to": {"phases": ["request"]}},
        {"apply_to": {"roles": ["user"], "tools": ["tool_arguments"]}},
    ]
)


@st.composite
def chains(draw, actions=ACTIONS, refinements=(whole, second_half), placed=PLACED):
    """One to three policies of one to three rules each."""
    policies = []
    for kind in ("p", "q", "r")[: draw(st.integers(1, 3))]:
        rules = [
            Rule(
                kind,
                f"{kind}{number}",
                compile_pattern(source),
                draw(actions),
                lambda text, kind=kind, number=number: f"<{kind}{number}:{len(text)}>",
                draw(st.sampled_from(refinements)),
                again=draw(st.sampled_from([False, False, True])),
            )
            for number, source in enumerate(draw(st.lists(st.sampled_from(SOURCES), min_size=1, max_size=3)))
        ]
        policies.append(RulePolicy(kind, rules, draw(placed)))
    return Chain(tuple(policies))


def cut(text, cuts):
    """The text in pieces, cut at the given places."""
    places = sorted({min(place, len(text)) for place in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def stream(window, pieces):
    """Everything released, all findings, and the block if there was one."""
    text, findings = "", []
    for released in (*(window.push(piece) for piece in pieces), window.finish()):
        text += released.text
        findings += released.findings
        if released.block:
            return text, findings, released.block
    return text, findings, None


@given(chains(), TEXTS | DISGUISED | QUOTED, st.lists(st.integers(0, 24), max_size=6) | st.just(range(24)))
@settings(max_examples=800, deadline=None)
def test_stream_equals_unary(chain, text, cuts):
    """Whatever the rules, the cuts and the disguises, a stream delivers what judging the whole text delivers."""
    assert_same(chain, text, cuts)


@given(
    chains(),
    st.lists(st.tuples(DISGUISED | QUOTED, st.sampled_from(PLAIN)), max_size=4),
    st.lists(st.integers(0, 400), max_size=12) | st.integers(1, 90).map(lambda size: range(0, 500, size)),
)
@settings(max_examples=300, deadline=None)
def test_disguises_here_and_there(chain, pieces, cuts):
    """Long stretches without disguises change nothing about those before and after."""
    assert_same(chain, "".join(part for piece in pieces for part in piece), cuts)


@given(
    chains(st.just(Action.REDACT), placed=st.just({})),
    st.lists(st.sampled_from(['"', ", ", r"\"", r"\\", "1", "a", "ab", "aab-", " ", "é", "ａ"]), max_size=16),
    st.lists(st.integers(0, 24), max_size=6) | st.just(range(40)),
)
@settings(max_examples=300, deadline=None)
def test_markers_in_json(chain, pieces, cuts):
    """The quotes that markers get in JSON are the same in a stream."""
    assert_same(chain, "".join(["[", *pieces, "]"]), cuts, JSON)


def assert_same(chain, text, cuts, place=PLACE):
    """What judging the whole text delivers is what the stream delivers, or a part of it before a block."""
    judged = chain.judge([Text(place, text)])
    window = chain.window(place)
    if window is None:
        assert (judged.texts, judged.findings, judged.block) == ((text,), (), None)
        return
    delivered, findings, block = stream(window, cut(text, cuts))
    assert (block is None) == (judged.block is None)
    if block is None:
        assert delivered == judged.texts[0]
        assert sorted(map(repr, findings)) == sorted(map(repr, judged.findings))
    else:
        blocking = next(policy for policy in chain.policies if policy.kind == block.policy)
        found = blocking.judge([Text(PLACE, text)])[0].findings
        first = min(finding.start for finding in found if finding.entity == block.rule)
        everything = Chain(tuple(RulePolicy(policy.kind, _redacting(policy)) for policy in chain.policies))
        assert everything.judge([Text(PLACE, text)]).block is None
        # What went out is a prefix of the redacted text before the blocked span.
        passed = _redacted_before(chain, text, first)
        assert passed.startswith(delivered)


def _redacting(policy):
    return [rule for rule in policy.rules(PLACE) if rule.action is not Action.BLOCK]


def _redacted_before(chain, text, end):
    """The whole text redacted by the rules that do not block, up to the cluster that reaches `end`."""
    findings = []
    for policy in chain.policies:
        findings += RulePolicy(policy.kind, _redacting(policy)).judge([Text(PLACE, text)])[0].findings
    settled = list(clusters((item for item in findings if item.replacement is not None), chain.order))
    whole = [cluster for cluster in settled if cluster.end <= end]
    stop = min([end, *(cluster.start for cluster in settled if cluster.end > end)])
    return rewrite(text[:stop], whole)


CONTINUATIONS = (
    "",
    *"ab- \né\x00",
    "ab",
    "aab",
    "bb-",
    "aa",
    "b ",
    "aabb-a b",
    "abab- ",
    "b-",
    "éa",
    "aaa ",
    "ba",
    "-b",
    "-b-",
    "xa",
)


@given(chains(placed=st.just({})), chains(placed=st.just({"mode": "observe"})), TEXTS)
@settings(max_examples=200, deadline=None)
def test_observing_changes_nothing(enforcing, observing, text):
    """A policy that observes beside others neither holds, rewrites nor blocks: each piece goes as without it."""
    observers = [RulePolicy(f"{policy.kind}o", policy.rules(PLACE)) for policy in observing.policies]
    both = Chain((*enforcing.policies, *observers))
    alone, watched = enforcing.window(PLACE), both.window(PLACE)
    for character in text:
        one, other = alone.push(character), watched.push(character)
        assert (one.text, one.block) == (other.text, other.block)
        assert alone.held == watched.held
    assert alone.finish().text == watched.finish().text


@given(chains(st.just(Action.REDACT), (whole,), st.just({})), TEXTS)
@settings(max_examples=200, deadline=None)
def test_nothing_is_held_without_a_reason(chain, text):
    """The first held character is held because some continuation of the stream makes it a part of a match."""
    window = chain.window(PLACE)
    for character in text:
        window.push(character)
    if window.held:
        first = len(text) - window.held
        found = [
            finding
            for more in CONTINUATIONS
            for policy in chain.policies
            for finding in policy.judge([Text(PLACE, text + more)])[0].findings
        ]
        assert any(finding.start <= first < finding.end for finding in found)


@pytest.mark.parametrize(
    ("source", "text", "held"),
    [
        pytest.param("AKIA[A-Z0-9]{4}", "see AKIA12", 6, id="an open match from its start"),
        pytest.param("AKIA[A-Z0-9]{4}", "see AKIA1234", 0, id="a complete match without a tail is final at once"),
        pytest.param(r"AKIA[A-Z0-9]{4}\b", "see AKIA1234", 8, id="a match waits for its word boundary"),
        pytest.param("a+", "baaa", 3, id="a greedy tail"),
        pytest.param("a+?", "baaa", 0, id="a lazy match is final"),
        pytest.param("x.*?y", "x123y-", 0, id="a lazy gap that was closed"),
        pytest.param(r"\bfoo", "a fo", 2, id="a boundary before"),
        pytest.param(r"\bfoo", "afo", 0, id="no boundary, nothing open"),
        pytest.param("^foo", "x\nfo", 0, id="the text's start is far"),
        pytest.param("(?m)^foo", "x\nfo", 2, id="a line's start"),
        pytest.param("end$", "the end", 3, id="the text's end may come"),
        pytest.param("foo", "bar", 0, id="nothing open"),
        pytest.param("é{3}", "xéé", 2, id="characters, not bytes"),
    ],
)
def test_held_characters(make_rule, source, text, held):
    """Text is held exactly from the first place where a match may still come about."""
    window = Window(StreamRules((make_rule("r", source),), {"p": 0}))
    window.push(text)
    assert window.held == held


def test_redact_over_the_limit_is_never_emitted(make_rule):
    """An open-ended match over the limit sends its marker at once and drops its text until it ends."""
    window = Window(StreamRules((make_rule("r", r"(?s)BEGIN.*?END"),), {"p": 0}), limit=50)
    released = window.push("so BEGIN " + "secret " * 10)
    assert released.text == "so <r>"
    rest = "".join(window.push("secret ").text for _ in range(40))
    rest += window.push("END and").text + window.finish().text
    assert rest == " and"


def test_redact_over_the_limit_in_json(make_rule):
    """Where the marker goes out before its match has ended, the string that it becomes is closed behind that."""
    window = Window(StreamRules((make_rule("r", "[0-9]+"),), {"p": 0}), limit=50, in_json=True)
    out = stream(window, ['{"n": ', *["1234567890"] * 10, ', "m": "', *["1234567890"] * 10, '"}'])
    assert out[0] == '{"n": "<r>", "m": "<r>"}'


def test_redact_over_the_limit_without_a_match(make_rule):
    """A candidate over the limit that fails in the end costs its text once, and what follows passes."""
    window = Window(StreamRules((make_rule("r", "BEGIN[a-z ]*END"),), {"p": 0}), limit=20)
    out = stream(window, ["BEGIN ", *["quiet "] * 10, "1 more"])
    assert out[0].startswith("<r>")
    assert out[0].endswith("1 more")
    assert "BEGIN" not in out[0]
    assert [finding.entity for finding in out[1]] == ["r"]


def test_endless_match_drops_the_rest(make_rule):
    """A match that never ends is given up long after the limit: the rest of the place is dropped, memory is bounded."""
    window = Window(StreamRules((make_rule("r", r"(?s)BEGIN.*END"),), {"p": 0}), limit=20)
    out = "".join(window.push("BEGIN secret " * 10).text for _ in range(100))
    assert out == "<r>"
    assert window.push("anything").text == ""
    assert window.finish().text == ""


def test_block_over_the_limit(make_rule):
    """An open block rule over the limit blocks."""
    window = Window(StreamRules((make_rule("r", r"(?s)BEGIN.*END", action=Action.BLOCK),), {"p": 0}), limit=20)
    text, _, block = stream(window, ["so BEGIN ", *["quiet "] * 10])
    assert text == "so "
    assert block is not None
    assert block.rule == "r"


def test_observer_holds_nothing(make_rule):
    """A rule that only observes lets text go at once and still reports its match."""
    window = Window(StreamRules((make_rule("r", "abc", action=Action.OBSERVE),), {"p": 0}))
    assert [window.push(character).text for character in "xabcx"] == list("xabcx")
    other = Window(StreamRules((make_rule("r", "abc", action=Action.OBSERVE),), {"p": 0}))
    assert [(f.start, f.end) for f in stream(other, list("xabcx"))[1]] == [(1, 4)]


def test_findings_count_from_the_start_of_the_stream(make_rule):
    """Offsets are code points of the whole stream, long after its beginning was forgotten."""
    window = Window(StreamRules((make_rule("r", "é-é"),), {"p": 0}))
    _, findings, _ = stream(window, ["ä " * 100, "é", "-", "é", " é-é"])
    assert [(finding.start, finding.end) for finding in findings] == [(200, 203), (204, 207)]


def test_lone_surrogates_pass_unchanged(make_rule):
    """A lone surrogate is no valid UTF-8 and still comes out as it went in."""
    window = Window(StreamRules((make_rule("r", "a+b"),), {"p": 0}))
    assert stream(window, ["x\ud83d", "\ude00aab\udc00"])[0] == "x\ud83d\ude00<r>\udc00"


@pytest.mark.parametrize("fail_open", [False, True])
def test_failing_refinement(make_rule, fail_open):
    """A rule whose code raises ends the stream, but where its policy fails open: then it is left out and named."""

    def broken(candidate, before):
        raise RuntimeError(candidate + before)

    window = Window(
        StreamRules((make_rule("r", "ab", refine=broken), make_rule("s", "cd")), {"p": 0}),
        fail_open={"p"} if fail_open else {"q"},
        failed=(failed := set()),
    )
    if fail_open:
        assert stream(window, list("ab cd ab"))[0] == "ab <s> ab"
        assert failed == {"p"}
    else:
        with pytest.raises(PolicyFailed) as raised:
            stream(window, list("ab cd ab"))
        assert raised.value.policy == "p"


def test_pushes_after_a_block_release_nothing(make_rule):
    """After a block the window is closed."""
    window = Window(StreamRules((make_rule("r", "ab", action=Action.BLOCK),), {"p": 0}))
    assert window.push("x ab y").block is not None
    assert window.push("more").text == ""
    assert window.finish().text == ""


def test_what_overlapping_candidates_agree_on_is_reported_once():
    """A rule that looks again inside its own candidates finds the same span in several of them."""

    def last_two(candidate, _):
        return ((len(candidate) - 2, len(candidate)),)

    rule = Rule("p", "p0", compile_pattern("a+b"), Action.REDACT, lambda _: "<p0>", last_two, again=True)
    chain = Chain((RulePolicy("p", [rule]),))
    judged = chain.judge([Text(PLACE, "aaab aaab")])
    assert [(found.start, found.end) for found in judged.findings] == [(2, 4), (7, 9)]
    for size in (1, 3, 9):
        delivered, findings, _ = stream(chain.window(PLACE), cut("aaab aaab", range(0, 9, size)))
        assert (delivered, tuple(findings)) == (judged.texts[0], judged.findings)
