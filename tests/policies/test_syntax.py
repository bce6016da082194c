"""RE2's syntax as a tree: what it means is what RE2 says it means."""

from __future__ import annotations

from math import inf

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.scan import options
from extproc.policies.syntax import (
    Assertion,
    Atom,
    Choice,
    PatternError,
    Repeat,
    Sequence,
    longest,
    nullable,
    parse,
    positions,
    prefix,
)

EXPRESSIONS = (
    "a",
    "ab|c",
    "a*b+c?d{2}e{2,}f{2,3}",
    "a*?b+?c??d{2}?",
    "(?U)a*b*?",
    "(a)(?:b)(?P<n>c)(?<m>d)",
    "(?i)a(?-i)b(?i:c)d",
    "(?i:a|b)|c",
    "(?s).(?-s).",
    "(?m)^a$",
    r"\Aa\b\Bc\z",
    r"\d\D\s\S\w\W\pL\PL\p{Greek}\P{^Greek}",
    r"\x41\x{42}\101\n\t\\\.\*",
    r"[a-z][^a-z][]a][^]a][[:alpha:]-][\]\d][\pL\p{Greek}]",
    r"\Qa*b\E+|\Qc",
    "a{,3}{b}{2,c",
    "(|a)b",
    "()a",
    "é+[à-ü]",
    "(?:(?:a|b){1,2}c){2}",
)


def render(node):
    """The tree as an expression again."""
    match node:
        case Atom(source) | Assertion(source):
            return source
        case Sequence(parts):
            return "".join(map(render, parts)) or "(?:)"
        case Choice(branches):
            return f"(?:{'|'.join(map(render, branches))})"
        case Repeat(body, least, most, greedy):
            return f"(?:{render(body)}){{{least},{'' if most is None else most}}}{'' if greedy else '?'}"


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(text=st.text(alphabet="aAbBcCdDeEfF0 \n{}*.\\,3é]-LGλ", max_size=12))
@settings(max_examples=60, deadline=None)
def test_tree_means_what_the_expression_means(expression, text):
    """RE2 finds with the tree, written out again, exactly what it finds with the expression."""
    written = re2.compile(expression, options())
    again = re2.compile(render(parse(expression)), options())
    assert [m.span() for m in again.finditer(text)] == [m.span() for m in written.finditer(text)]


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("a(?=b)", 1),
        ("a(?!b)", 1),
        ("(?<=a)b", 0),
        ("x(?<!a)b", 1),
        ("x(?>a)", 1),
        ("(?#c)", 0),
        ("(?P=n)", 0),
        ("(?(1)a)", 0),
        (r"(a)\1", 3),
        (r"\8", 0),
        (r"ab\C", 2),
        ("ab(c", 2),
        ("ab)c", 2),
        ("ab[c", 2),
        ("*a", 0),
        ("a**", 2),
        ("a{1001}", 1),
        ("a{3,2}", 1),
        ("ab\\", 2),
        (r"\p{Greek", 0),
        ("(?P<n", 0),
        ("(?z:a)", 0),
        ("(" * 101 + ")" * 101, 100),
    ],
)
def test_refusal_has_its_position(expression, position):
    """What RE2 does not have is refused with the character where it stands."""
    with pytest.raises(PatternError) as raised:
        parse(expression)
    assert raised.value.position == position
    assert f"(at character {position})" in str(raised.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", True),
        ("a*", True),
        (r"\b", True),
        ("a|b*", True),
        ("a{0}", True),
        ("a+", False),
        ("a*b", False),
        ("^$", True),
    ],
)
def test_nullable(expression, expected):
    """Whether an expression can match without a character."""
    assert nullable(parse(expression)) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("abc", 3), (r"\ba{3}", 3), ("(?:ab|c){2,5}", 15), ("a*b+", 2), (r"\d{1,1000}x{1,1000}", 2000)],
)
def test_positions(expression, expected):
    """How many characters an automaton has to count."""
    assert positions(parse(expression)) == expected


def test_escaped_octal_is_no_back_reference():
    r"""`\12` is a character; RE2 only takes single digits for back-references."""
    assert parse(r"\12") == Sequence((Atom(r"\12"),))


@pytest.mark.parametrize(
    ("expression", "length", "begins"),
    [
        ("", 0, ""),
        ("arn:[a-z]+", inf, "arn:"),
        ("é-x{2,3}", 5, "é-"),
        (r"\bab", 2, ""),
        ("ab|c", 2, ""),
        ("a.b", 3, "a"),
        ("(?i)ab", 2, ""),
        ("(?:ab)*c", inf, ""),
        (r"(?:\b)*c{0}d?", 1, ""),
        (r"a\.b", 3, "a"),
        (r"\Qa.b\E", 3, ""),
        ("(?:a{2}|b{3}c){2,4}?", 16, ""),
    ],
)
def test_longest_match_and_common_beginning(expression, length, begins):
    """How long a match can be, and what each begins with, as far as it is plain."""
    assert (longest(parse(expression)), prefix(parse(expression))) == (length, begins)


@given(st.sampled_from(EXPRESSIONS), st.text(alphabet="aAbBcCdDeEfF0 \n{}*.\\,3é]-LGλ", max_size=12))
def test_no_match_is_longer(expression, text):
    """Every match is as long as that at most, and begins so."""
    tree = parse(expression)
    for match in re2.finditer(expression, text):
        assert len(match.group()) <= longest(tree)
        assert match.group().startswith(prefix(tree))
