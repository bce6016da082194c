"""Small bodies come with their heads: what becomes of them is what would have become of them after their heads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.actions import Action, Continue, Replace
from extproc.config.runtime import Limits
from extproc.events import Event, RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.policies.table import build
from extproc.testing import answer_headers, chat_body, chat_headers, completion, play

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "TICKET", "action": "redact"},
]
ANSWER = answer_headers("east")
SCENES: dict[str, tuple[Event, ...]] = {
    "served": (chat_headers(), chat_body("Hi"), ANSWER, completion("Hello")),
    "redacted": (chat_headers(), chat_body("TICKET"), ANSWER, completion("TICKET", usage={"prompt_tokens": 3})),
    "a request that is blocked": (chat_headers(), chat_body("FATAL")),
    "an answer that is blocked": (chat_headers(), chat_body("Hi"), ANSWER, completion("FATAL")),
    "no JSON": (chat_headers(), RequestBody(b"{")),
    "an answer that is none": (chat_headers(), chat_body("Hi"), ANSWER, ResponseBody(b"[]", end_of_stream=True)),
    "too large a request": (chat_headers(), chat_body("x" * 5000)),
    "too large an answer": (chat_headers(), chat_body("Hi"), ANSWER, completion("x" * 5000)),
    "a path that is none": (chat_headers("/v2"), chat_body("Hi")),
}


def together(events: tuple[Event, ...]) -> list[Event]:
    """The same with each body in its head."""
    heads, bodies = events[::2], events[1::2]
    found: list[Event] = []
    for head, body in zip(heads, bodies, strict=True):
        assert isinstance(head, RequestHeaders | ResponseHeaders)
        assert isinstance(body, RequestBody | ResponseBody)
        found.append(replace(head, body=body.body))
    return found


def told(action: Action) -> Any:
    """Without the claim on the exchange, which is made with the first answer."""
    if not isinstance(action, Replace):
        return action
    return replace(action, metadata={name: value for name, value in action.metadata.items() if name != "kt.audit"})


@pytest.mark.parametrize("scene", SCENES)
def test_together_or_apart_the_end_is_the_same(scene: str) -> None:
    """Of the client's answer, of what goes upstream, and of the record."""
    policies, limits = (build("dlp-filter", {"patterns": WORDS}),), Limits(max_body_bytes=4000, max_response_bytes=4000)
    apart = play(*SCENES[scene], policies=policies, limits=limits)
    at_once = play(*together(SCENES[scene]), policies=policies, limits=limits)
    assert at_once.exchange.finished
    assert at_once.exchange.record.document() == apart.exchange.record.document()
    changes = [told(action) for action in apart.actions if not isinstance(action, Continue)]
    assert [told(action) for action in at_once.actions] == changes[: len(at_once.actions)]


def test_the_first_answer_claims_the_exchange() -> None:
    """From then on it is the worker's to audit, and Envoy's log has nothing of it."""
    head, body, *_ = SCENES["served"]
    (claim,) = play(head).actions
    (replaced,) = play(*together((head, body))).actions
    assert isinstance(claim, Continue)
    assert isinstance(replaced, Replace)
    assert claim.metadata["kt.audit"] == replaced.metadata["kt.audit"] == {"claimed": 1}


def test_an_answer_that_no_target_gave_waits_for_its_body() -> None:
    """What is enclosed is a target's 200; anything else is read as ever."""
    other = ResponseHeaders({":status": "200"}, details="direct_response", body=b"{}")
    playbook = play(*SCENES["served"][:2], other)
    (answer,) = playbook.actions[-1:]
    assert isinstance(answer, Continue)
    assert not playbook.exchange.finished
