"""Terms with a few letters changed: measured as the textbook does, found wherever they stand, the same in streams."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.chain import Chain
from extproc.policies.dlp import build
from extproc.policies.fuzzy import TOGETHER, Near, _Cut, _expression, _size, _Term, expressions, fits, too_short
from extproc.policies.scan import compile_pattern
from extproc.policies.syntax import parse, positions
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
MARKER = "[BLOCKED_TERM_REDACTED]"


def chain(terms, distance):
    return Chain((build({"blocked_terms": terms, "fuzzy_matching": True, "max_distance": distance}),))


def levenshtein(one, other):
    """The textbook's table, row by row."""
    row = list(range(len(other) + 1))
    for at, left in enumerate(one, 1):
        above, row = row, [at]
        for column, right in enumerate(other, 1):
            row.append(min(above[column - 1] + (left != right), above[column] + 1, row[-1] + 1))
    return row[-1]


@given(st.text("abc", min_size=1, max_size=70), st.text("abcd", max_size=70))
def test_distance(term, text):
    """The bit-parallel distance is the Levenshtein distance."""
    assert _Term(term).distance(text) == levenshtein(term, text)


@pytest.mark.parametrize(
    ("terms", "distance", "text", "expected"),
    [
        (["zephyr"], 1, "ZEPHIR, zephr. zephyrs", f"{MARKER}, {MARKER}. {MARKER}"),
        (["zephyr"], 1, "sephir zepr xzephyrx", "sephir zepr xzephyrx"),
        (["zephyr"], 2, "sephir zephyrus", f"{MARKER} {MARKER}"),
        (["zephyr"], 1, "zephyr zephyr,zephyr", f"{MARKER} {MARKER},{MARKER}"),
        (["zephyr"], 1, "zéphyr éephyr ézephyr éphyr", f"{MARKER} {MARKER} {MARKER} éphyr"),
        (["zephyr"], 1, "my_zephyr_1", "my_zephyr_1"),
        (["project zephyr"], 1, "the projct zephyr, project zephyr", f"the {MARKER}, {MARKER}"),
        (["project zephyr"], 1, "project project zephyr zephyr", f"project {MARKER} zephyr"),
        (["project zephyr"], 1, "projectzephyr project-zephyr project  zephyr", f"{MARKER} {MARKER} {MARKER}"),
        (["project zephyr"], 1, "project zep hyr", "project zep hyr"),
        (["a big plan"], 2, "abig plam", MARKER),
        (["zephyr", "C++", "机密"], 1, "c++, 机密 zephyx", f"{MARKER}, {MARKER} {MARKER}"),
        (["été passé"], 1, "ÉTÉ PASSE", MARKER),
        (["zephyr"], 0, "zephir zephyr", f"zephir {MARKER}"),
        (["x" * 65], 1, f"{'x' * 64} {'x' * 65}", f"{'x' * 64} {MARKER}"),
        (["internationalisation"], 5, "internationalis", MARKER),
    ],
)
def test_found(terms, distance, text, expected):
    """Whole words within the distance, in any case; the words around them stay."""
    assert chain(terms, distance).judge([Text(PLACE, text)]).texts[0] == expected


WORDS = ("project", "zephyr", "bluebird", "été", "plan", "budget")
EDITS = st.lists(st.tuples(st.sampled_from("cad"), st.integers(0, 30), st.sampled_from("aexé")), max_size=3)


def edited(term, edits):
    """The term after the edits; words are changed, not split."""
    for kind, at, letter in edits:
        place = at % len(term)
        put = {"c": letter, "a": letter + term[place], "d": ""}[kind]
        term = term[:place] + put + term[place + 1 :]
    return term


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    EDITS,
    st.sampled_from(["", "so, ", "plan ", "project project "]),
    st.sampled_from(["", " zephyr", ".", "\n"]),
)
@settings(max_examples=300, deadline=None)
def test_nothing_within_the_distance_is_missed(term, edits, before, after):
    """However a term was edited, as long as it has as many words or fewer, it is found."""
    written = edited(term, edits)
    distance = max(1, len(edits))
    if not fits(term, distance) or "" in written.split(" "):
        return
    text = before + written + after
    # As the policy sees it: the chain reports one of those that overlap.
    found = chain([term], distance).policies[0].judge([Text(PLACE, text)])[0].findings
    assert any(finding.start <= len(before) < finding.end for finding in found)


