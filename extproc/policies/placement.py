"""Which texts a policy reads: `apply_to` of its settings.

`phases` and `roles` say it of whole messages. Texts of tools stand in messages, too: what a tool returned in one of
role "tool", a call's arguments in the assistant's, a tool's definition beside the system's. By default they go with
those roles; `tools` decides about them alone.

Requests may carry any role. "function" is the older name of "tool"; every other one counts as "user", since whoever
can send it could have sent a user's message, and no policy must be walked around by a role that we do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extproc.policies.verdict import Phase, Place

ROLES = ("system", "developer", "user", "assistant", "tool")
# Each kind of tool text, and the role that it goes with.
TOOL_TEXTS: Mapping[str, str] = {"tool_arguments": "assistant", "tool_result": "tool", "tool_definition": "system"}
# What an answer holds: https://platform.openai.com/docs/api-reference/chat/object knows no other role.
ANSWERING = ("assistant", "tool_arguments")


@dataclass(frozen=True, slots=True)
class Placement:
    """The texts that a policy reads. `tools` None: tool texts go with their roles."""

    phases: frozenset[Phase] = frozenset(Phase)
    roles: frozenset[str] = frozenset(ROLES)
    tools: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], default: Placement) -> Placement:
        """The placement of a policy's settings; what its `apply_to` does not say is as in `default`."""
        given = settings.get("apply_to")
        if not given:
            return default
        phases, roles, tools = (given.get(name) for name in ("phases", "roles", "tools"))
        return cls(
            default.phases if phases is None else frozenset(map(Phase, phases)),
            default.roles if roles is None else frozenset(roles),
            default.tools if tools is None else frozenset(tools),
        )

    @property
    def read(self) -> frozenset[Phase]:
        """The phases in which there is anything to read."""
        answers = "assistant" in self.roles or "tool_arguments" in (self.tools or ())
        return self.phases if answers else self.phases - {Phase.RESPONSE}

    def reads(self, place: Place) -> bool:
        """Whether a text of that place is read."""
        if place.phase not in self.phases:
            return False
        kind, role = named(place)
        if self.tools is not None and kind in TOOL_TEXTS:
            return kind in self.tools
        return role in self.roles


EVERYWHERE = Placement()


def named(place: Place) -> tuple[str, str]:
    """The kind and the role of a text in the words of `apply_to`."""
    role = "system" if place.kind == "tool_definition" else _role(place.role)
    # Whatever else a tool's message holds is the tool's word as well.
    return "tool_result" if role == "tool" and place.kind != "tool_arguments" else place.kind, role


def _role(role: str) -> str:
    if role in ROLES:
        return role
    return "tool" if role == "function" else "user"
