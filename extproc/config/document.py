"""YAML text to plain values, every one with its line and column.

Only what a configuration needs is read, and only what every YAML reader agrees on: scalars resolve by the YAML 1.2
core schema (section 10.3), and a plain scalar that YAML 1.1 readers take for something else (`no`, `010`, `1_000`)
is a problem instead of a guess. Duplicate keys, explicit tags and a second document are problems too. Anchors,
aliases and `<<` work; size, depth and the number of expanded values are bounded, so that no input is expensive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from extproc.config.problem import Code, Path, Position, Problem

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_VALUES = 50_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Plain scalars that YAML 1.1 (https://yaml.org/type/) and YAML 1.2 read differently, or that no setting of ours can be.
_BOOLEAN_1_1 = re.compile(r"yes|no|on|off", re.IGNORECASE)
_NUMBER_1_1 = re.compile(
    r"[-+]?(?:0[0-7_]+|0[xob][0-9a-fA-F_]+|[1-9][0-9]*_[0-9_]*|[0-9]+(?::[0-5]?[0-9])+|[0-9]{20,}|0[0-9]+|\.inf)|\.nan",
    re.IGNORECASE,
)
_BROKEN_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `value` is dicts with text keys, lists, str, int, float, bool and None.

    `keys` and `values` place each path: where its key stands and where its value begins.
    """

    value: Any
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def place(self, path: Path, *, at_key: bool = False) -> Position | None:
        """Where `path` stands; for a path that is not in the file, where its nearest ancestor does."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            ancestor = path[:length]
            found = first.get(ancestor) or second.get(ancestor)
            if found is not None:
                return found
        return None


class Unreadable(Exception):
    """The text is no YAML document: `problem` says where and why, and there is nothing more to find."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A scalar, sequence or mapping before aliases are expanded."""

    content: str | list[_Node] | list[tuple[_Node, _Node]]
    position: Position
    plain: bool = False
    mapping: bool = False


