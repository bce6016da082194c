r"""The text without the disguises of single characters, and the way back to positions in the text as written.

What is undone: compatibility forms (full-width, mathematical, circled, super- and subscript characters, ligatures),
digits of any script, blanks and dashes of any kind, and characters that show nothing (zero-width, bidirectional
controls, soft hyphens, variation selectors, strokes laid over a digit). Tag characters are read as what they mirror.
Where a text quotes JSON, the letter of an escape touches the word behind it: a blank is read between them (`\n078` is
`\n 078`), which is no more than a word's border. Paths and LaTeX have such letters, too; they stay as they are.
Each character is looked at alone, or together with those before it: nothing is composed or reordered, so the plain form
of a text does not depend on how it was cut.
Words for signs ("at", "dot", "four") are not undone here: pii/spelled.py has rules for them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

# Invisible, or drawn over what stands before: nothing is left of them.
_NOTHING = re.compile(
    "[\u00ad\u034f\u0334-\u0338\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u20dd-\u20e4\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0001\U000e007f\U000e0100-\U000e01ef]"
)
# Unicode chapter 23.9: an invisible copy of ASCII.
_TAGS = range(0xE0020, 0xE007F)
_SAME = {
    "\u2043": "-", "\u2212": "-",  # hyphen bullet, minus
    "\u2800": " ",  # blank Braille
    "\u3002": ".", "\uff61": ".",  # ideographic full stops: RFC 3490 §3.1 takes them for the dot of a domain
}  # fmt: skip


@lru_cache(4096)
def _plain(character: str) -> str:
    """What a character that is not ASCII stands for; itself if for nothing else."""
    if _NOTHING.match(character):
        return ""
    if ord(character) in _TAGS:
        return chr(ord(character) - 0xE0000)
    if character in _SAME:
        return _SAME[character]
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind == "Pd":
        return "-"
    digit = unicodedata.digit(character, None)
    return unicodedata.normalize("NFKC", character) if digit is None else str(digit)


# A dash between numbers; in prose it parts two clauses, and "us\u2014jane@example.com" is no address.
_LONG_DASHES = frozenset("\u2014\u2015\u2e3a\u2e3b\ufe31\ufe58")
# Part of something only behind ASCII, or what stands for it; Chinese and Japanese prose is full of them.
_MARKS = frozenset("\u2026\u3002\uff01\uff0c\uff1a\uff1b\uff1f\uff61")

# Above the basic plane characters are few in real texts: those are looked at one by one, but for emoji and ideographs.
_TABLE = {
    character: plain
    for code in (*range(0x80, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x10000))
    if (plain := _plain(character := chr(code))) != character
}
_ABOVE = "\U00010000-\U0001f2ff\U0001fb00-\U0001ffff\U0002f800-\U0002fa1f\U000e0000-\U0010ffff"
# None of those is asked for again.
_plain.cache_clear()
# With all 250 ranges in the class `re` takes 800 µs for 8 KB instead of 20.
_SUSPECT = re.compile(f"[{''.join(map(re.escape, _TABLE))}{_ABOVE}]")
_ALWAYS = "".join(map(re.escape, (character for character in _TABLE if character not in _LONG_DASHES | _MARKS)))
# What matches somewhere in each text with a disguised character, and in few others, for RE2.
SUSPECT = (
    f"[{_ALWAYS}{_ABOVE}]|[0-9][{''.join(_LONG_DASHES)}]"
    f"|[!-\x7f{''.join(_MARKS | _LONG_DASHES)}\U00010000-\U0010ffff][{''.join(_MARKS)}]"
)
# In JSON, of white space and by number. An escaped letter is a part of the word that goes on behind it; an ideograph,
# and many are escaped, is none, as for the expressions (`\b` of RE2, fuzzy.py's WORD).
_ESCAPE = re.compile(r"\\(?:[nrtf]|u([0-9a-fA-F]{4}))(?=[\w+])")
_LETTER = re.compile("[A-Za-z0-9_\u00c0-\u052f]")
SUSPECT_ESCAPE = r"\\(?:[nrtf]|u[0-9a-fA-F]{4})[0-9A-Za-z_+\x{80}-\x{10ffff}]"
# As many characters as decide about the next.
LOOK_BEHIND = 6
_ASCII = bytes(range(128))
# From so many characters on it pays to drop the ASCII first: 5 µs for 8 KB of mostly that, instead of 28.
_LONG = 128
# Each kind of suspect is looked for by itself, if they are as few: 1 µs each for 8 KB.
_FEW = 8
# With more disguises nearly all of a text is near one.
_MANY = 64


def kinds(data: bytes) -> frozenset[str]:
    """Which characters of a text in UTF-8 may be disguises."""
    return frozenset(_SUSPECT.findall(data.translate(None, _ASCII).decode()))


def _suspects(text: str, found: Collection[str] | None) -> Iterable[int]:
    """Where characters stand that may be disguises, from left to right."""
    if found is None and len(text) >= _LONG:
        found = kinds(text.encode("utf-8", "replace"))
    if found is not None and len(found) <= _FEW:
        return sorted(at for kind in found for at in _occurrences(text, kind))
    return (match.start() for match in _SUSPECT.finditer(text))


def _occurrences(text: str, character: str) -> Iterator[int]:
    at = text.find(character)
    while at >= 0:
        yield at
        at = text.find(character, at + 1)


def disguises(text: str, before: str = "", suspects: Collection[str] | None = None) -> Iterator[tuple[int, str]]:
    """Where a character stands for something else, and for what ("" for nothing), from left to right.

    `before` ends with the LOOK_BEHIND characters before the text. `suspects` are the characters of it that may be
    disguises, where they are known.
    """
    behind = frozenset(_behind_escapes(text, before) if "\\" in text or "\\" in before else ())
    places = () if text.isascii() else _suspects(text, suspects)
    for at in sorted({*places, *behind}) if behind else places:
        character = text[at]
        plain = _TABLE.get(character)
        if plain is None:
            plain = _plain(character)
        elif character in _LONG_DASHES:
            if not (text[at - 1] if at else before[-1:]).isdigit():
                plain = character
        elif character in _MARKS and not _joins(text[at - 1] if at else before[-1:]):
            plain = character
        if at in behind:
            plain = f" {plain}"
        if plain != character:
            yield at, plain


def _behind_escapes(text: str, before: str) -> Iterator[int]:
    """Where a word or number begins behind an escape, all of which may be in `before`."""
    for found in _ESCAPE.finditer(before + text):
        at = found.end() - len(before)
        if at >= 0 and not (found[1] and _LETTER.match(chr(int(found[1], 16)))):
            yield at


def _joins(before: str) -> bool:
    """Whether a mark behind that character can be part of what the character belongs to."""
    return before > " " and (before.isascii() or before in _TABLE or before > "\uffff")


class Offsets:
    """From positions in a plain text, which may grow, to positions in the text as written.

    Both begin at `start`, behind `before`. Kept as the places where the two get out of step: a character
    that vanishes, or that becomes several.
    """

    __slots__ = ("_before", "_plain", "_plain_end", "_written", "_written_end")

    def __init__(self, start: int = 0, before: str = "") -> None:
        self._before = before
        self._plain = [start]
        self._written = [start]
        self._plain_end = self._written_end = start

    def extend(self, text: str) -> str:
        """Take more text as written; its plain form."""
        return self.apply(text, disguises(text, self._before))

    def apply(self, text: str, found: Iterable[tuple[int, str]]) -> str:
        """The same, when the text's disguises are known."""
        pieces: list[str] = []
        done = 0
        for at, plain in found:
            pieces += (text[done:at], plain)
            self._plain_end += at - done
            written = self._written_end + at
            # Every character of an expansion comes from the one that was written.
            for further in range(1, len(plain)):
                self._step(self._plain_end + further, written)
            self._plain_end += len(plain)
            if len(plain) != 1:
                self._step(self._plain_end, written + 1)
            done = at + 1
        self._plain_end += len(text) - done
        self._written_end += len(text)
        self._before = (self._before + text[-LOOK_BEHIND:])[-LOOK_BEHIND:]
        return "".join([*pieces, text[done:]]) if pieces else text

    def start(self, at: int) -> int:
        """Where the plain character at that position was written; the end of the text for its end."""
        if at >= self._plain_end:
            return self._written_end
        step = bisect_right(self._plain, at) - 1
        # Inside a step the texts are in step, except for the characters of one expansion, each a step of its own.
        return self._written[step] + at - self._plain[step]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The written characters behind the plain ones from `start` to before `end`, which is more."""
        return self.start(start), self.start(end - 1) + 1

    def forget(self, before: int) -> None:
        """No position before that plain one will be asked for."""
        step = bisect_right(self._plain, before) - 1
        if step > 0:
            del self._plain[:step], self._written[:step]

    def _step(self, plain: int, written: int) -> None:
        if self._plain[-1] == plain:
            self._written[-1] = written
        else:
            self._plain.append(plain)
            self._written.append(written)


@dataclass(frozen=True)
class Disguised:
    """A whole text and what is disguised in it, from left to right."""

    text: str
    found: Sequence[tuple[int, str]]

    @cached_property
    def offsets(self) -> Offsets:
        """The way back from the plain form."""
        return self._undone[1]

    @cached_property
    def plain(self) -> str:
        """The text without its disguises."""
        return self._undone[0]

    @cached_property
    def data(self) -> bytes:
        """That in UTF-8."""
        return self.plain.encode("utf-8", "replace")

    @cached_property
    def _undone(self) -> tuple[str, Offsets]:
        offsets = Offsets()
        return offsets.apply(self.text, self.found), offsets

    def around(self, before: int, after: int) -> str | None:
        r"""The plain form of so many characters on either side of each disguise, parted by "\0".

        None when these are so many that the whole is better.
        """
        if len(self.found) > _MANY:
            return None
        pieces: list[str] = []
        done, end = 0, -1
        for at, plain in self.found:
            if at - before > end:
                if end >= 0:
                    pieces += (self.text[done:end], "\0")
                done = max(0, at - before)
            pieces += (self.text[done:at], plain)
            done = at + 1
            end = done + after
        around = "".join([*pieces, self.text[done:end]])
        return around if 2 * len(around) < len(self.text) else None


def undone(text: str) -> tuple[str, Offsets] | None:
    """The plain form of a whole text and the way back from it; None when nothing is disguised."""
    offsets = Offsets()
    plain = offsets.extend(text)
    return None if plain is text else (plain, offsets)
