r"""Reversible redaction: a value of a request becomes a placeholder, and that becomes the value again in the answer.

A placeholder is `[EMAIL_1]`: the entity, and a number that counts that entity's values in the order of their first
appearance in the request. The same value has the same placeholder wherever it stands in the request. A number that
stands behind the entity's name anywhere in the request's own texts is not given: whoever types `[EMAIL_1]` must find
`[EMAIL_1]` in the answer, and the model must not take one for the other.

Models copy placeholders badly, so that in an answer these count as `[EMAIL_1]` too: any case, blanks, hyphens and
backslashes around and between its words, or nothing there (`[email_1]`, `[ EMAIL 1 ]`, `[EMAIL\_1]`, `[EMAIL1]`), and
Markdown's `\[EMAIL\_1\]`. Words never run together: `[EMAIL_1 0]` is not `[EMAIL_10]`, and `[EMAIL_01]` nothing at all.

Where a text is JSON (a call's arguments, a document), a value is found as JSON spells it, and goes back so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import re2

from extproc.policies.scan import options
from extproc.policies.verdict import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from extproc.policies.overlap import Cluster
    from extproc.policies.verdict import Place, Text

# Characters between the brackets at most, so that a stream holds back no more.
MAX_INSIDE = 80
# Backslashes before the bracket that can belong to it: one, or in JSON the two that stand for one.
_MAX_ESCAPE = 2

# In a class of characters, of `re` and of RE2.
_BETWEEN = " \t\u00a0_\\\\-"
_INSIDE = f"[A-Za-z0-9{_BETWEEN}]"
_BRACKETED = re.compile(rf"\[({_INSIDE}{{1,{MAX_INSIDE}}})\]")
_BEGUN = re.compile(rf"{_INSIDE}{{0,{MAX_INSIDE}}}")
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")


@dataclass(frozen=True, slots=True, repr=False)
class _Value:
    """What a placeholder stands for: as text, and as it is spelled inside a JSON string."""

    plain: str
    spelled: str


class Vault:
    """The values that were taken out of one request. It lives and dies with its exchange, and nothing shows them."""

    __slots__ = ("_given", "_last", "_prefixes", "_values")

    def __init__(self) -> None:
        self._given: dict[tuple[str, str, str], str] = {}
        # By the words of its placeholder: "EMAIL_1".
        self._values: dict[str, _Value] = {}
        # Of those words, whatever a text that is cut off could end in.
        self._prefixes: set[str] = set()
        self._last: dict[str, int] = {}

    def __repr__(self) -> str:
        """How many values there are, and none of them."""
        return f"<Vault of {len(self._values)}>"

    def __len__(self) -> int:
        """How many values have a placeholder."""
        return len(self._values)

    def placeholder(self, entity: str, found: str, *, in_json: bool, typed: Iterable[str] = ()) -> str:
        """The placeholder of a value.

        Args:
            entity: what it is, in the policy's words.
            found: as it stands in the request.
            in_json: whether that text is JSON.
            typed: numbers, in decimal, that must not be given for this entity: those in the request's own texts.
        """
        value = _read(found) if in_json else _Value(found, _spelled(found))
        key = entity, value.plain, value.spelled
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._new(_name(entity), value, frozenset(typed))
        return given

    def restore(self, text: str, *, in_json: bool) -> str:
        """The text of an answer with every placeholder of this vault replaced by its value."""
        pieces: list[str] = []
        done = 0
        for found in _BRACKETED.finditer(text):
            inside = found[1]
            value = self._values.get(_words(inside))
            if value is None:
                continue
            # A bracket that is closed with an escape was opened with one.
            escape = min(len(inside) - len(inside.rstrip("\\")), _MAX_ESCAPE)
            start = _before_backslashes(text, found.start(), escape)
            pieces += (text[done:start], value.spelled if in_json else value.plain)
            done = found.end()
        return "".join((*pieces, text[done:])) if done else text

    def begun(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of a placeholder of this vault."""
        at = text.rfind("[")
        if at < 0 or len(text) - at - 1 > MAX_INSIDE or not self._goes_on(text[at + 1 :]):
            at = len(text)
        return len(text) - _before_backslashes(text, at, _MAX_ESCAPE)

    def _goes_on(self, inside: str) -> bool:
        if not _BEGUN.fullmatch(inside):
            return False
        words = _words(inside)
        if not words or inside[-1].isalnum():
            return not words or words in self._prefixes
        # After a word's end comes another, or the bracket.
        return f"{words}_" in self._prefixes or words in self._values

    def _new(self, name: str, value: _Value, typed: frozenset[str]) -> str:
        number = self._last.get(name, 0) + 1
        # Entities called A and A_1 would both come to A_1_1.
        while str(number) in typed or _words(f"{name}_{number}") in self._values:
            number += 1
        self._last[name] = number
        words = _words(f"{name}_{number}")
        self._values[words] = value
        for end in range(len(words), 0, -1):
            if words[:end] in self._prefixes:
                break
            self._prefixes.add(words[:end])
        return f"[{name}_{number}]"


