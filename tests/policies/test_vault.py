r"""Placeholders: numbered by value, read back however a model writes them, and never anybody else's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.vault import MAX_INSIDE, Vault, is_answer
from extproc.policies.verdict import Phase, Place


@pytest.fixture
def vault():
    """Twelve e-mail addresses and a card."""
    made = Vault()
    for number in range(1, 13):
        assert made.placeholder("EMAIL", f"<mail {number}>", in_json=False) == f"[EMAIL_{number}]"
    assert made.placeholder("CREDIT_CARD", "<card>", in_json=False) == "[CREDIT_CARD_1]"
    return made


def test_numbers_go_by_value_and_entity():
    """The same value has the same placeholder, another one the next number, and every entity numbers of its own."""
    vault = Vault()
    asked = [("EMAIL", "a"), ("EMAIL", "b"), ("PHONE", "a"), ("EMAIL", "a"), ("my-rule 2", "c"), ("Größe", "d")]
    given = [vault.placeholder(*each, in_json=False) for each in asked]
    assert given == ["[EMAIL_1]", "[EMAIL_2]", "[PHONE_1]", "[EMAIL_1]", "[MY_RULE_2_1]", "[GR__E_1]"]
    assert len(vault) == 5


def test_numbers_that_are_typed_are_not_given():
    """A number that stands in the request is passed over, for that entity and for good."""
    vault = Vault()
    given = [vault.placeholder("EMAIL", value, in_json=False, typed=("1", "3")) for value in "abcab"]
    assert given == ["[EMAIL_2]", "[EMAIL_4]", "[EMAIL_5]", "[EMAIL_2]", "[EMAIL_4]"]
    assert vault.restore("[EMAIL_1][EMAIL_3]", in_json=False) == "[EMAIL_1][EMAIL_3]"


def test_no_two_placeholders_read_alike():
    """Entities whose names and numbers run together are told apart."""
    vault = Vault()
    given = [vault.placeholder(entity, entity, in_json=False) for entity in ("A", "A_1", "A1")]
    again = [vault.placeholder("A_1", "other", in_json=False), vault.placeholder("A", "more", in_json=False)]
    assert given == ["[A_1]", "[A_1_1]", "[A1_2]"]
    assert [vault.restore(marker, in_json=False) for marker in given] == ["A", "A_1", "A1"]
    assert [vault.restore(marker, in_json=False) for marker in again] == ["other", "more"]


@pytest.mark.parametrize(
    "written",
    [
        "[EMAIL_1]",
        "[email_1]",
        "[Email_1]",
        "[EMAIL 1]",
        "[ EMAIL_1 ]",
        "[EMAIL-1]",
        "[EMAIL1]",
        r"[EMAIL\_1]",
        r"[EMAIL\\_1]",
        "[EMAIL\u00a01]",
        r"\[EMAIL\_1\]",
        r"\\[EMAIL\\_1\\]",
        "[EMAIL_1" + " " * (MAX_INSIDE - 7) + "]",
    ],
)
def test_restored(vault, written):
    """A placeholder is known again in any case, with blanks, and with the escapes of Markdown and of JSON."""
    assert vault.restore(f"to {written}.", in_json=False) == "to <mail 1>."


@pytest.mark.parametrize(
    "written",
    [
        "EMAIL_1",
        "[EMAIL_13]",
        "[EMAIL_0]",
        "[EMAIL_01]",
        "[EMAIL_1 0]",
        "[EMAIL_1_REDACTED]",
        "[E MAIL_1]",
        "[MY EMAIL_1]",
        "[EMAIL_\n1]",
        "[EMAIL_\u0661]",
        "[EMA\u0130L_1]",
        "[PHONE_1]",
        "[EMAIL_1",
        "[EMAIL_[1]]",
        "[CARD_1]",
        "[]",
        "[EMAIL_1" + " " * (MAX_INSIDE - 6) + "]",
    ],
)
def test_left_alone(vault, written):
    """Anything else stays as it is: unknown numbers and entities, and words that only begin alike."""
    assert vault.restore(written, in_json=False) == written


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        ("[EMAIL_1][EMAIL_10]", "<mail 1><mail 10>"),
        ("[EMAIL [credit card 1]]", "[EMAIL <card>]"),
        ("[[EMAIL_12]](mailto:[EMAIL_12])", "[<mail 12>](mailto:<mail 12>)"),
        (r"C:\[EMAIL_1]", r"C:\<mail 1>"),
        (r"\[EMAIL_1\] \\\[EMAIL_1\] \\\[EMAIL_1\\\\]", r"<mail 1> \\<mail 1> \<mail 1>"),
        (r"[EMAIL_2\] \[EMAIL_99\]", r"<mail 2> \[EMAIL_99\]"),
    ],
)
def test_neighbours(vault, written, restored):
    """What stands around a placeholder stays, but for the escape of a bracket whose partner is escaped too."""
    assert vault.restore(written, in_json=False) == restored


QUOTED = 'a "b" \\ c\n\u00e9\U0001f600'


def test_values_in_json():
    """In a call's arguments a value is found and put back as JSON spells it, and is the same value everywhere."""
    vault = Vault()
    spelled = json.dumps(QUOTED, ensure_ascii=False)[1:-1]
    assert vault.placeholder("CUSTOM", QUOTED, in_json=False) == "[CUSTOM_1]"
    assert vault.placeholder("CUSTOM", spelled, in_json=True) == "[CUSTOM_1]"
    assert json.loads(vault.restore('{"q": "[custom 1]"}', in_json=True)) == {"q": QUOTED}
    assert vault.restore("[CUSTOM_1]", in_json=False) == QUOTED


