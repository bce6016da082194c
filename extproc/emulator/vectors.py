"""The vectors that emulated containers answer with: of the text alone, so that a test knows what it must get.

The same text has the same vector in every container and batch. A number is k/64 with k from -128 to 127: exact in
float32, so that neither base64 nor JSON changes it.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from hashlib import shake_128

DIMENSIONS = 8


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return a text's vector; a shorter one is the beginning of a longer one, as models that may be cut have it."""
    return [(byte - 128) / 64 for byte in shake_128(text.encode()).digest(dimensions)]


def tokens(text: str) -> int:
    """Return how many tokens a text is billed as: its words."""
    return len(text.split())


def token_vectors(text: str) -> list[list[float]]:
    """Return a vector for each word and the two special tokens around them: their mean is the text's, and exactly so.

    The first and the last are not, so that who pools wrongly gets something else.
    """
    own = vector(text)
    return [[number + 1 for number in own], *([own] * tokens(text)), [number - 1 for number in own]]


def base64_of(numbers: list[float]) -> str:
    """Return OpenAI's base64 of a vector: float32, little-endian."""
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def as_bytes(numbers: list[float], *, signed: bool) -> list[int]:
    """Return a vector's numbers as 8-bit integers."""
    return [int(number * 64) + (0 if signed else 128) for number in numbers]


def as_bits(numbers: list[float], *, signed: bool) -> list[int]:
    """Return a vector's signs, eight to an integer, the first one highest."""
    bits = "".join("1" if number > 0 else "0" for number in numbers)
    packed = [int(bits[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(bits), 8)]
    return [byte - 128 for byte in packed] if signed else packed
