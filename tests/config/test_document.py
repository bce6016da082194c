"""YAML to values with places: PyYAML is the oracle where both read the same; no input is expensive."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import MAX_BYTES, MAX_DEPTH, MAX_VALUES, Unreadable, parse
from extproc.config.problem import Position


def unreadable(data: bytes) -> str:
    """The place and text of a file that is no document."""
    with pytest.raises(Unreadable) as raised:
        parse(data)
    return raised.value.problem.render("f")


def complaints(text: str) -> list[str]:
    """What is said about a document that can be read."""
    return [problem.render("f") for problem in parse(text.encode()).problems]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("text", "text"),
        ("1.0.0", "1.0.0"),
        ("2024-01-01", "2024-01-01"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("'yes'", "yes"),
        ('"010"', "010"),
        ("'~'", "~"),
        ("! 12", "12"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
        ('"a\\u00e9"', "aé"),
    ],
)
def test_scalars_resolve_by_the_core_schema(scalar: str, value: object) -> None:
    """A plain scalar is what YAML 1.2 says it is; a quoted one is text."""
    document = parse(f"k: {scalar}".encode())
    assert document.value == {"k": value}
    assert type(document.value["k"]) is type(value)
    assert document.problems == ()


@pytest.mark.parametrize(
    "scalar",
    ["yes", "No", "ON", "off", "010", "0x1F", "0o17", "0b1", "1_000", "1:30", "09", "-.inf", ".NaN", "1" * 20],
)
def test_scalars_that_readers_disagree_about_are_refused(scalar: str) -> None:
    """What YAML 1.1 and 1.2 read differently is a problem at its place, not a guess."""
    (problem,) = parse(f"k: {scalar}".encode()).problems
    assert problem.position == Position(1, 4)
    assert "quotes" in problem.suggestion


def test_every_value_and_key_is_placed() -> None:
    """Lines and columns count from 1, columns in characters; a missing path is placed at its nearest ancestor."""
    document = parse("é: [1, {b: 2}]\nc:\n  - x\n".encode())
    assert document.place(("é", 1, "b")) == Position(1, 12)
    assert document.place(("é", 1, "b"), at_key=True) == Position(1, 9)
    assert document.place(("c", 0)) == Position(3, 5)
    assert document.place(("c", 0, "gone")) == Position(3, 5)
    assert document.place(("c",), at_key=True) == Position(2, 1)
    assert document.place(()) == Position(1, 1)


def test_aliases_and_merges_expand() -> None:
    """An alias stands for its anchor's value; `<<` gives what is not given explicitly, its first source first."""
    document = parse(b"a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\nd: {<<: *b}\ne: *a\n")
    assert document.problems == ()
    assert document.value["c"] == {"x": 9, "y": 2, "z": 4}
    assert document.value["d"] == {"y": 3, "z": 4}
    assert document.value["e"] == {"x": 1, "y": 2}
    assert document.place(("c", "z")) == Position(2, 17)


def test_quoted_merge_key_is_an_ordinary_key() -> None:
    """Only the plain scalar << merges."""
    assert parse(b'"<<": 1').value == {"<<": 1}


def test_duplicate_keys_are_told_with_both_places() -> None:
    """The second of two equal keys is refused and the first one kept."""
    document = parse(b"a: 1\nb: 2\na: 3\n")
    assert document.value == {"a": 1, "b": 2}
    assert complaints("a: 1\nb: 2\na: 3\n") == ["f:3:1: a: the key is already given at 1:1; keep one of the two [E008]"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "f:1:1: the file is empty [E009]"),
        (b"# only a comment\n", "f:1:1: the file is empty [E009]"),
        (b"a: 1\nb: \xff\n", "f:2:4: byte 0xff is not UTF-8; save the file as UTF-8 [E009]"),
        ("é: 1\né".encode()[:-1], "f:2:1: byte 0xc3 is not UTF-8; save the file as UTF-8 [E009]"),
        ("a: 1".encode("utf-16"), "f:1:1: the file is UTF-16; save it as UTF-8 [E009]"),
        (b"a: 1\nb: x\0\n", "f:2:5: the character U+0000 is not allowed in YAML [E009]"),
        (b"a: 1\n\tb: 2\n", "f:2:1: a tab cannot indent in YAML; use spaces [E009]"),
        (b"a: *b", "f:1:4: the alias *b has no anchor above it [E009]"),
        (b"a: &a [*a]", "f:1:8: the alias *a stands inside its own anchor [E009]"),
        (b"x" * (MAX_BYTES + 1), f"f: the file has {MAX_BYTES + 1} bytes, more than {MAX_BYTES} [E009]"),
        (b"[" * (MAX_DEPTH + 2), f"f:1:{MAX_DEPTH + 2}: nested deeper than {MAX_DEPTH} levels [E009]"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value[:12]),
)
def test_what_is_no_document(data: bytes, text: str) -> None:
    """A file that cannot be read is one problem with its place and the remedy."""
    assert unreadable(data) == text


def test_byte_order_mark_is_accepted() -> None:
    """A UTF-8 byte order mark, as some editors write it, is no part of the first key."""
    assert parse(b"\xef\xbb\xbfa: 1").value == {"a": 1}


def test_billion_laughs_is_refused() -> None:
    """Aliases that would expand to ever more values stop at the bound."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert f"more than {MAX_VALUES} values" in unreadable("\n".join(lines).encode())


def test_merge_bomb_is_refused() -> None:
    """Merges that double at each level stop at the same bound."""
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 30)]
    assert f"more than {MAX_VALUES} values" in unreadable("\n".join(lines).encode())


def test_explicit_tags_are_refused() -> None:
    """No tag is resolved, those that make Python objects least of all."""
    assert complaints("a: !!python/object/apply:os.system [x]") == [
        "f:1:4: explicit YAML tags are not supported; remove the tag [E009]"
    ]
    assert len(complaints("a: !!set {b}\nc: !mine d\n")) == 2


# Without what the two versions of YAML, and PyYAML's own writer and reader, do not agree on: digits (1e5 is text to
# YAML 1.1) and the line breaks that only YAML 1.1 has.
letters = st.characters(
    codec="utf-8", min_codepoint=32, exclude_categories=["Nd"], exclude_characters="\x85\u2028\u2029"
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(letters),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_-", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    """Any JSON-like value that PyYAML dumps is read as that value, quoting and all."""
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse(text.encode()).value == value


@given(st.text("ab:-[]{}&*<>!|'\"#%@`,? \n\t~0.1_\\u", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """YAML-like noise is either a document or Unreadable, and what PyYAML refuses is refused."""
    try:
        document = parse(text.encode())
    except Unreadable:
        return
    assert document.place(()) is not None
    list(yaml.parse(text, Loader=yaml.SafeLoader))
