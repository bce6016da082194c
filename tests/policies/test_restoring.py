r"""Values put back into a stream: the same text as into the whole, however it comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.base import Action
from extproc.policies.chain import Chain
from extproc.policies.restoring import Restoring
from extproc.policies.vault import Vault
from extproc.policies.verdict import Block, Phase, Place, Text

ANSWER = Place(Phase.RESPONSE, "assistant", path=("choices", 0, "message", "content"))
ARGUMENTS = Place(Phase.RESPONSE, "assistant", "tool_arguments", path=("tool_calls", 0, "function", "arguments"))
VALUE = 'jo "j" \\ \n@example.com'


def make_vault():
    """Eleven values, the first of which JSON has to escape."""
    vault = Vault()
    for value in (VALUE, *(f"<{number}>" for number in range(2, 12))):
        vault.placeholder("EMAIL", value, in_json=False)
    return vault


def pushed(window, pieces):
    """What each piece released, and the end."""
    return [*(window.push(piece).text for piece in pieces), window.finish().text]


@pytest.mark.parametrize(
    ("pieces", "released"),
    [
        (["to ", "[EMAIL_2]", "!"], ["to ", "<2>", "!", ""]),
        (["to [", "EMAIL", "_2", "]!"], ["to ", "", "", "<2>!", ""]),
        (["to [", "0] is x"], ["to ", "[0] is x", ""]),
        (["[EMAIL_1", "0] [email_1", "2]"], ["", "<10> ", "[email_12]", ""]),
        (["[EMAIL_3"], ["", "[EMAIL_3"]),
        (["a\\", "b \\", "[EMAIL\\", "_2\\", "]"], ["a", "\\b ", "", "", "<2>", ""]),
        (["[link](x) [", "[EMAIL_2]"], ["[link](x) ", "[<2>", ""]),
    ],
)
def test_what_is_held(pieces, released):
    """Text waits from a bracket on until it is a placeholder or cannot become one; the end lets go of it."""
    assert pushed(Restoring(None, make_vault(), ANSWER), pieces) == released


def test_held_counts_both(make_rule, make_policy):
    """What the policies hold back and what waits for the end of a placeholder is held, and nothing after the finish."""
    inner = Chain((make_policy("p", [make_rule("a", "secret")]),)).window(ANSWER)
    window = Restoring(inner, make_vault(), ANSWER)
    assert window.push("so [EMAIL_").text == "so "
    assert window.held == len("[EMAIL_")
    assert window.push("2 sec").text == ""
    assert window.held == len("[EMAIL_2 sec")
    assert window.finish().text == "[EMAIL_2 sec"
    assert window.held == 0


def test_policies_come_first(make_rule, make_policy):
    """Rules see the placeholder and not the value; what they redact and refuse is as ever."""
    rules = [make_rule("value", "example"), make_rule("own", "zed"), make_rule("no", "FATAL", action=Action.BLOCK)]
    chain = Chain((make_policy("p", rules),))
    window = Restoring(chain.window(ARGUMENTS), make_vault(), ARGUMENTS)
    first = window.push('{"a": "[EMAIL_1] zed')
    assert first.text + window.push(" ").text == '{"a": "jo \\"j\\" \\\\ \\n@example.com <own> '
    assert [finding.entity for finding in first.findings] == ["own"]
    assert window.push("FATAL ").block == Block("p", "no", "no no")


PIECES = st.sampled_from(
    [*r"[]\_ 1", "EMAIL", "[EMAIL_1]", "[email 11]", r"\[EMAIL\_2\]", "secret", "sec", "ret", "[EMAIL_99]", "é", '"']
)


@given(
    st.lists(PIECES, max_size=14).map("".join),
    st.lists(st.integers(0, 80), max_size=8),
    st.tuples(st.sampled_from([ANSWER, ARGUMENTS]), st.booleans()),
)
def test_streams_equal_whole_texts(make_rule, make_policy, text, cuts, way):
    """However a text is cut, with rules over it or without, its stream adds up to the whole, judged and restored."""
    place, judged = way
    chain = Chain((make_policy("p", [make_rule("a", "secret"), make_rule("b", r"1\] ?x?")]),) if judged else ())
    vault = make_vault()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    window = Restoring(chain.window(place), vault, place)
    whole = chain.judge([Text(place, text)]).texts[0]
    got = "".join(pushed(window, [text[a:b] for a, b in pairwise(edges)]))
    assert got == vault.restore(whole, in_json=place is ARGUMENTS)
