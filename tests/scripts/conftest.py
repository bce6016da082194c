"""How tests reach the programs behind scripts/: they are no package, so they are found by folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture
def program(monkeypatch):
    """Import a module of scripts/local by name, as the programs themselves do."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "scripts" / "local"))

    def load(name: str):
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return module

    return load
