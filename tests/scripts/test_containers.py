"""The README's table of containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = json.loads((ROOT / "tests" / "tables" / "containers.json").read_text(encoding="utf-8"))


def test_the_readme_has_what_the_tests_show(program):
    """Its table is the one that the tests go through: a changed cell is a stale README, or a failing test."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert program("containers").written(text, ROWS) == text


def test_a_row_is_a_line(program):
    """Container, format, endpoint, and the five cells; an empty one is a dash."""
    cells = {"unary": "yes", "stream": "", "tools": "", "usage": "estimated", "errors": "yes"}
    row = {"container": "TEI", "provider": "embedding", "endpoint": "tei", "target": {"format": "tei"}, "cells": cells}
    *_, line = program("containers").table([row]).splitlines()
    assert line == "| TEI | `tei` | embeddings | yes | - | - | estimated | yes |"


def test_a_readme_without_a_place_for_it_is_said_so(program):
    """Nothing is appended anywhere."""
    with pytest.raises(ValueError, match="no place"):
        program("containers").written("# A readme\n", ROWS)


def test_each_row_has_an_endpoint_of_its_own():
    """A test names its row by it, and the emulator its container."""
    assert len({row["endpoint"] for row in ROWS}) == len(ROWS)
