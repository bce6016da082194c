"""What a gateway loses in front of an Envoy that is older than the newest, in words for whoever renders for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.clusters import largest_group
from extproc.render.priorities import MOST_TARGETS
from extproc.render.versions import (
    BUFFER_LIMIT_OF_ROUTES,
    HELD_ANSWERS,
    JUDGED_REPLIES,
    NEWEST,
    PRIORITY_GROUP,
    Version,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.routing.targets import Target

# (before which version; only where a model has several targets; the sentence)
LOSSES: tuple[tuple[Version, bool, str], ...] = (
    (
        PRIORITY_GROUP,
        True,
        "Of a request's targets only the first is chosen for it; those after it are tried in the file's order.",
    ),
    (
        PRIORITY_GROUP,
        True,
        "A request that is signed again goes to its other targets first, and only then to the one that refused it.",
    ),
    (
        PRIORITY_GROUP,
        True,
        "Each order of targets has its own connections, and learns by itself which of them are unhealthy.",
    ),
    (
        PRIORITY_GROUP,
        True,
        "While all other targets of a request are ejected, the one that has just failed is asked again.",
    ),
    (PRIORITY_GROUP, True, "A stream fails over until its headers have come, not until its first content."),
    (PRIORITY_GROUP, True, "The most patient target's `timeout_seconds` holds for all targets of a request."),
    (PRIORITY_GROUP, False, f"A model can have {MOST_TARGETS} targets at most."),
    (
        HELD_ANSWERS,
        True,
        "What only an error's text tells is not tried elsewhere: a container's failure (424), no capacity or endpoint.",
    ),
    (
        HELD_ANSWERS,
        False,
        "A refused signature is not made anew: the machine's clock has to be right, for nothing corrects it.",
    ),
    (
        JUDGED_REPLIES,
        False,
        "What Envoy answers itself (no host, out of time) has no retry-after, and is `aborted` in the audit trail.",
    ),
    (
        BUFFER_LIMIT_OF_ROUTES,
        False,
        "Each connection may hold a body of size_limits, and a change of these drains all connections.",
    ),
    (PRIORITY_GROUP, False, "`kt gateway run` does not start this Envoy: run it beside `kt extproc serve`."),
)


def lines(version: Version, targets: Sequence[Target]) -> list[str]:
    """One sentence for each loss, after one that names the version; nothing when nothing is lost."""
    several = largest_group(targets) > 1
    lost = [f"- {text}" for before, between, text in LOSSES if version < before and (several or not between)]
    return [f"For Envoy {written(version)}. What is lost against {written(NEWEST)}:", *lost] if lost else []
