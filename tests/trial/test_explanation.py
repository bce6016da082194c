"""One request explained: as the gateway would have it, and nothing that opens anything."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.errors import PolicyRefusal, UnknownModel
from extproc.openai import chat, completions, embeddings
from extproc.policies.table import build
from extproc.routing.ledger import Unobserved
from extproc.routing.row import Row
from extproc.routing.settings import Routing
from extproc.routing.targets import Identity
from extproc.testing import MODEL, NOW, make_runtime, make_target
from extproc.trial.explanation import Explanation, explain

POLICIES = (
    build("pii-detector", {"entities": ["EMAIL"]}),
    build("dlp-filter", {"patterns": [{"name": "fatal", "regex": "FATAL", "action": "block"}]}),
)


def explained(text: str, *targets: Any, **fields: Any) -> Explanation:
    """A chat request to these targets in which the user says a text; `fields` are those of the request."""
    body = orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": text}], **fields})
    return explain(body, endpoint=chat, runtime=make_runtime(*targets, policies=POLICIES), now=NOW)


def test_a_request_that_goes_upstream() -> None:
    """Its policies with their findings, its targets in order, the rewritten request, and what each is sent."""
    told = explained(
        "to a@example.com",
        make_target("east"),
        make_target("west", region="us-west-2", format="tgi", prompt_template="llama3"),
    )
    assert told.refusal is None
    assert [(said.policy, said.verdict) for said in told.said] == [("pii-detector", "redact"), ("dlp-filter", "allow")]
    assert [found.matched for found in told.found] == ["a@example.com"]
    assert told.body is not None
    assert told.body["messages"] == [{"role": "user", "content": "to [EMAIL_REDACTED]"}]
    east, west = told.attempts
    assert east.url == "https://runtime.sagemaker.example/endpoints/east-endpoint/invocations"
    assert orjson.loads(east.body)["messages"] == told.body["messages"]
    assert "to [EMAIL_REDACTED]" in orjson.loads(west.body)["inputs"]
    assert told.left_out == ()


@pytest.mark.parametrize(
    ("fields", "request_fields", "reason"),
    [
        pytest.param({"max_context_tokens": 5}, {}, "context is 5 tokens", id="context"),
        pytest.param({"max_body_bytes": 20}, {}, "larger than 20 bytes", id="size"),
        pytest.param({"kind": "embedding"}, {}, "/v1/embeddings", id="kind"),
        pytest.param(
            {"format": "tgi", "prompt_template": "llama3"},
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "tools",
            id="parameter",
        ),
    ],
)
def test_why_a_target_falls_out(fields: dict[str, Any], request_fields: dict[str, Any], reason: str) -> None:
    """A target of the group that cannot take the request is told with its own reason, and the others go on."""
    told = explained(
        "a longer text than five tokens", make_target("good"), make_target("bad", **fields), **request_fields
    )
    assert [attempt.target.id for attempt in told.attempts] == ["good"]
    ((target, why),) = told.left_out
    assert target.id == "bad"
    assert reason in why


def test_a_refused_request() -> None:
    """The refusal is the gateway's own, nothing is left of the request, and no target is tried."""
    told = explained("FATAL", make_target("east"))
    assert isinstance(told.refusal, PolicyRefusal)
    assert (told.body, told.attempts) == (None, ())
    assert [(target.id, why) for target, why in told.left_out] == [("east", told.refusal.message)]
    assert [(said.policy, said.verdict, said.rule) for said in told.said][-1] == ("dlp-filter", "block", "fatal")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", orjson.dumps({"model": MODEL})])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Any bytes are explained: by what is wrong with them."""
    told = explain(body, endpoint=chat, runtime=make_runtime(), now=NOW)
    assert told.refusal is not None
    assert told.refusal.http_status == 400
    assert (told.said, told.attempts, told.body) == ((), (), None)


def test_unknown_model_has_no_group() -> None:
    """A model that nobody serves has no targets."""
    body = orjson.dumps({"model": "nobody", "messages": [{"role": "user", "content": "x"}]})
    told = explain(body, endpoint=chat, runtime=make_runtime(), now=NOW)
    assert isinstance(told.refusal, UnknownModel)
    assert (told.model, told.group, told.left_out) == ("nobody", (), ())


@pytest.mark.parametrize(
    ("endpoint", "kind", "form"), [(completions, "completion", "prompt"), (embeddings, "embedding", "input")]
)
def test_the_other_endpoints(endpoint: Any, kind: str, form: str) -> None:
    """Prompts and texts to embed go their way, too."""
    runtime = make_runtime(make_target(kind=kind), policies=POLICIES)
    body = orjson.dumps({"model": MODEL, form: "to a@example.com"})
    told = explain(body, endpoint=endpoint, runtime=runtime, now=NOW)
    assert told.body is not None
    assert told.body[form] == "to [EMAIL_REDACTED]"
    assert len(told.attempts) == 1


@pytest.mark.parametrize("identity", [Identity(), Identity(profile="theirs")])
def test_signatures_are_masked(identity: Identity) -> None:
    """Every identity counts as usable; what is signed is told, by whom and how is not."""
    told = explained("hi", make_target("east", identity=identity), make_target("native", route="openai"))
    signed, bearer = (dict(attempt.headers)["authorization"] for attempt in told.attempts)
    assert signed == (
        "AWS4-HMAC-SHA256 Credential=<access key>/20270115/us-east-1/sagemaker/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature=<signature>"
    )
    assert bearer == "Bearer <signature>"
    assert "AKIA" not in repr(told)
    lines = told.attempts[0].canonical.split("\n")
    assert lines[:3] == ["POST", "/endpoints/east-endpoint/invocations", ""]
    assert "host:runtime.sagemaker.example" in lines
    assert told.attempts[1].canonical == ""


def test_what_is_known_of_the_targets_orders_them() -> None:
    """The order is that of a worker which knows as much, with its reasons; a target may lie beyond the last attempt."""
    runtime = make_runtime(make_target("east"), make_target("west"), make_target("north"), routing=Routing(attempts=2))
    body = orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]})
    known = Unobserved({"east": Row(changed_at=NOW, open_until=NOW + 1)})
    told = explain(body, endpoint=chat, runtime=runtime, now=NOW, observer=known)
    assert [attempt.target.id for attempt in told.attempts] == ["west", "north"]
    assert told.routing == {"strategy": "ordered", "order": ["west", "north", "east"], "reasons": {"east": "open"}}
    assert [(target.id, why) for target, why in told.left_out] == [
        ("east", "behind the last attempt that providers.fallback allows")
    ]


def test_a_barred_target_is_told_why() -> None:
    """The operator reads what is missing, also where it is what refuses the request; the client does not."""
    barred = make_target("east", barred="promises no zero data retention")
    why = "data-routing-policy keeps requests away: it promises no zero data retention"
    told = explained("hello", barred, make_target("west"))
    assert [attempt.target.id for attempt in told.attempts] == ["west"]
    assert [(target.id, reason) for target, reason in told.left_out] == [("east", why)]
    refused = explained("hello", barred)
    assert isinstance(refused.refusal, PolicyRefusal)
    assert [(target.id, reason) for target, reason in refused.left_out] == [("east", why)]
    assert "retention" not in refused.refusal.message
