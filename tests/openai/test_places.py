"""Which strings of a message are text, and of which kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.places import ANY, BINARY, STRUCTURAL, Path, is_inline, kind

KINDS: list[tuple[Path, str, str | None]] = [
    (("content",), "user", "content"),
    (("content",), "tool", "tool_result"),
    (("content",), "function", "tool_result"),
    (("content", 0), "user", "content"),
    (("content", 2, "text"), "system", "content"),
    (("content", 2, "text"), "tool", "tool_result"),
    (("content", 2, "type"), "user", None),
    (("content", 2, "refusal"), "assistant", "refusal"),
    (("content", 2, "thinking"), "assistant", "reasoning"),
    (("content", 2, "image_url", "detail"), "user", None),
    (("content", 2, "image_url", "url"), "user", "other"),
    (("content", 2, "input_audio", "data"), "user", None),
    (("content", 2, "file", "file_data"), "user", None),
    (("content", 2, "file", "filename"), "user", "other"),
    (("refusal",), "assistant", "refusal"),
    (("reasoning_content",), "assistant", "reasoning"),
    (("reasoning",), "assistant", "reasoning"),
    (("reasoning_details", 0, "text"), "assistant", "reasoning"),
    (("reasoning_details", 0, "signature"), "assistant", None),
    (("tool_calls", 0, "id"), "assistant", None),
    (("tool_calls", 0, "function", "name"), "assistant", None),
    (("tool_calls", 0, "function", "arguments"), "assistant", "tool_arguments"),
    (("tool_calls", 0, "function", "arguments", "name"), "assistant", "tool_arguments"),
    (("tool_calls", 0, "custom", "input"), "assistant", "tool_arguments"),
    (("tool_calls", 0, "note"), "assistant", "other"),
    (("function_call", "name"), "assistant", None),
    (("function_call", "arguments"), "assistant", "tool_arguments"),
    (("audio", "transcript"), "assistant", "content"),
    (("audio", "data"), "assistant", None),
    (("name",), "user", "other"),
    (("role",), "user", None),
    (("role", "role"), "user", "other"),
    (("x", 0, "y", "role"), "user", "other"),
]


@pytest.mark.parametrize(("path", "role", "expected"), KINDS)
def test_each_field_has_its_kind(path: Path, role: str, expected: str | None) -> None:
    """A policy is told what a text is; structure is told apart only where it is known to be structure."""
    assert kind(path, role, "text") == expected


@pytest.mark.parametrize(
    ("url", "inline"),
    [
        ("data:image/png;base64,AAAA", True),
        ("data:application/pdf;name=a.pdf;base64,AAAA", True),
        ("data:;base64,AAAA", True),
        ("data:text/plain;base64,AAAA", False),
        ("data:text/plain,my number is 078-05-1120", False),
        ("data:image/svg+xml,<svg>my number</svg>", False),
        ("https://example.com/?mail=jo@example.com", False),
        ("", False),
    ],
)
def test_only_inline_data_is_binary(url: str, inline: bool) -> None:
    """A link is text, and so is data that can be read without decoding."""
    assert is_inline(url) is inline
    assert (kind(("content", 0, "image_url", "url"), "user", url) is None) is inline


steps = st.sampled_from(["content", "text", "id", "type", "role", "name", "arguments", "data", "function", "x"]) | (
    st.integers(0, 3)
)


@given(st.lists(steps, min_size=1, max_size=6).filter(lambda path: isinstance(path[0], str)))
def test_what_is_not_listed_is_text(path: list[str | int]) -> None:
    """No path but the listed ones is withheld from the policies."""
    shape = tuple(ANY if isinstance(step, int) else step for step in path)
    assert (kind(tuple(path), "user", "text") is None) == (shape in STRUCTURAL | BINARY)