class Hiding:
    """Takes what is reversible out of the texts of one request, all of them at once, into a vault."""

    __slots__ = ("_texts", "_typed", "_vault")

    def __init__(self, vault: Vault, texts: Sequence[Text]) -> None:
        self._vault = vault
        self._texts = texts
        self._typed: dict[str, frozenset[str]] = {}

    def hide(self, text: Text, settled: list[Cluster]) -> list[Cluster]:
        """The settled redactions of a text, a placeholder for the marker where the winning finding is reversible."""
        if text.place.phase is not Phase.REQUEST or not any(cluster.findings[0].reversible for cluster in settled):
            return settled
        return [self._hidden(text, cluster) if cluster.findings[0].reversible else cluster for cluster in settled]

    def _hidden(self, text: Text, cluster: Cluster) -> Cluster:
        entity = cluster.findings[0].entity
        typed = self._typed.get(entity)
        if typed is None:
            typed = self._typed[entity] = _numbers(_name(entity), self._texts)
        value = text.text[cluster.start : cluster.end]
        marker = self._vault.placeholder(entity, value, in_json=text.place.is_json, typed=typed)
        told = tuple(replace(found, replacement=marker) for found in cluster.findings)
        return replace(cluster, marker=marker, findings=told)


def is_answer(place: Place) -> bool:
    """Whether values may go back there: into an answer, but not into an error, which the record repeats."""
    return place.phase is Phase.RESPONSE and place.path[:1] != ("error",)


def _read(found: str) -> _Value:
    """A value by its spelling in JSON; what is no part of one string, or no text, is taken as it stands."""
    try:
        plain: str = json.loads(f'"{found}"')
        # Half of a surrogate pair could not be written into an answer.
        plain.encode()
    except ValueError:
        plain = found
    return _Value(plain, found)


def _spelled(plain: str) -> str:
    return json.dumps(plain, ensure_ascii=False)[1:-1]


def _name(entity: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in entity).upper()


def _words(inside: str) -> str:
    return "_".join(_WORD.findall(inside)).upper()


def _before_backslashes(text: str, at: int, most: int) -> int:
    """The position before the backslashes, `most` of them, that end at one."""
    least = max(at - most, 0)
    while at > least and text[at - 1] == "\\":
        at -= 1
    return at


def _numbers(name: str, texts: Iterable[Text]) -> frozenset[str]:
    expression = _typed_numbers(name)
    return frozenset(
        number.decode() for text in texts for number in expression.findall(text.text.encode("utf-8", "replace"))
    )


@lru_cache(maxsize=256)
def _typed_numbers(name: str) -> re2._Regexp:
    """An entity's name and a number, in every form that `restore` takes for a placeholder, and without brackets."""
    between = f"[{_BETWEEN}]*"
    return re2.compile(f"(?i){between.join(_WORD.findall(name))}{between}0*([0-9]+)".encode(), options())