@given(st.text("abcé -", max_size=40), st.integers(1, 2), st.sampled_from(["abcab", "bacca", "abc cab", "éabba"]))
@settings(max_examples=300, deadline=None)
def test_nothing_beyond_the_distance_is_found(text, distance, term):
    """What is found is whole words, and as near as was asked."""
    for finding in chain([term], distance).judge([Text(PLACE, text)]).findings:
        found = text[finding.start : finding.end]
        assert levenshtein(found.lower(), term) <= distance
        assert not re.match(r"\w", text[finding.end : finding.end + 1])
        assert not re.search(r"\w$", text[: finding.start])


@given(
    st.lists(st.sampled_from([*WORDS, "projct", "zephyrs", "bluebrd", "planbudget", ",", "ét"]), max_size=8),
    st.sampled_from([" ", "  ", "-", ""]),
    st.integers(1, 2),
    st.integers(1, 9),
)
@settings(max_examples=300, deadline=None)
def test_streams_equal_whole_texts(words, glue, distance, size):
    """However a stream is cut, it delivers what the whole text delivers."""
    terms = chain(["project zephyr", "bluebird", "plan budget été"], distance)
    text = glue.join(words)
    window = terms.window(PLACE)
    out = "".join(window.push(text[at : at + size]).text for at in range(0, len(text), size)) + window.finish().text
    assert out == terms.judge([Text(PLACE, text)]).texts[0]


@pytest.mark.parametrize(
    ("term", "distance", "expected"),
    [
        ("zephyr", 2, True),
        ("zephyr", 3, False),
        ("机密文件机密", 1, False),
        ("C++", 1, False),
        ("x" * 64, 1, True),
        ("x" * 65, 1, False),
        ("a     b", 2, False),
        ("a b c d e f g h i j k l m n o p", 8, False),
        ("one two three four five six", 4, True),
    ],
)
def test_fits(term, distance, expected):
    """Terms that are short, long, of very many words or of a script without blanks are not searched for with edits."""
    assert fits(term, distance) is expected
    if expected:
        for source, _, _ in expressions([term], distance):
            assert positions(parse(source)) <= TOGETHER
            compile_pattern(source, most=TOGETHER)


def test_too_short():
    """A term that is short for the distance is refused with the numbers."""
    assert too_short(" abcd ", 2) == "4 characters are too few for max_distance 2, which takes 5"
    assert too_short("elevenchars", 3) == "11 characters are too few for max_distance 3, which takes 12"
    assert too_short("abcde", 2) is None


@pytest.mark.parametrize("distance", [1, 2, 4])
@pytest.mark.parametrize("words", [1, 2, 3])
def test_expressions_keep_to_their_size(words, distance):
    """However many terms there are, and of however many words, every expression is one that compiles."""
    terms = [" ".join(f"{'xyz'[part]}abc{number:03}def" for part in range(words)) for number in range(1000)]
    found = list(expressions(terms, distance))
    counted = [positions(parse(source)) for source, _, _ in found]
    assert max(counted) <= TOGETHER
    assert sum(counted) / len(counted) > TOGETHER / 2 or len(counted) < 5
    # What was counted while they were put together is what the engine counts.
    cuts = [_Cut(term, distance) for term in terms[:20]]
    for together in range(max(1, words - distance), words + 1):
        assert _size(cuts, together) == positions(parse(_expression(cuts, together)))


def test_a_thousand_terms():
    """A thousand terms make few expressions, and are told apart by few measurements."""
    terms = [f"{a}{b}{c}" for a in ("nor", "sul", "ves", "ost", "mid") for b in WORDS[:5] for c in range(100, 140)]
    found = list(expressions(terms, 2))
    assert len(terms) == 1000
    assert len(found) <= 10
    measured = []

    class Counting(_Term):
        def distance(self, text):
            measured.append(text)
            return super().distance(text)

    near = next(refine for _, refine, _ in found)
    assert isinstance(near, Near)
    near._pieces = {
        piece: [(offset, Counting(terms[0]) if at == 0 else term) for at, (offset, term) in enumerate(those)]
        for piece, those in near._pieces.items()
    }
    assert near("something ", "") == ()
    assert len(measured) <= 1
