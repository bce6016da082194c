"""What each string of a message is: text for the policies, and of which kind, or structure that nobody reads as text.

A path runs from the message (or a stream's delta) to the string; list positions count as ANY. Everything that is not
listed here is text: a field we have never heard of is judged, not waved through. And what is listed is exempt only
while it looks like it (shape.py): a role with a space in it is text, and so is an image that is no base64.

Structural, because it names, selects or types something and no model is shown it as text:
    type, role, tool_call_id, and of content parts: type, image_url.detail, input_audio.format, file.file_id
    tool_calls[]: id, type, function.name, custom.name; function_call.name; audio.id
    reasoning_details[] and thinking_blocks[]: type, id, format
Of an answer, a function's name is structural only if the client defined that function: else the model made it up.
Binary, because it is no text at all:
    audio.data, content[].input_audio.data, content[].file.file_data, reasoning_details[].data (encrypted)
    reasoning_details[] and thinking_blocks[]: signature
    content[].image_url, .audio_url, .video_url (or their .url), if it is a base64 data: URL
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.openai.shape import is_base64, is_name

if TYPE_CHECKING:
    from collections.abc import Collection

ANY = "*"
Path = tuple[str | int, ...]

STRUCTURAL = frozenset(
    {
        ("type",),
        ("role",),
        ("tool_call_id",),
        ("content", ANY, "type"),
        ("content", ANY, "image_url", "detail"),
        ("content", ANY, "input_audio", "format"),
        ("content", ANY, "file", "file_id"),
        ("tool_calls", ANY, "id"),
        ("tool_calls", ANY, "type"),
        ("tool_calls", ANY, "function", "name"),
        ("tool_calls", ANY, "custom", "name"),
        ("function_call", "name"),
        ("audio", "id"),
        *((field, ANY, key) for field in ("reasoning_details", "thinking_blocks") for key in ("type", "id", "format")),
    }
)

# Those of them that a model writes itself.
FUNCTION_NAMES = frozenset(
    {("tool_calls", ANY, "function", "name"), ("tool_calls", ANY, "custom", "name"), ("function_call", "name")}
)

BINARY = frozenset(
    {
        *((field, ANY, "signature") for field in ("reasoning_details", "thinking_blocks")),
        ("audio", "data"),
        ("content", ANY, "input_audio", "data"),
        ("content", ANY, "file", "file_data"),
        ("reasoning_details", ANY, "data"),
    }
)

# Links are text (they can carry a name or a token); inline data is not.
MEDIA = frozenset(
    ("content", ANY, part, *rest) for part in ("image_url", "audio_url", "video_url") for rest in ((), ("url",))
)

REASONING = frozenset({"reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks"})

_CONTENT = frozenset({("content",), ("content", ANY), ("content", ANY, "text"), ("audio", "transcript")})
_REFUSAL = frozenset({("refusal",), ("content", ANY, "refusal")})
TOOL_ROLES = frozenset({"tool", "function"})
# The longest path above; a longer one can be none of them.
_LONGEST = 4


def kind(path: Path, role: str, value: str, functions: Collection[str] | None = None) -> str | None:
    """The kind of the text at that path of a message of that role; None when it is structural or binary.

    Kinds are those of `Place`; what a tool returned is "tool_result". `functions` are the names that the client
    defined, for a message that a model wrote; None where the caller wrote it.
    """
    head = path[0]
    if len(path) <= _LONGEST:
        shape = tuple([ANY if isinstance(step, int) else step for step in path])
        if _is_exempt(shape, value, functions):
            return None
        if shape in _CONTENT:
            return "tool_result" if role in TOOL_ROLES else "content"
        if shape in _REFUSAL:
            return "refusal"
    if head in REASONING or (head == "content" and path[-1] in REASONING):
        return "reasoning"
    if head in ("tool_calls", "function_call") and ("arguments" in path or "input" in path):
        return "tool_arguments"
    return "other"


def _is_exempt(shape: tuple[str, ...], value: str, functions: Collection[str] | None) -> bool:
    if shape in STRUCTURAL:
        if functions is not None and shape in FUNCTION_NAMES:
            return value in functions
        return is_name(value)
    if shape in BINARY:
        return is_inline(value) or is_base64(value)
    return shape in MEDIA and is_inline(value)


def is_inline(url: str) -> bool:
    """Whether a URL is base64 data in itself (RFC 2397). Inline text, which needs no base64, is not meant."""
    head, _, data = url[:256].partition(";base64,")
    if not data or not head.startswith("data:") or head.startswith("data:text"):
        return False
    return is_base64(url[len(head) + len(";base64,") :])
