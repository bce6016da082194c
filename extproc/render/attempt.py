"""The upstream filters of each target: envoy/attempt.lua, told which target it serves, and envoy/first_content.lua."""

from __future__ import annotations

from extproc.render.extension import Document, extension
from extproc.render.script import script_filter


def _lua_string(text: str) -> str:
    # Decimal escapes are the only ones Lua 5.1 has for arbitrary bytes (reference manual, 2.1).
    return '"' + "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:03d}" for b in text.encode()) + '"'


def attempt_filter(target_id: str) -> Document:
    """The Lua filter for one target's cluster."""
    return _attempt(_lua_string(target_id), waits=True)


def first_content_filter() -> Document:
    """The Lua filter after it, which an answer passes first; without it streams go on as soon as their heads come."""
    return script_filter("kt.first_content", "first_content.lua")


def attempt_filters(*, waits: bool) -> list[Document]:
    """The same for a cluster of several targets: what names the target of an attempt, and the script.

    Args:
        waits: whether the script may hold an answer back until it has its body.
    """
    # Lua cannot see the chosen host; the formatter can, before there is a connection (measured on 1.36 to 1.40).
    header = {"key": "x-kt-target", "value": "%UPSTREAM_METADATA(kt:target)%"}
    mutation = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    named = extension(
        "kt.attempt_target",
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        {"mutations": {"request_mutations": [mutation]}},
    )
    return [named, _attempt("nil", waits=waits)]


def _attempt(target: str, *, waits: bool) -> Document:
    settings = f"local TARGET = {target}\nlocal WAITS = {'true' if waits else 'false'}\n"
    return script_filter("kt.attempt", "attempt.lua", settings)
