"""The vectors of emulated containers."""

from __future__ import annotations

import base64
import statistics
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator import vectors


@given(st.text())
def test_a_text_has_one_vector(text) -> None:
    """Eight numbers that float32 holds exactly, the same each time; a shorter one is the beginning of a longer one."""
    own = vectors.vector(text)
    assert own == vectors.vector(text)
    assert len(own) == 8
    assert list(struct.unpack("<8f", struct.pack("<8f", *own))) == own
    assert vectors.vector(text, 300)[:8] == own
    assert vectors.vector(text, 3) == own[:3]


def test_texts_differ() -> None:
    """Texts that are nearly the same have other vectors, so that a wrong order shows."""
    made = {tuple(vectors.vector(f"text {number}")) for number in range(1_000)}
    assert len(made) == 1_000


@pytest.mark.parametrize("text", ["", "one", "one two three four five six"])
def test_the_mean_of_the_tokens_is_the_text(text) -> None:
    """Exactly, whatever the number of tokens; the first and the last token are something else."""
    tokens = vectors.token_vectors(text)
    assert len(tokens) == len(text.split()) + 2
    assert [statistics.fmean(numbers) for numbers in zip(*tokens, strict=True)] == vectors.vector(text)
    assert vectors.vector(text) not in (tokens[0], tokens[-1])


def test_base64_is_float32_little_endian() -> None:
    """As numpy and the OpenAI clients read it."""
    assert base64.b64decode(vectors.base64_of([1.0, -0.5])) == bytes.fromhex("0000803f000000bf")


@pytest.mark.parametrize(
    ("write", "signed", "numbers"),
    [
        (vectors.as_bytes, True, [64, -32, 0, -128, 127, 1, 2, 3, 4]),
        (vectors.as_bytes, False, [192, 96, 128, 0, 255, 129, 130, 131, 132]),
        (vectors.as_bits, False, [0b10001111, 0b10000000]),
        (vectors.as_bits, True, [0b10001111 - 128, 0]),
    ],
)
def test_smaller_forms(write, signed, numbers) -> None:
    """Numbers as bytes, and their signs as bits with the first one highest."""
    assert write([1.0, -0.5, 0.0, -2.0, 127 / 64, 1 / 64, 2 / 64, 3 / 64, 4 / 64], signed=signed) == numbers


def test_tokens_are_words() -> None:
    """However much space there is between them."""
    assert [vectors.tokens(text) for text in ("", " ", "one", "one  two\nthree")] == [0, 0, 1, 3]
