r"""RE2's regular-expression syntax as a tree: only as much of it as the stream hold-back needs.

An atom (anything that consumes exactly one character) and an assertion (anything that consumes none) stay the text
they were written as, with the flags in force, so this file cannot misread a class; only their arrangement is parsed.
Grammar: RE2's doc/syntax.txt, its Perl mode. What RE2 refuses, this parser may accept: `scan.compile_pattern` asks RE2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

_FLAGS = "ims"
_ASSERTION_ESCAPES = "AbBz"
# Look-around, conditionals, comments and atomic groups: what RE2 does not have, by their first characters.
_REFUSED_GROUPS = (
    ("?=", "look-ahead"),
    ("?!", "look-ahead"),
    ("?<=", "look-behind"),
    ("?<!", "look-behind"),
    ("?>", "an atomic group"),
    ("?(", "a conditional group"),
    ("?P=", "a back-reference"),
    ("?P>", "a recursive call"),
    ("?#", "a comment"),
    ("?|", "a branch-reset group"),
)


class PatternError(ValueError):
    """An expression that is not run. `position` is where in it, in characters from 0, or None for the whole."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} (at character {position})")
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Atom:
    """Consumes one character."""

    source: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """Consumes nothing: an anchor or a word boundary."""

    source: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """Its parts one after the other; without parts, the empty expression."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of its branches, the earlier preferred."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`body` from `least` to `most` times (None: no end), as many as possible if `greedy`, else as few."""

    body: Node
    least: int
    most: int | None
    greedy: bool


Node = Atom | Assertion | Sequence | Choice | Repeat


def parse(pattern: str) -> Node:
    """The tree of an expression. Raises PatternError with the position of what RE2 does not have."""
    parser = _Parser(pattern)
    node = parser.choice(frozenset())
    if parser.at < len(pattern):
        raise PatternError("unmatched closing parenthesis", parser.at)
    return node


def nullable(node: Node) -> bool:
    """Whether the expression can match without consuming a character."""
    match node:
        case Atom():
            return False
        case Assertion():
            return True
        case Sequence(parts):
            return all(map(nullable, parts))
        case Choice(branches):
            return any(map(nullable, branches))
        case Repeat(body, least):
            return least == 0 or nullable(body)


def positions(node: Node) -> int:
    """Atoms in the expression with its repetitions written out, as an automaton has to count them."""
    match node:
        case Atom():
            return 1
        case Assertion():
            return 0
        case Sequence(parts) | Choice(parts):
            return sum(map(positions, parts))
        case Repeat(body, least, most):
            return positions(body) * max(least, most or 0, 1)


def longest(node: Node) -> float:
    """Characters that a match has at most; infinity if there is no bound."""
    match node:
        case Atom():
            return 1
        case Assertion():
            return 0
        case Sequence(parts):
            return sum(map(longest, parts))
        case Choice(branches):
            return max(map(longest, branches), default=0)
        case Repeat(body, _, most):
            size = longest(body)
            return 0 if 0 in (size, most) else size * (inf if most is None else most)


def prefix(node: Node) -> str:
    """Letters, digits and the like that every match begins with; empty, if none are known."""
    found = ""
    for part in node.parts if isinstance(node, Sequence) else (node,):
        if not isinstance(part, Atom) or len(part.source) != 1 or part.source in ".^$[":
            break
        found += part.source
    return found


