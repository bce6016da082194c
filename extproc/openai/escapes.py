r"""The escapes of JSON in a string (a call's arguments, a document): taken away for policies, put back for who parses.

A policy that read `\n078-05-1120` or `alice\u0040example.com` as it is written would see a letter before the number,
and no address. So what is judged has the characters themselves; only a quote and a backslash keep their backslash, by
which strings can still be told from what is around them. What goes on has escapes again where JSON demands them.
"""

from __future__ import annotations

import json
import re

import orjson

# RFC 8259, section 7. A pair of surrogates is one character; a backslash before anything else is taken as it comes.
_ESCAPES = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}",
    r"\\u[0-9a-fA-F]{4}",
    r"\\[^u]",
)
# One that more text may still complete.
_CUT = r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?\Z"
_ESCAPE = re.compile("|".join(_ESCAPES), re.DOTALL)
_ESCAPE_OR_CUT = re.compile("|".join((f"({_CUT})", *_ESCAPES)), re.DOTALL)
_SHORT = {"\\/": "/", "\\b": "\b", "\\f": "\f", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_LONG = {character: escape for escape, character in _SHORT.items() if character != "/"}
_BEGINS = re.compile(r"\s*[\[{]")
_NUMBER = re.compile(r"[:,\[]\s*-?\d")
# What tells where strings are, and what may not stand in one as it is (half of a surrogate pair: in no text at all).
_LEXICAL = re.compile(r'\\.|\\\Z|"|[\x00-\x1f]|[\ud800-\udfff]', re.DOTALL)


def unescaped(text: str) -> str:
    """JSON for policies to read."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def escaped(text: str) -> str:
    """JSON, judged, for whoever parses it. Of JSON, `escaped(unescaped(x))` means the same as x."""
    return Escaping().push(text)


def is_document(text: str) -> bool:
    """Whether a text is an object or a list of JSON: what a tool returned, or a user pasted.

    Without escapes and numbers in it nothing depends on that; then the answer is no.
    """
    if not _BEGINS.match(text) or ("\\" not in text and not _NUMBER.search(text)):
        return False
    try:
        orjson.loads(text)
    except ValueError:
        # Python's own takes more: NaN, halves of surrogate pairs.
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
    return True


class Unescaping:
    """`unescaped` for text that comes in pieces."""

    __slots__ = ("cut",)

    def __init__(self) -> None:
        # An escape whose end has not come.
        self.cut = ""

    def push(self, piece: str) -> str:
        """The text that is complete with this piece."""
        text = self.cut + piece
        self.cut = ""
        return _ESCAPE_OR_CUT.sub(self._plain, text) if "\\" in text else text

    def finish(self) -> str:
        """What is left of an escape that never ended."""
        rest, self.cut = self.cut, ""
        return unescaped(rest)

    def _plain(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return _plain(found)
        self.cut = found[1]
        return ""


class Escaping:
    """`escaped` for text that comes in pieces; nothing is held."""

    __slots__ = ("_backslash", "_inside")

    def __init__(self) -> None:
        # Whether the last character was a backslash that is one half of an escape, and whether this is in a string.
        self._backslash = False
        self._inside = False

    def push(self, piece: str) -> str:
        """The same piece, fit for JSON."""
        if self._backslash and piece:
            self._backslash = False
            return piece[0] + self.push(piece[1:])
        return _LEXICAL.sub(self._fit, piece)

    def _fit(self, found: re.Match[str]) -> str:
        text = found[0]
        if text == '"':
            self._inside = not self._inside
        elif text == "\\":
            self._backslash = True
        elif len(text) == 1 and (self._inside or text > " "):
            # Outside of strings a line break is only how the JSON is laid out.
            return _LONG.get(text) or f"\\u{ord(text):04x}"
        return text


def _plain(found: re.Match[str]) -> str:
    escape = found[0]
    if len(escape) > len(r"\u0040"):
        pair: str = orjson.loads(f'"{escape}"')
        return pair
    if len(escape) < len(r"\u0040"):
        return _SHORT.get(escape, escape)
    character = chr(int("0x" + escape[2:], base=0))
    return f"\\{character}" if character in '"\\' else character
