"""The plain form of disguised characters, and the way back, however the text is cut."""

from __future__ import annotations

import unicodedata

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.disguise import LOOK_BEHIND, SUSPECT, SUSPECT_ESCAPE, Offsets, disguises


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        pytest.param("４１１１－ＡＢＣ＠．", "4111-ABC@.", id="full-width"),
        pytest.param("\u200b4\u00ad1\u20601\ufeff1\u202e", "4111", id="invisible"),
        pytest.param("4️⃣2️⃣ ❷②⁵₅", "42 2255", id="keycaps and circles"),
        pytest.param("𝟒𝟏𝟓 ٤١٥ ४१५ 𞥐", "415 415 415 0", id="digits of other styles and scripts"),
        pytest.param("4\u00a01\u20091\u3000\u28001", "4 1 1  1", id="blanks"),
        pytest.param("1‐2‑3‒4–5−6", "1-2-3-4-5-6", id="dashes"),
        pytest.param("1—2 us—jane", "1-2 us—jane", id="a long dash is one only behind a digit"),
        pytest.param("a。b，漢。字，４： ！", "a.b,漢。字，4: ！", id="marks of clauses only behind ASCII"),
        pytest.param("ﬁ ㎏ 1…", "fi kg 1...", id="one becomes several"),
        pytest.param("\U000e0034\U000e0031", "41", id="tags"),
        pytest.param("a。b｡c", "a.b.c", id="ideographic full stops"),
        pytest.param("1̶2̸", "12", id="strokes over digits"),
        pytest.param(
            r"\n078 \tx \r\n+49 \\n1 \u00a04 \u20281 \u65e51 \ud83d\ude007",
            r"\n 078 \t x \r\n +49 \\n 1 \u00a0 4 \u2028 1 \u65e5 1 \ud83d\ude00 7",
            id="words behind escapes",
        ),
        pytest.param(r"\n４ \n\n(1 \f₅", r"\n 4 \n\n(1 \f 5", id="disguised digits behind escapes"),
        pytest.param(
            r"C:\data\xyz \\host \d{3} \alpha \n \t, \n-1 caf\u00e9s \u00412 \u12 \b1 n078",
            None,
            id="no escape of a blank",
        ),
        pytest.param("Ünï çode “ок” 漢字 🙂 é e\u0301 \ud83d\ude00", None, id="nothing is disguised"),
    ],
)
def test_plain_form(written, plain):
    """Disguises are undone, and nothing else changes: no composition, no reordering, no change of surrogates."""
    assert Offsets().extend(written) == (written if plain is None else plain)
    assert (next(disguises(written), None) is None) == (plain is None)


def test_spans_lead_back():
    """A span of the plain text is the whole disguised text, without what vanished before or after it."""
    offsets = Offsets()
    plain = offsets.extend("a\u200b４\u200b１\u200b ﬁ!")
    assert plain == "a41 fi!"
    assert offsets.span(1, 3) == (2, 5)
    assert offsets.span(4, 5) == offsets.span(5, 6) == offsets.span(4, 6) == (7, 8)
    assert offsets.start(len(plain)) == 9


TEXTS = st.text(alphabet="ab1 \u200b\u00ad４ﬁ…。漢—é\ud800\ue000😀\u0301", max_size=30) | st.lists(
    st.sampled_from([*"\\nrtuf01ax+ é４\u200b—", r"\n", r"\u00a0", r"\u00e9", r"\u65e5"]), max_size=14
).map("".join)


@given(TEXTS, st.lists(st.integers(0, 30)), st.integers(0, 9))
def test_cuts_do_not_matter(text, cuts, start):
    """Plain text and positions are the same whether a text comes whole or in pieces."""
    whole, pieces = Offsets(start), Offsets(start)
    plain = whole.extend(text)
    places = sorted({min(cut, len(text)) for cut in cuts})
    parts = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    assert "".join(pieces.extend(part) for part in parts) == plain
    for at in range(start, start + len(plain) + 1):
        assert pieces.start(at) == whole.start(at)


@given(TEXTS)
def test_each_plain_character_comes_from_its_written_one(text):
    """One character at a time, the written character behind a plain one is one that stands for it."""
    offsets = Offsets()
    for at, character in enumerate(offsets.extend(text)):
        start, end = offsets.span(at, at + 1)
        assert end == start + 1
        assert character in Offsets(before=text[max(0, start - LOOK_BEHIND) : start]).extend(text[start:end])


@given(TEXTS, st.integers(0, 30))
def test_forgotten_positions_change_no_others(text, before):
    """Positions from the one that is kept on stay what they were."""
    offsets, kept = Offsets(), Offsets()
    plain = offsets.extend(text)
    kept.extend(text)
    kept.forget(min(before, len(plain)))
    assert [kept.start(at) for at in range(min(before, len(plain)), len(plain) + 1)] == [
        offsets.start(at) for at in range(min(before, len(plain)), len(plain) + 1)
    ]


def test_every_character_is_looked_at_alone():
    """Every code point has a plain form of its own, found in any text, and at most 18 characters long."""
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)):
        character = chr(code)
        plain = Offsets().extend(f"a{character}b")[1:-1]
        assert len(plain) <= 18
        if unicodedata.decimal(character, None) is not None:
            assert plain == str(unicodedata.decimal(character))


@given(st.lists(TEXTS | st.sampled_from(["a" * 100, "\u200b４１２３４５６７８９－", "日本語" * 40]), max_size=8))
def test_long_texts_are_read_as_short_ones(parts):
    """However the places of suspects are found, it is those."""
    text = "".join(parts)
    one_by_one = Offsets()
    assert "".join(map(one_by_one.extend, text)) == Offsets().extend(text)


@given(st.lists(TEXTS | st.text(max_size=4), max_size=4).map("".join))
def test_suspects_miss_no_disguise(text):
    """Where the expression for RE2 matches nothing, there is none."""
    if next(disguises(text), None) is not None:
        assert re2.search(f"{SUSPECT}|{SUSPECT_ESCAPE}".encode(), text.encode("utf-8", "replace"))


def test_suspects_are_few_in_ordinary_text():
    """Marks and dashes of prose, emoji, paths and ideographs are none."""
    text = '“Ünï” — é 漢字、漢字。 Привет，🙂 C:\\Users\\x \\alpha \\n \\"a\\" 😀'
    assert not re2.search(f"{SUSPECT}|{SUSPECT_ESCAPE}".encode(), text.encode())
