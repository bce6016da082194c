"""From a call to its targets in order, and what the record is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import ContextLengthExceeded, PolicyRefusal
from extproc.openai import chat
from extproc.record import ExchangeRecord
from extproc.route import COMPLETION_TOKENS, candidates_of, described, ordered
from extproc.routing.affinity import affinity
from extproc.routing.ledger import Unobserved
from extproc.routing.settings import Routing
from extproc.testing import MODEL, NOW, chat_body, credentials_for, make_runtime, make_target

EAST, WEST = make_target("east"), make_target("west")
NOBODY = Unobserved()


def route(*targets: Any, routing: Routing | None = None, **request: Any) -> tuple[list[str], dict[str, Any]]:
    """The targets of a request in order, and the record's word on it."""
    runtime = make_runtime(*targets, routing=routing or Routing())
    record = ExchangeRecord(started=NOW, config={})
    call = chat.parse(chat_body("hello", **request).body)
    stages = candidates_of(call, runtime, credentials_for(runtime), record)
    described_call = described(call, stages, runtime, NOBODY, b"")
    found = ordered(call, stages, described_call, runtime, NOBODY, record=record, now=NOW)
    return [target.id for target in found], record.document()["routing"]


def test_the_record_says_strategy_and_order() -> None:
    """In short; reasons only where there are any."""
    assert route(EAST, WEST) == (["east", "west"], {"strategy": "ordered", "order": ["east", "west"]})


def test_barred_targets_are_told_unless_nobody_wants_to_know() -> None:
    """log_provider_selection decides whether the record names what the policy left out."""
    barred = make_target("east", barred="says nothing")
    told = {"strategy": "ordered", "order": ["west"], "reasons": {"east": "data-routing-policy"}}
    assert route(barred, WEST) == (["west"], told)
    assert "reasons" not in route(barred, WEST, routing=Routing(tell_barred=False))[1]


def test_with_every_target_barred_the_policy_refuses() -> None:
    """As any policy's refusal: a block in the record, whose detail alone says why."""
    runtime = make_runtime(make_target(barred="keeps data for 31 days"))
    record = ExchangeRecord(started=NOW, config={})
    call = chat.parse(chat_body("hello").body)
    with pytest.raises(PolicyRefusal) as refused:
        candidates_of(call, runtime, credentials_for(runtime), record)
    assert (refused.value.http_status, refused.value.openai_code) == (409, "input_blocked")
    assert (refused.value.policy, record.block[1]) == ("data-routing-policy", "data-routing-policy")
    assert "31 days" in refused.value.detail
    assert "31 days" not in refused.value.message


def test_what_does_not_fit_falls_out_of_every_stage() -> None:
    """A fallback group's larger context may be what is left; with none, the first refusal is the client's."""
    small = make_target("small", max_context_tokens=5)
    large = make_target("large", max_context_tokens=5000)
    runtime = make_runtime(small, large, by_model={MODEL: (small,)}, fallbacks={MODEL: ((large,),)})
    record = ExchangeRecord(started=NOW, config={})
    call = chat.parse(chat_body("hello " * 50).body)
    stages = candidates_of(call, runtime, credentials_for(runtime), record)
    request = described(call, stages, runtime, NOBODY, b"")
    assert ordered(call, stages, request, runtime, NOBODY, record=record, now=NOW) == (large,)
    with pytest.raises(ContextLengthExceeded):
        ordered(call, ((small,), ()), request, runtime, NOBODY, record=record, now=NOW)


def test_what_strategies_may_look_at() -> None:
    """The digest of `user`, or of the header when one is configured; lengths only where they cost something."""
    call = chat.parse(chat_body("hello", user="jane", max_tokens=7).body)
    stages = ((EAST,),)
    plain = described(call, stages, make_runtime(EAST), NOBODY, b"header")
    assert (plain.affinity, plain.prompt_tokens, plain.completion_tokens) == (affinity("jane"), 0, 0)
    headed = described(call, stages, make_runtime(EAST, routing=Routing(sticky_header="x-id")), NOBODY, b"header")
    assert headed.affinity == b"header"
    priced = described(call, stages, make_runtime(EAST, routing=Routing(strategy="cost")), NOBODY, b"")
    assert (priced.prompt_tokens > 0, priced.completion_tokens) == (True, 7)
    endless = chat.parse(chat_body("hello").body)
    unlimited = described(endless, stages, make_runtime(EAST, routing=Routing(strategy="cost")), NOBODY, b"")
    assert unlimited.completion_tokens == COMPLETION_TOKENS