@pytest.mark.parametrize("found", ['x", "y', "end\\", r"\ud800", r"line\u000abreak", "\\" + '"', r"\/", "\n"])
def test_odd_pieces_of_json_go_back_as_they_were(found):
    """What is cut out of JSON anywhere, or spelled unusually, makes the same JSON again, and can be written as text."""
    vault = Vault()
    marker = vault.placeholder("CUSTOM", found, in_json=True)
    assert vault.restore(f'{{"{marker}"}}', in_json=True) == f'{{"{found}"}}'
    assert vault.restore(marker, in_json=False).encode()


def test_nothing_shows_the_values(vault):
    """Neither the vault's own text nor that of anything in it has a value."""
    assert repr(vault) == str(vault) == "<Vault of 13>"
    inside = [getattr(vault, name) for name in ("_values", "_prefixes", "_last")]
    assert "mail 1>" not in repr(inside)


def test_ten_thousand_values_stay_linear():
    """Numbers are given, known again and told from unknown ones without going through the others."""
    vault = Vault()
    typed = frozenset(map(str, range(1, 20_000, 2)))
    values = [f"user{number}@example.com" for number in range(10_000)]
    markers = [vault.placeholder("EMAIL", value, in_json=False, typed=typed) for value in values]
    assert markers[-1] == "[EMAIL_20000]"
    assert vault.restore(" ".join(markers), in_json=False) == " ".join(values)
    # Words share their beginnings: there are hardly more of those than numbers.
    assert len(vault._prefixes) < 3 * len(values)


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("to ", 0),
        ("to [", 1),
        ("to [EM", 3),
        ("to [em", 3),
        ("to [ CREDIT ", 9),
        ("to [EMAIL_", 7),
        ("to [EMAIL_1", 8),
        ("to [EMAIL_1 ", 9),
        ("to [EMAIL_1\\", 9),
        ("to [EMAIL1", 7),
        ("to \\", 1),
        ("to \\\\\\", 2),
        ("to \\\\\\[", 3),
        ("to [EMAIL_1]", 0),
        ("to [EMAIL_13", 0),
        ("to [EMAIL_3", 8),
        ("to [EMAIL_30", 0),
        ("to [EMAIL_3 0", 0),
        ("to [EMAI ", 0),
        ("to [CARD", 0),
        ("to [EMAIL(", 0),
        ("to [\n", 0),
        ("to [[EMAIL", 6),
        ("to [X\\", 1),
        ("[" + " " * MAX_INSIDE, MAX_INSIDE + 1),
        ("[" + " " * (MAX_INSIDE + 1), 0),
    ],
)
def test_what_may_still_become_one(vault, text, begun):
    """The end of a text is in question from an open bracket on, as long as a known placeholder goes on like that."""
    assert vault.begun(text) == begun


PIECES = st.sampled_from([*r"[]\_ 1-", "EMAIL", "email", "CREDIT_CARD", "10", "[EMAIL_1]", r"\[EMAIL\_2\]", "x", "é"])


@given(st.lists(PIECES, max_size=14).map("".join), st.integers(0, 40))
def test_what_is_not_begun_is_final(text, cut):
    """Restored in two parts, cut where nothing is in question, a text is what it is when restored whole."""
    vault = Vault()
    for number in range(1, 12):
        vault.placeholder("EMAIL", f"<mail {number}>", in_json=False)
    vault.placeholder("CREDIT_CARD", "[EMAIL_1]", in_json=False)
    seen = text[:cut]
    at = len(seen) - vault.begun(seen)
    parts = vault.restore(text[:at], in_json=False) + vault.restore(text[at:], in_json=False)
    assert parts == vault.restore(text, in_json=False)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=6), st.lists(PIECES, max_size=4).map("".join))
def test_values_come_back_as_they_were(values, between):
    """Whatever a value is, its placeholder alone brings it back, as text and inside JSON."""
    vault = Vault()
    between = between.replace("[", "")
    markers = [vault.placeholder("EMAIL", value, in_json=False) for value in values]
    assert vault.restore(between.join(markers), in_json=False) == between.join(values)
    told = json.loads(f"[{vault.restore(json.dumps(markers)[1:-1], in_json=True)}]")
    assert told == values


@pytest.mark.parametrize(
    ("place", "in_json", "answer"),
    [
        (Place(Phase.RESPONSE, "assistant", "content", path=("choices", 0, "message", "content")), False, True),
        (Place(Phase.RESPONSE, "assistant", "tool_arguments", path=("function_call", "arguments")), True, True),
        (Place(Phase.RESPONSE, "assistant", "tool_arguments", path=("tool_calls", 0, "custom", "input")), False, True),
        (Place(Phase.RESPONSE, "assistant", "other", path=("arguments",)), False, True),
        (Place(Phase.RESPONSE, "assistant", "other", path=("error", "message")), False, False),
        (Place(Phase.REQUEST, "assistant", "tool_arguments", path=("function_call", "arguments")), True, False),
        (Place(Phase.RESPONSE, "assistant"), False, True),
    ],
)
def test_places(place, in_json, answer):
    """Arguments of functions are JSON and those of custom tools are not; errors are no answers."""
    assert (place.is_json, is_answer(place)) == (in_json, answer)
