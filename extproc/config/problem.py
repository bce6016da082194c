"""What is wrong with a configuration, where, and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Severity(Enum):
    """An error keeps the configuration from being used; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(Enum):
    """The kinds of problem. E001 to E003 are the format's own numbers, the others this gateway's.

    Codes are stable: scripts may match on them. W codes are only ever warnings; so is E003, because published
    examples of the format have chain entries without a block. E011 is a warning of `kt policy lint`, since the
    region may come from the environment of the machine that runs the gateway, and an error there.

    E001  the chain names a policy kind that does not exist
    E002  a key that does not exist
    E003  a kind in the chain without settings, or settings of a kind that is not in the chain
    E004  known in the wider format, not supported by this gateway yet
    E005  a required key is missing, or a key has no value
    E006  a value of the wrong type, or one that YAML readers disagree about
    E007  a value outside the names, the form or the range allowed
    E008  a key, id, name or chain entry that is given twice
    E009  the file cannot be read or is not one YAML document
    E010  a target's provider, model and endpoint name do not name one endpoint
    E011  a target has no AWS region
    E012  a pattern that RE2 does not run
    E013  keys that contradict each other, or one that needs another
    E014  a name that nothing in the file has
    W101  the region is taken from the target's id
    W102  a variable that should hold credentials is not set: the target is unavailable
    W103  the chain is empty
    W104  requests would cross a public network in clear text
    W105  requests go where an AWS endpoint variable of the environment says
    W106  the configuration is switched off: all traffic is refused
    W107  a pattern that matches what is no secret: every SHA-1, UUID or the like
    W108  a setting that the routing strategy has no use for, or one that it misses
    W109  a target that the data-routing-policy lets no request go to
    """

    UNKNOWN_POLICY = "E001"
    UNKNOWN_KEY = "E002"
    CHAIN_MISMATCH = "E003"
    UNSUPPORTED = "E004"
    MISSING = "E005"
    WRONG_TYPE = "E006"
    NOT_ALLOWED = "E007"
    DUPLICATE = "E008"
    SYNTAX = "E009"
    PROVIDER = "E010"
    REGION = "E011"
    PATTERN = "E012"
    CONFLICT = "E013"
    REFERENCE = "E014"
    REGION_FROM_ID = "W101"
    CREDENTIALS = "W102"
    EMPTY_CHAIN = "W103"
    CLEAR_TEXT = "W104"
    ENDPOINT_FROM_ENVIRONMENT = "W105"
    DISABLED = "W106"
    BROAD_PATTERN = "W107"
    IDLE = "W108"
    BARRED = "W109"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: line and column count from 1, columns in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `suggestion` says what to write instead, "" when the message already does.

    `position` is None until the problem has been placed in its file (a problem of the file as a whole has none).
    `at_key` asks for the key's place, not the value's.
    """

    code: Code
    path: Path
    message: str
    suggestion: str = ""
    severity: Severity = Severity.ERROR
    position: Position | None = None
    at_key: bool = False

    def render(self, file: str) -> str:
        """One line: `file:line:column: path: what is wrong; what to write instead [code]`."""
        place = file if self.position is None else f"{file}:{self.position.line}:{self.position.column}"
        kind = "warning: " if self.severity is Severity.WARNING else ""
        path = f"{dotted(self.path)}: " if self.path else ""
        advice = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place}: {kind}{path}{self.message}{advice} [{self.code.value}]"


class ConfigurationError(Exception):
    """A configuration that cannot be used. `problems` are all of them, warnings included, in the file's order.

    The text is ready to print: one line a problem.
    """

    def __init__(self, problems: Sequence[Problem], file: str = "policy-config.yaml") -> None:
        self.problems = tuple(problems)
        self.file = file
        super().__init__("\n".join(problem.render(file) for problem in self.problems))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that are errors."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def dotted(path: Path) -> str:
    """A path as people write it: `providers.targets[0].aws_region`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _PLAIN_KEY.fullmatch(part) else _quoted(part)
            text += f".{name}" if text else name
    return text


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate most like `word`, "" when none is near. `_` and `-` count as the same letter."""
    by_plain = {_plain(candidate): candidate for candidate in candidates}
    # Long input is noise, not a typing error, and difflib is quadratic.
    matches = difflib.get_close_matches(_plain(word[:64]), by_plain, n=1, cutoff=0.6)
    return by_plain[matches[0]] if matches else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Advice for an unknown word: the nearest candidate, else all of them."""
    names = tuple(candidates)
    found = nearest(word, names)
    return f"did you mean {found}?" if found else f"expected one of [{', '.join(names)}]"


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _quoted(key: str) -> str:
    shown = key if len(key) <= 40 else key[:40] + "…"
    return "'" + "".join(character if character.isprintable() else "?" for character in shown) + "'"
