"""Lua filters of our own scripts, which lie in envoy/."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from extproc.render.extension import Document, extension


def script_filter(name: str, file: str, settings: str = "") -> Document:
    """The filter that runs a script; `settings` are lines of Lua before it."""
    lua = {"default_source_code": {"inline_string": settings + _script(file)}}
    return extension(name, "extensions.filters.http.lua.v3.Lua", lua)


@cache
def _script(file: str) -> str:
    # In a wheel the script lies beside this file; in a checkout it stays in envoy/, with the rest of what Envoy runs.
    shipped = files("extproc.render") / file
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "envoy" / file).read_text(encoding="utf-8")