def parse(data: bytes) -> Document:
    """Parse one UTF-8 YAML document. Raises Unreadable when there is no document to speak of."""
    text = _decode(data)
    reader = _Reader(text)
    root = reader.document()
    expansion = _Expansion(reader.problems)
    value = expansion.value(root, ())
    return Document(value, expansion.keys, expansion.values, tuple(expansion.problems))


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Unreadable(Problem(Code.SYNTAX, (), f"the file has {len(data)} bytes, more than {MAX_BYTES}"))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(Problem(Code.SYNTAX, (), "the file is UTF-16; save it as UTF-8", position=Position(1, 1)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        position = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        byte = data[error.start]
        raise Unreadable(
            Problem(Code.SYNTAX, (), f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8", position=position)
        ) from None


class _Reader:
    """Events to nodes. The parser's own composer recurses without bound and forgets duplicate keys."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._events = self._parse()
        self._anchors: dict[str, _Node | None] = {}

    def _parse(self) -> Iterator[yaml.Event]:
        last = Position(1, 1)
        try:
            for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
                last = _position(event)
                yield event
        except yaml.reader.ReaderError as error:
            before = self._text[: error.position]
            position = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
            message = f"the character U+{ord(self._text[error.position]):04X} is not allowed in YAML"
            raise Unreadable(Problem(Code.SYNTAX, (), message, position=position)) from None
        except yaml.MarkedYAMLError as error:
            raise Unreadable(_syntax_problem(error)) from None
        except (ValueError, OverflowError):
            # PyYAML passes escapes such as "\UFFFFFFFF" and endless %YAML versions to chr() and int() unchecked.
            message = "not YAML: after this, an escape or a number is out of range"
            raise Unreadable(Problem(Code.SYNTAX, (), message, position=last)) from None

    def document(self) -> _Node:
        next(self._events)  # StreamStart
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise Unreadable(Problem(Code.SYNTAX, (), "the file is empty", position=Position(1, 1)))
        root = self._node(next(self._events), 0)
        next(self._events)  # DocumentEnd
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            message = "a second YAML document begins here; a configuration is one document"
            self.problems.append(Problem(Code.SYNTAX, (), message, position=_position(after)))
        return root

    def _node(self, event: yaml.Event, depth: int) -> _Node:
        position = _position(event)
        if depth > MAX_DEPTH:
            raise Unreadable(Problem(Code.SYNTAX, (), f"nested deeper than {MAX_DEPTH} levels", position=position))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, position)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            # Known, but not complete: an alias to it from inside itself would never end.
            self._anchors[anchor] = None
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            message = "explicit YAML tags are not supported; remove the tag"
            self.problems.append(Problem(Code.SYNTAX, (), message, position=position))
        if isinstance(event, yaml.ScalarEvent):
            node = _Node(event.value, position, plain=event.implicit[0] and tag is None)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = [self._node(inner, depth + 1) for inner in self._until(yaml.SequenceEndEvent)]
            node = _Node(items, position)
        else:
            pairs = [
                (self._node(key, depth + 1), self._node(next(self._events), depth + 1))
                for key in self._until(yaml.MappingEndEvent)
            ]
            node = _Node(pairs, position, mapping=True)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _alias(self, event: yaml.AliasEvent, position: Position) -> _Node:
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            what = "stands inside its own anchor" if name in self._anchors else "has no anchor above it"
            raise Unreadable(Problem(Code.SYNTAX, (), f"the alias *{name[:40]} {what}", position=position))
        return node


class _Expansion:
    """Nodes to values: aliases expanded, keys checked, scalars resolved, everything placed."""

    def __init__(self, problems: list[Problem]) -> None:
        self.keys: dict[Path, Position] = {}
        self.values: dict[Path, Position] = {}
        self.problems = problems
        self._count = 0

    def value(self, node: _Node, path: Path) -> Any:
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            message = f"aliases expand to more than {MAX_VALUES} values or {MAX_DEPTH} levels"
            raise Unreadable(Problem(Code.SYNTAX, (), message, position=node.position))
        self.values[path] = node.position
        if isinstance(node.content, str):
            return self._scalar(node, path)
        if node.mapping:
            return self._mapping(node, path)
        return [self.value(item, (*path, index)) for index, item in enumerate(node.content)]  # type: ignore[arg-type]  # `mapping` tells the two kinds of list apart

    def _mapping(self, node: _Node, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        pairs: list[tuple[_Node, _Node]] = node.content  # type: ignore[assignment]  # `mapping` says so
        for key, value in pairs:
            name = key.content
            if not isinstance(name, str):
                self._problem(Code.WRONG_TYPE, path, "a key must be text", key.position)
                continue
            if name == "<<" and key.plain:
                continue
            if name in result:
                first = self.keys[*path, name]
                message = f"the key is already given at {first.line}:{first.column}; keep one of the two"
                self._problem(Code.DUPLICATE, (*path, name), message, key.position)
                continue
            self.keys[*path, name] = key.position
            result[name] = self.value(value, (*path, name))
        merges = [value for key, value in pairs if key.content == "<<" and key.plain]
        for merge in merges:
            self._merge(merge, path, result)
        return result

    def _merge(self, node: _Node, path: Path, result: dict[str, Any]) -> None:
        """`<<` (https://yaml.org/type/merge.html): keys not given explicitly; the first of several sources wins."""
        sources = node.content if isinstance(node.content, list) and not node.mapping else [node]
        for source in sources:
            if not isinstance(source, _Node) or not source.mapping:
                self._problem(
                    Code.WRONG_TYPE, (*path, "<<"), "a merge takes a section or a list of sections", node.position
                )
                return
            for name, value in self._mapping_of(source, path).items():
                result.setdefault(name, value)

    def _mapping_of(self, source: _Node, path: Path) -> dict[str, Any]:
        """The merged section's values; its places count where nothing explicit stands."""
        inner = _Expansion(self.problems)
        inner._count = self._count
        value = inner._mapping(source, path)
        self._count = inner._count + 1
        for place, position in inner.keys.items():
            self.keys.setdefault(place, position)
        for place, position in inner.values.items():
            self.values.setdefault(place, position)
        return value

    def _scalar(self, node: _Node, path: Path) -> str | float | bool | None:
        text = str(node.content)
        if _BROKEN_TEXT.search(text):
            self._problem(Code.SYNTAX, path, "NUL and lone surrogates are not allowed in text", node.position)
            return ""
        if not node.plain:
            return text
        if text in _NULL:
            return None
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        if _INTEGER.fullmatch(text):
            return int(text)
        if _BOOLEAN_1_1.fullmatch(text):
            message = f"{text} is a boolean to some YAML readers and text to others"
            self._problem(Code.WRONG_TYPE, path, message, node.position, "write true or false, or put it in quotes")
        elif _NUMBER_1_1.fullmatch(text):
            message = "YAML readers disagree about this number"
            self._problem(
                Code.WRONG_TYPE, path, message, node.position, "write plain decimal digits, or put it in quotes"
            )
        elif _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _problem(self, code: Code, path: Path, message: str, position: Position, suggestion: str = "") -> None:
        self.problems.append(Problem(code, path, message, suggestion, position=position))


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    position = None if mark is None else Position(mark.line + 1, mark.column + 1)
    what = error.problem or "cannot be read"
    if "'\\t'" in what:
        return Problem(Code.SYNTAX, (), "a tab cannot indent in YAML; use spaces", position=position)
    where = ""
    if error.context and error.context_mark is not None:
        where = f" ({error.context} that begins at {error.context_mark.line + 1}:{error.context_mark.column + 1})"
    return Problem(Code.SYNTAX, (), f"not YAML: {what}{where}", position=position)
