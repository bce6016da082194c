"""The policies' judgement put into effect."""

from __future__ import annotations

import pytest

from extproc.errors import PolicyRefusal, UpstreamRejected
from extproc.judge import censor, judge, policy_failure, refusal
from extproc.openai.text import request_slots
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.policies.verdict import Block, Phase, PolicyFailed
from extproc.record import ExchangeRecord
from extproc.testing import NOW

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
CHAIN = Chain((build("dlp-filter", {"patterns": WORDS}),))


def fresh() -> ExchangeRecord:
    """A record with nothing in it."""
    return ExchangeRecord(started=NOW, config={})


@pytest.mark.parametrize("form", ["prompt", "input", "suffix"])
@pytest.mark.parametrize("several", [False, True])
def test_texts_of_every_endpoint_are_rewritten_in_place(form: str, several: bool) -> None:
    """A prompt, what is to be embedded, or each of a list."""
    document = {"model": "m", form: ["a SECRET", "b"] if several else "a SECRET"}
    record = fresh()
    slots = request_slots(document)
    assert {(slot.text.place.role, slot.text.place.kind) for slot in slots} == {("user", "content")}
    judge(slots, Phase.REQUEST, CHAIN.guard(), record)
    assert document[form] == (["a [WORD_REDACTED]", "b"] if several else "a [WORD_REDACTED]")
    assert record.findings == {("request", "dlp-filter", "word"): 1}


@pytest.mark.parametrize(("phase", "code"), [(Phase.REQUEST, "input_blocked"), (Phase.RESPONSE, "output_blocked")])
def test_a_block_says_which_side_it_was_on(phase: Phase, code: str) -> None:
    """In the code for the client, and in the record."""
    record = fresh()
    with pytest.raises(PolicyRefusal) as raised:
        judge(request_slots({"prompt": "FATAL"}), phase, CHAIN.guard(), record)
    assert (raised.value.openai_code, raised.value.policy, raised.value.http_status) == (code, "dlp-filter", 409)
    assert record.block == (phase.value, "dlp-filter", "fatal")
    assert refusal(Block("p", "r", "m"), phase, fresh()).openai_code == code


@pytest.mark.parametrize(("phase", "noun"), [(Phase.REQUEST, "request"), (Phase.RESPONSE, "answer")])
def test_a_failure_says_what_was_not_let_through(phase: Phase, noun: str) -> None:
    """A guard of another make may raise PolicyFailed by itself, without a cause."""
    error = policy_failure(PolicyFailed("p"), phase)
    assert f"so the {noun} was not let through" in error.message
    assert error.detail == "policy p failed: NoneType"


def test_an_error_is_censored() -> None:
    """What it repeats of a container's words is judged: rewritten, or withheld."""
    told = UpstreamRejected("no SECRET", detail="FATAL: the whole of it")
    censor(told, CHAIN.guard())
    assert told.message == "no [WORD_REDACTED]"
    assert told.detail == "withheld: the policies did not pass what the upstream said"
