"""For tests of exchanges and of policies at work in one, without Envoy, network or clock: a playbook and fakes.

    playbook = play(policies=[MyPolicy()])
    playbook.feed(chat_headers()).expect(Some(Continue))
    playbook.feed(chat_body("Hello")).expect(Some(Replace))
    playbook.feed(answer_headers("east")).expect(Some(Continue, body_mode=BodyMode.BUFFERED))
    playbook.feed(completion("Hi")).expect(Some(Replace)).ends("served")

An action that `expect` is given must be equal in full, and Some(…) in what it names.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

import orjson

from extproc.actions import Continue
from extproc.answer import EVENT_STREAM
from extproc.config.runtime import AuditSettings, Limits, Pack, Runtime
from extproc.events import RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.exchange import Exchange, Surroundings
from extproc.policies.chain import Chain
from extproc.routing.targets import Credentials, Identity, Target
from extproc.sagemaker.eventstream import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from extproc.actions import Action
    from extproc.events import Event
    from extproc.policies.base import Policy

MODEL = "model"
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
# AWS's own example keys: they open nothing.
CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


class Some:  # noqa: PLW1641 - equal to many actions that differ, it can have no hash
    """Equal to any action of a kind whose fields, as far as they are given, have these values."""

    def __init__(self, kind: type[Action], **fields: object) -> None:
        self._kind = kind
        self._fields = fields

    def __eq__(self, other: object) -> bool:
        """Whether the other is such an action; a field that it does not have is a mistake in the test."""
        return isinstance(other, self._kind) and all(
            getattr(other, name) == value for name, value in self._fields.items()
        )

    def __repr__(self) -> str:
        fields = ", ".join([*(f"{name}={value!r}" for name, value in self._fields.items()), "..."])
        return f"{self._kind.__name__}({fields})"


class Playbook:
    """Feeds an exchange, at `now` (Unix seconds), and compares what it answers; a mismatch shows the whole play.

    `actions` are all that were answered so far.
    """

    def __init__(self, exchange: Exchange, now: float = NOW) -> None:
        self.exchange = exchange
        self.now = now
        self.actions: list[Action] = []
        self._answer: tuple[Action, ...] = ()
        self._played: list[str] = []

    def feed(self, *events: Event) -> Playbook:
        """Feed events. `expect` is about what the last of them was answered with."""
        for event in events:
            self._played += (f"<< {action}" for action in self._answer)
            self._answer = self.exchange.feed(event, self.now)
            self._played.append(f">> {event}")
            self.actions += self._answer
        return self

    def expect(self, *actions: Action | Some) -> Playbook:
        """Compare the last answer: these actions, in this order, and no others.

        Raises:
            AssertionError: they differ; the message is a diff of the whole play.
        """
        played = [f"<< {action}" for action in self._answer]
        # What equals the expectation is written as it was played, so that the diff shows the differences alone.
        pairs = list(zip(self._answer, actions, strict=False))
        expected = [f"<< {played if played == wanted else wanted}" for played, wanted in pairs]
        expected += [f"<< {wanted}" for wanted in actions[len(pairs) :]]
        self._compare(expected, played)
        return self

    def ends(self, outcome: str, status: int = 200) -> Playbook:
        """The exchange has ended, and its record says so.

        Raises:
            AssertionError: it goes on, or ended otherwise.
        """
        record = self.exchange.record
        played = [f"== {record.outcome} {record.status}" if self.exchange.finished else "== goes on"]
        answered = [f"<< {action}" for action in self._answer]
        self._compare([*answered, f"== {outcome} {status}"], answered + played)
        return self

    @property
    def error(self) -> dict[str, Any]:
        """The error that the last bytes for the client are, or end in: a refusal's body, or an event of a stream."""
        body = next(action.body for action in reversed(self.actions) if not isinstance(action, Continue))
        error: dict[str, Any] = orjson.loads(body.rpartition(b"data: ")[2])["error"]
        return error

    def _compare(self, expected: Sequence[str], played: Sequence[str]) -> None:
        if expected != played:
            both = ([*self._played, *expected], [*self._played, *played])
            raise AssertionError("\n".join(unified_diff(*both, "expected", "played", lineterm="", n=1_000)))


