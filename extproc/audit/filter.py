"""Which records a reader wants to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# What happened to clients' exchanges; the trail's own lines are asked for by name, or with ALL.
USUAL_EVENTS = frozenset({"exchange", "ended"})
ALL = "all"
_AGE = re.compile(r"(\d{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Filter:
    """A record is wanted when each part that is not empty is so.

    `since` and `until` are RFC 3339 with microseconds, in UTC (`moment`): from the first on, and before the other.
    `policies` are those that found something in an exchange, or blocked it.
    """

    events: frozenset[str] = USUAL_EVENTS
    since: str = ""
    until: str = ""
    outcomes: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    principals: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Whether this line of the trail is wanted."""
        time = record.get("time")
        return (
            (ALL in self.events or record.get("event") in self.events)
            and (not self.since or (isinstance(time, str) and time >= self.since))
            and (not self.until or (isinstance(time, str) and time < self.until))
            and (not self.outcomes or record.get("outcome") in self.outcomes)
            and (not self.verdicts or record.get("verdict") in self.verdicts)
            and (not self.models or record.get("model") in self.models)
            and (not self.principals or principal(record) in self.principals)
            and (not self.policies or not self.policies.isdisjoint(policies(record)))
        )

    def told(self) -> dict[str, object]:
        """The parts that are set, as they are put on record."""
        parts = {
            "since": self.since,
            "until": self.until,
            "event": sorted(self.events) if self.events != USUAL_EVENTS else [],
            "outcome": sorted(self.outcomes),
            "verdict": sorted(self.verdicts),
            "model": sorted(self.models),
            "principal": sorted(self.principals),
            "policy": sorted(self.policies),
        }
        return {name: value for name, value in parts.items() if value}


def principal(record: Mapping[str, Any]) -> str:
    """Who asked, by name or id; "" when the record does not say."""
    value = record.get("principal")
    if isinstance(value, dict):
        value = value.get("id") or value.get("name")
    return value if isinstance(value, str) else ""


def policies(record: Mapping[str, Any]) -> Collection[str]:
    """The policies that found something, or blocked."""
    entries = record.get("findings")
    found = [*entries] if isinstance(entries, list) else []
    found.append(record.get("block"))
    return {entry["policy"] for entry in found if isinstance(entry, dict) and isinstance(entry.get("policy"), str)}


def moment(text: str, now: float) -> str:
    """A time as people give it: RFC 3339, a UTC date, or an age like 90s, 15m, 24h, 7d or 2w.

    Raises:
        ValueError: it is none of these.
    """
    age = _AGE.fullmatch(text)
    try:
        if age is not None:
            return timestamp(now - int(age[1]) * _SECONDS[age[2]])
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None and len(text) == len("2026-01-01"):
            parsed = parsed.replace(tzinfo=UTC)
        if parsed.tzinfo is not None:
            return timestamp(parsed.timestamp())
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(f"{text!r} is no time: give 2026-03-01T12:00:00Z, 2026-03-01, or an age like 24h or 7d")
