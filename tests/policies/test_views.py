"""Views of a text without its disguises."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.views import decoded, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IGNORE all", "ignore all"),
        ("\uff49\uff47\uff4e\uff4f\uff52\uff45", "ignore"),
        ("ig\u200bno\u00adre", "ignore"),
        ("".join(chr(0xE0000 + ord(c)) for c in "ignore"), "ignore"),
        ("ignоre аll", "ignore all"),  # Cyrillic letters are the point
        ("привет", "привет"),
    ],
)
def test_plain(text, expected):
    """Case, width, invisible characters and look-alikes are gone; a wholly Cyrillic text stays Cyrillic."""
    assert plain(text) == expected


def test_plain_by_choice():
    """Each disguise may be left on."""
    assert plain("\uff49\u200b", unicode=False) == "\uff49\u200b"
    assert plain("ignоre", lookalikes=False) == "ignоre"  # as above


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=24, max_size=200).filter(str.isprintable))
def test_decoded_finds_what_was_encoded(text):
    """Printable text comes back from either alphabet of Base64, with or without padding."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        hidden = encode(text.encode()).decode()
        assert list(decoded(f"see {hidden} there")) == [text]
        assert list(decoded(f"see {hidden.rstrip('=')}, there")) == [text]


@pytest.mark.parametrize("text", ["plain words only", "A" * 23, "f" * 40, "0123456789abcdef" * 3, "/" * 100])
def test_decoded_passes_other_runs(text):
    """Hashes, identifiers and rules hold no text."""
    assert list(decoded(text)) == []


def test_decoded_is_bounded():
    """A hundred segments cost what sixteen cost."""
    hidden = base64.b64encode(b"this is a hidden text").decode()
    assert len(list(decoded(f"{hidden} " * 100))) == 16
