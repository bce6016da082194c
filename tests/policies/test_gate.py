"""The first look at a text: one for all rules, and again only where something is disguised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.gate import Gate
from extproc.policies.rule_set import RuleSet
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.REQUEST, "user")
TEXTS = st.lists(st.sampled_from(["a", "b", "ab", "12", "１3", "x\u200by", "zz", "é", " "]), max_size=8).map("".join)


@given(st.lists(st.lists(st.sampled_from(["a+", "b", "1[2-4]", "ab", "[x-z]{2}"]), max_size=4), max_size=4), TEXTS)
def test_one_look_for_several_sets_finds_what_each_finds(make_rule, sources, text):
    """Every set of rules, in either reading, gets what it would find by itself, or it is said that none has any."""
    sets = [RuleSet([make_rule(source, source) for source in group]) for group in sources]
    looked = Text(PLACE, text)
    any_may = Gate(sets).look(looked)
    assert set(looked.hits) == set(sets)
    found = [list(each.scan(Text(PLACE, text))) for each in sets]
    assert [list(each.scan(looked)) for each in sets] == found
    assert any_may or not any(found)


def test_only_what_is_near_a_disguise_is_looked_at_again(make_rule):
    """A match far from any disguise is not searched for in the plain form."""
    rules = RuleSet([make_rule("r", "key-[0-9]{4}"), make_rule("s", "end[0-9]+")])
    far, near = Text(PLACE, "key-1234 " + "and " * 90 + "\u200b"), Text(PLACE, "and " * 90 + "\u200bkey-1234 end１")
    assert [rule.name for rule, _, _ in rules.scan(far)] == ["r"]
    assert [rule.name for rule, _, _ in rules.scan(near)] == ["r", "s"]
    assert (far.hits[rules].hidden, near.hits[rules].written) == ((), [0])
    assert sorted(near.hits[rules].hidden) == [0, 1]


def test_what_is_not_disguised_has_one_reading(make_rule):
    """Suspects that are none cost no second look."""
    rules = RuleSet([make_rule("r", "key")])
    for text, disguised in (
        ("key 😀 漢，é—1", False),
        ("key \\new", True),
        ("key\u200b", True),
        ("k\U00030000", False),
    ):
        looked = Text(PLACE, text)
        list(rules.scan(looked))
        assert (looked.hits[rules].disguised is not None) == disguised


def test_expressions_without_an_end_are_looked_for_everywhere(make_rule):
    """What they begin with is looked for first; with many of them, or many disguises, the whole text is searched."""
    sources = ["arn:[a-z]+", "[xy]+1", "z+2"]
    text = "arn:a " + "and " * 90 + "\u200b arn\u200b:b xy\u200b1 zz\u200b2"
    for count in (1, 2, 3):
        rules = RuleSet([make_rule(source, source) for source in sources[:count]])
        for padding in ("", "\u200b" * 100):
            looked = Text(PLACE, text + padding)
            found = {(rule.name, looked.text[start:end]) for rule, start, end in rules.scan(looked)}
            shown = [
                ("arn:[a-z]+", "arn:a"),
                ("arn:[a-z]+", "arn\u200b:b"),
                ("[xy]+1", "xy\u200b1"),
                ("z+2", "zz\u200b2"),
            ]
            assert found == {hit for hit in shown if hit[0] in sources[:count]}