class _Parser:
    """Recursive descent over one pattern; `at` is the next character's position."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def choice(self, flags: frozenset[str]) -> Node:
        # `(?i)` holds to the end of the group it stands in, later branches included.
        branches: list[Node] = []
        parts: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            start = self.at
            if self.pattern[start] == "|":
                self.at += 1
                branches.append(Sequence(tuple(parts)))
                parts = []
            elif self.pattern.startswith(r"\Q", start):
                parts += self._quoted(flags)
                if parts and self.pattern.startswith(r"\E", self.at - 2):
                    parts[-1] = self._repeated(parts[-1], flags)
            elif self.pattern.startswith("(?", start) and (changed := self._bare_flags(flags)) is not None:
                flags = changed
            else:
                parts.append(self._repeated(self._item(flags), flags))
        branches.append(Sequence(tuple(parts)))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _item(self, flags: frozenset[str]) -> Node:
        start = self.at
        character = self.pattern[start]
        if character == "(":
            return self._group(flags)
        if character == "[":
            self._skip_class()
        elif character == "\\":
            self._skip_escape()
        elif character in "*+?":
            raise PatternError("nothing to repeat", start)
        else:
            self.at += 1
        source = self.pattern[start : self.at]
        if source in ("^", "$") or (source[0] == "\\" and source[1:] in tuple(_ASSERTION_ESCAPES)):
            return Assertion(_flagged(source, flags))
        return Atom(_flagged(source, flags))

    def _group(self, flags: frozenset[str]) -> Node:
        start = self.at
        rest = self.pattern[start + 1 : start + 4]
        for opening, name in _REFUSED_GROUPS:
            if rest.startswith(opening):
                raise PatternError(f"{name} is not supported: user expressions run on RE2 in linear time", start)
        if rest.startswith(("?P<", "?<")):
            self.at = self._find(">", start, "unclosed group name") + 1
        elif rest.startswith("?"):
            colon = self._find(":", start, "unknown group")
            flags = self._changed(flags, self.pattern[start + 2 : colon], start)
            self.at = colon + 1
        else:
            self.at += 1
        self.depth += 1
        if self.depth > 100:
            raise PatternError("groups nested more than 100 deep", start)
        node = self.choice(flags)
        self.depth -= 1
        if self.at >= len(self.pattern):
            raise PatternError("unclosed group", start)
        self.at += 1
        return node

    def _bare_flags(self, flags: frozenset[str]) -> frozenset[str] | None:
        end = self.at + 2
        while end < len(self.pattern) and self.pattern[end] in "imsU-":
            end += 1
        if end >= len(self.pattern) or self.pattern[end] != ")" or end == self.at + 2:
            return None
        changed = self._changed(flags, self.pattern[self.at + 2 : end], self.at)
        self.at = end + 1
        return changed

    def _changed(self, flags: frozenset[str], letters: str, start: int) -> frozenset[str]:
        on, _, off = letters.partition("-")
        if set(on + off) - set(_FLAGS + "U"):
            raise PatternError("unknown group or flags", start)
        return (flags | set(on)) - set(off)

    def _repeated(self, node: Node, flags: frozenset[str]) -> Node:
        start = self.at
        if start >= len(self.pattern):
            return node
        bounds: tuple[int, int | None] | None = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.pattern[start])
        if bounds:
            self.at += 1
        elif self.pattern[start] == "{":
            bounds = self._braces()
        if bounds is None:
            return node
        lazy = self.pattern.startswith("?", self.at)
        self.at += lazy
        # RE2 has no possessive quantifiers and refuses a repetition of a repetition.
        if self.at < len(self.pattern) and self.pattern[self.at] in "*+?":
            raise PatternError("a repetition of a repetition is not supported", self.at)
        return Repeat(node, *bounds, greedy=lazy == ("U" in flags))

    def _braces(self) -> tuple[int, int | None] | None:
        """`{n}`, `{n,}` or `{n,m}`; anything else in braces is literal, as in RE2."""
        end = self.pattern.find("}", self.at)
        least, comma, most = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not _digits(least) or (most and not _digits(most)):
            return None
        bounds = int(least), int(most) if most else None if comma else int(least)
        if max(bounds[0], bounds[1] or 0) > 1000 or (bounds[1] is not None and bounds[0] > bounds[1]):
            raise PatternError("a repetition count is over 1000 or out of order", self.at)
        self.at = end + 1
        return bounds

    def _quoted(self, flags: frozenset[str]) -> list[Node]:
        end = self.pattern.find(r"\E", self.at + 2)
        literal = self.pattern[self.at + 2 : end if end >= 0 else None]
        self.at = len(self.pattern) if end < 0 else end + 2
        return [Atom(_flagged(rf"\Q{character}\E", flags)) for character in literal]

    def _skip_class(self) -> None:
        start = self.at
        self.at += 2 if self.pattern.startswith("[^", start) else 1
        first = True
        while self.at < len(self.pattern):
            if self.pattern[self.at] == "]" and not first:
                self.at += 1
                return
            first = False
            if self.pattern.startswith("[:", self.at) and (end := self.pattern.find(":]", self.at + 2)) > 0:
                self.at = end + 2
            elif self.pattern[self.at] == "\\":
                self._skip_escape()
            else:
                self.at += 1
        raise PatternError("unclosed character class", start)

    def _skip_escape(self) -> None:
        start = self.at
        name = self.pattern[start + 1 : start + 2]
        following = self.pattern[start + 2 : start + 3]
        if not name:
            raise PatternError("a backslash at the end", start)
        self.at += 2
        if name in "pPx" and following == "{":
            self.at = self._find("}", start, f"unclosed \\{name}{{") + 1
        elif name in "pP":
            self.at += 1
        elif name == "x":
            self.at += 2
        elif name == "C":
            raise PatternError(r"\C (a single byte) is not supported: it would cut characters", start)
        elif name == "0" or (name in "1234567" and following and following in "01234567"):
            while self.at < start + 4 and self.pattern[self.at : self.at + 1] in tuple("01234567"):
                self.at += 1
        elif name in "123456789":
            raise PatternError("a back-reference is not supported: user expressions run on RE2 in linear time", start)

    def _find(self, closing: str, start: int, complaint: str) -> int:
        end = self.pattern.find(closing, self.at)
        if end < 0:
            raise PatternError(complaint, start)
        return end


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _flagged(source: str, flags: frozenset[str]) -> str:
    held = "".join(flag for flag in _FLAGS if flag in flags)
    return f"(?{held}:{source})" if held else source
