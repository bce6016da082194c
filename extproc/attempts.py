"""What is told of an exchange's attempts, read for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import answer
from extproc.routing.outcome import NO_HEALTHY_HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.events import AttemptOutcome, ResponseHeaders

# first_content.lua's names for streams that cannot be read, or ended without a word.
_WORDLESS = ("BrokenStream", "NoContent")


def trapped(event: ResponseHeaders) -> bool:
    """Whether the trap answered, for no host of the target was healthy."""
    return bool(event.outcomes) and event.outcomes[-1].error_type == NO_HEALTHY_HOST


def wordless(event: ResponseHeaders) -> bool:
    """Whether a stream failed of which nothing of use will come, and perhaps not even an end."""
    return bool(event.outcomes) and event.outcomes[-1].error_type in _WORDLESS and answer.streamed(event.headers)


def began(event: ResponseHeaders, asked: float | None, now: float) -> float:
    """When the attempt that answers began (Unix seconds), as far as that is known; else the latest that it can be."""
    elapsed = event.outcomes[-1].elapsed if event.outcomes else None
    if elapsed is not None:
        return now - elapsed
    return asked if event.attempts <= 1 and asked is not None else now


def exhausted(attempts: Sequence[AttemptOutcome]) -> bool:
    """Whether several targets were tried: one that was never reached is none of them."""
    return len({attempt.target for attempt in attempts if attempt.error_type != NO_HEALTHY_HOST}) > 1