def play(*events: Event, policies: Iterable[Policy] = (), targets: Iterable[Target] = (), **fields: Any) -> Playbook:
    """A new exchange's playbook, after these events; `fields` are those of Runtime."""
    return Playbook(make_exchange(make_runtime(*targets, policies=policies, **fields))).feed(*events)


def make_target(name: str = "east", **fields: Any) -> Target:
    """A target of that id that serves MODEL; `fields` are those of Target."""
    endpoint = f"{name}-endpoint"
    target = Target(name, endpoint, (MODEL, endpoint, name), "us-east-1", host="runtime.sagemaker.example")
    return replace(target, **fields)


def make_runtime(*targets: Target, policies: Iterable[Policy] = (), fail_open: bool = False, **fields: Any) -> Runtime:
    """A runtime with these targets (one, if none is given) and policies; `fields` are the others of Runtime."""
    targets = targets or (make_target(),)
    names = dict.fromkeys(name for target in targets for name in target.models)
    runtime = Runtime(
        pack=Pack("tests", "1.0.0"),
        config_hash="0" * 64,
        targets=targets,
        by_model={name: tuple(target for target in targets if name in target.models) for name in names},
        chain=Chain(tuple(policies), fail_open=fail_open),
        audit=AuditSettings(),
        limits=Limits(),
        fail_open=fail_open,
    )
    return replace(runtime, **fields)


def credentials_for(runtime: Runtime) -> dict[Identity, Credentials]:
    """The same fake credentials for every identity of a runtime."""
    return {target.identity: CREDENTIALS for target in runtime.targets}


def make_exchange(runtime: Runtime, *, now: float = NOW, **fields: Any) -> Exchange:
    """An exchange that can sign for every target; `fields` are those of Surroundings."""
    return Exchange(runtime, replace(Surroundings(credentials_for(runtime), now=now), **fields))


def chat_headers(path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> RequestHeaders:
    """The head of a chat request; of further headers, `_` in a name stands for `-`."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return RequestHeaders({":method": method, ":path": path, "x-request-id": "request-1", **more})


def chat_body(text: str, **fields: Any) -> RequestBody:
    """A chat request in which the user says `text`; `fields` are those of the request."""
    return RequestBody(orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}))


def answer_headers(target: str, status: int = 200, *, stream: bool = False, **fields: Any) -> ResponseHeaders:
    """The head of a target's answer; `fields` are those of ResponseHeaders."""
    kind = EVENT_STREAM if stream else "application/json"
    head = ResponseHeaders({":status": str(status), "content-type": kind}, False, target, 1, "via_upstream")
    return replace(head, **fields)


def completion(*texts: str, **fields: Any) -> ResponseBody:
    """A whole answer with a choice for each text; `fields` are further ones of the document (`usage`)."""
    choices = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for at, text in enumerate(texts)
    ]
    return ResponseBody(orjson.dumps({"id": "answer-1", "choices": choices, **fields}), end_of_stream=True)


def streamed(*texts: str, **fields: Any) -> list[ResponseBody]:
    """A streamed answer, a chunk for each piece of text, then the finish (with `fields`), [DONE], and the end."""
    parts: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **fields})
    events = [b"data: " + orjson.dumps({"id": "answer-1", **part}) + b"\n\n" for part in parts]
    return [*(ResponseBody(frame(event)) for event in (*events, b"data: [DONE]\n\n")), ResponseBody(b"", True)]


def frame(payload: bytes) -> bytes:
    """One PayloadPart of SageMaker's event stream."""
    return encode({":message-type": "event", ":event-type": "PayloadPart"}, payload)
