"""Texts from the patterns of this folder: {a|b} chooses, @NAME takes a line of names.txt, a backslash keeps a sign."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
# A group without another inside, and what may stand there.
_GROUP = re.compile(r"\{((?:[^{}\\]|\\.)*)\}", re.DOTALL)
_NAME = re.compile(r"@([A-Z]+)")


def lines(name: str) -> Iterator[tuple[str, str]]:
    """(language, pattern) of each pattern of a file; English before the first [xx]."""
    language = "en"
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if section := re.fullmatch(r"\[([a-z]{2})\]", line):
            language = section[1]
        elif line and not line.startswith(("# ", "#\n")):
            yield language, line


def _names() -> dict[str, str]:
    return dict(line.split(": ", 1) for _, line in lines("names.txt"))


NAMES = _names()


def text(pattern: str, dice: random.Random) -> str:
    """One text of the pattern."""
    # A group in a group is chosen first, so that what is left has no bars of its own.
    while True:
        if name := _NAME.search(pattern):
            pattern = pattern[: name.start()] + NAMES[name[1]] + pattern[name.end() :]
        elif group := _GROUP.search(pattern):
            chosen = dice.choice(re.split(r"(?<!\\)\|", group[1]))
            pattern = pattern[: group.start()] + chosen + pattern[group.end() :]
        else:
            return re.sub(r" +", " ", re.sub(r"\\([{}|\\])", r"\1", pattern)).strip()
