"""The policies' judgement of texts, put into effect: the same for requests and for answers.

What a policy rewrote is written back; what it blocked, and what it could not judge, becomes the error that ends the
exchange; what it found is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import CallerError, GatewayError, GatewayUnavailable, PolicyRefusal, UpstreamError
from extproc.policies.verdict import Block, Guard, Phase, Place, PolicyFailed, Text
from extproc.record import fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.openai.text import Slot
    from extproc.record import ExchangeRecord

_CODES = {Phase.REQUEST: "input_blocked", Phase.RESPONSE: "output_blocked"}
_NOUNS = {Phase.REQUEST: "request", Phase.RESPONSE: "answer"}


def judge(slots: Sequence[Slot], phase: Phase, guard: Guard, record: ExchangeRecord) -> None:
    """Let the policies judge texts, and write back what they rewrote.

    Raises:
        PolicyRefusal: a policy blocked.
        GatewayUnavailable: a policy failed, and nothing passes unguarded.
    """
    try:
        judgement = guard.judge([slot.text for slot in slots])
    except PolicyFailed as failure:
        raise policy_failure(failure, phase) from failure
    record.found(phase, judgement.findings, judgement.scores)
    record.skipped_policies.update(judgement.failed)
    if judgement.block is not None:
        raise refusal(judgement.block, phase, record)
    for slot, judged in zip(slots, judgement.texts, strict=True):
        if judged != slot.text.text:
            slot.replace(judged)


def refusal(block: Block, phase: Phase, record: ExchangeRecord) -> PolicyRefusal:
    """The error that a block becomes."""
    record.blocked(phase, block)
    return PolicyRefusal(block.message, code=_CODES[phase], policy=block.policy)


def policy_failure(failure: PolicyFailed, phase: Phase) -> GatewayUnavailable:
    """The error that a policy's failure becomes: what it did not judge is never let through."""
    return GatewayUnavailable(
        f"A policy of the gateway failed, so the {_NOUNS[phase]} was not let through. Try again, or ask the operator.",
        detail=f"policy {failure.policy} failed: {fault(failure.__cause__)}",
    )


def censor(error: GatewayError, guard: Guard) -> None:
    """Let the policies judge what an error repeats of the upstream's words, for the client and for the record."""
    if isinstance(error, UpstreamError | CallerError):
        error.message = _judged(error.message, guard) or "The model's container refused the request or failed."
    if error.detail:
        error.detail = _judged(error.detail, guard) or "withheld: the policies did not pass what the upstream said"


def _judged(said: str, guard: Guard) -> str | None:
    place = Place(Phase.RESPONSE, "assistant", "other", path=("error", "message"))
    try:
        judgement = guard.judge([Text(place, said)])
    except PolicyFailed:
        return None
    return None if judgement.block is not None else judgement.texts[0]
