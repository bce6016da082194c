"""`apply_to`, `mode` and `fail`: what of them would have no effect, and is refused for that.

A policy that reads less than its operator believes is the fault that nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.config.problem import Code, Path, Problem
from extproc.policies.placement import ANSWERING, ROLES, TOOL_TEXTS

# The kinds that judge text, by whether they read answers too.
_KINDS = {"prompt-injection": False, "pii-detector": True, "dlp-filter": True}
_READ_BY_INJECTION = ("user", "tool")
_NAMES = {"phases": ("request", "response"), "roles": ROLES, "tools": tuple(TOOL_TEXTS)}


def check(policy: Any) -> Iterator[Problem]:
    """Every problem of these fields that a single one cannot show; `policy` is the file's section, whatever it is."""
    for kind, answers in _KINDS.items():
        section = policy.get(kind) if isinstance(policy, dict) else None
        if not isinstance(section, dict):
            continue
        path: Path = ("policy", kind)
        yield from _mode(section, path)
        given = section.get("apply_to")
        if isinstance(given, dict):
            yield from _apply_to(given, (*path, "apply_to"), answers=answers)
        if isinstance(section.get("thresholds"), dict):
            yield from _thresholds(section["thresholds"], given if isinstance(given, dict) else {}, path)


def _mode(section: dict[str, Any], path: Path) -> Iterator[Problem]:
    if section.get("mode") != "observe":
        return
    if section.get("fail") == "closed":
        message = "a policy that only observes refuses nothing, not even when it fails"
        yield Problem(Code.CONFLICT, (*path, "fail"), message, "remove it or set mode: enforce", at_key=True)
    response = section.get("response")
    places = ((section, ()), (response if isinstance(response, dict) else {}, ("response",)))
    for place, below in places:
        if place.get("action") == "log":
            message = "log only records already, so mode: observe has no effect"
            yield Problem(Code.CONFLICT, (*path, *below, "action"), message, "remove one of them", at_key=True)


def _thresholds(thresholds: dict[str, Any], given: dict[str, Any], path: Path) -> Iterator[Problem]:
    """Thresholds for places that prompt-injection does not read."""
    roles, tools = given.get("roles"), given.get("tools")
    roles = _READ_BY_INJECTION if roles is None else roles
    for name in thresholds:
        by_role = TOOL_TEXTS.get(name, name) in roles
        if not (by_role if tools is None or name in ROLES else name in tools):
            message = f"texts of {name} are not read"
            yield Problem(
                Code.CONFLICT, (*path, "thresholds", name), message, "add it to apply_to or remove it", at_key=True
            )


def _apply_to(given: dict[str, Any], path: Path, *, answers: bool) -> Iterator[Problem]:
    named: dict[str, list[str] | None] = {}
    for key, names in _NAMES.items():
        values = given.get(key)
        if key in given and not (isinstance(values, list) and all(value in names for value in values)):
            return  # which the model says
        named[key] = values
        first: dict[str, int] = {}
        for at, value in enumerate(values or ()):
            if first.setdefault(value, at) != at:
                message = f"{value} is already {key}[{first[value]}]"
                yield Problem(Code.DUPLICATE, (*path, key, at), message, "remove one")
    if not given:
        advice = f"give it {'phases, ' if answers else ''}roles or tools, or remove it"
        yield Problem(Code.MISSING, path, "says nothing", advice, at_key=True)
    roles, tools = named["roles"], named["tools"]
    if roles == [] and not tools:
        yield Problem(Code.CONFLICT, (*path, "roles"), "no text is left to read", "name roles or tools", at_key=True)
        return
    if roles is not None and "tool" in roles and tools is not None and "tool_result" not in tools:
        message = "a tool's messages are its results, which tools leaves out"
        yield Problem(Code.CONFLICT, (*path, "roles", roles.index("tool")), message, "add tool_result or remove it")
    if answers:
        yield from _phases(named, path)


def _phases(named: dict[str, list[str] | None], path: Path) -> Iterator[Problem]:
    """What cannot stand in the phases that are read, and phases in which nothing is read."""
    phases, roles, tools = named["phases"], named["roles"], named["tools"]
    if phases is None:
        return
    if "request" not in phases:
        for key in ("roles", "tools"):
            for at, value in enumerate(named[key] or ()):
                if value not in ANSWERING:
                    message = f"{value} stands in requests only, and phases leaves them out"
                    yield Problem(Code.CONFLICT, (*path, key, at), message, "remove it or add request to phases")
    silent = roles is not None and "assistant" not in roles and "tool_arguments" not in (tools or ())
    if silent and "response" in phases:
        message = "an answer is the assistant's, whom roles leaves out"
        yield Problem(
            Code.CONFLICT, (*path, "phases", phases.index("response")), message, "add assistant or remove response"
        )
