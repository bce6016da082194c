"""What the gateway answers itself: models, readiness, and refusals of paths and methods."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.actions import Respond
from extproc.config.runtime import AuditSettings, Pack, Runtime
from extproc.errors import GatewayError, MethodNotAllowed, UnknownModel, UnknownUrl
from extproc.openai.endpoint import ENDPOINTS
from extproc.record import ExchangeRecord
from extproc.routing.targets import Identity
from extproc.serve import serve
from extproc.testing import CREDENTIALS, credentials_for, make_runtime, make_target

RUNTIME = make_runtime(
    make_target("east"), make_target("west"), make_target("org", models=("org/model-7b", "org-endpoint")), created=7
)


def ask(path: str, method: str = "GET", runtime: Runtime = RUNTIME, **given: Any) -> tuple[Respond | None, bool]:
    """The answer, and whether it is owed an audit line."""
    record = ExchangeRecord(started=0.0, config={}, method=method, path=path)
    credentials = given.get("credentials", credentials_for(runtime))
    return serve(record, runtime, credentials, given.get("audit_failed", False)), record.audited


def document(answer: Respond | None, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer of that status."""
    assert answer is not None
    assert answer.status == status
    assert answer.headers == (("content-type", "application/json"),)
    read: dict[str, Any] = orjson.loads(answer.body)
    return read


@pytest.mark.parametrize("path", ENDPOINTS)
def test_what_sagemaker_answers_needs_an_upstream(path: str) -> None:
    """Nothing is answered here, and the exchange is audited."""
    assert ask(path, "POST") == (None, True)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/"])
def test_the_list_of_models(path: str) -> None:
    """Each failover group is one model, under the first of its names, in file order."""
    answer, audited = ask(path)
    listed = document(answer)
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["model", "org/model-7b"]
    assert {model["created"] for model in listed["data"]} == {7}
    assert audited


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models/model", "model"),
        ("/v1/models/west", "west"),
        ("/v1/models/east-endpoint", "east-endpoint"),
        ("/v1/models/org%2Fmodel-7b", "org/model-7b"),
        ("/v1/models/org/model-7b", "org/model-7b"),
    ],
)
def test_one_model(path: str, name: str) -> None:
    """Every name that a request may use has its page, an escaped slash in it or not."""
    assert document(ask(path)[0]) == {"id": name, "object": "model", "created": 7, "owned_by": "sagemaker"}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v1/models/other", UnknownModel),
        ("GET", "/v1/models/%ff%00", UnknownModel),
        ("GET", "/v1/models/" + "x" * 5000, UnknownModel),
        ("POST", "/v1/models", MethodNotAllowed),
        ("DELETE", "/v1/models/model", MethodNotAllowed),
        ("GET", "/v1/chat/completions", MethodNotAllowed),
        ("GET", "/v1/completions", MethodNotAllowed),
        ("PUT", "/v1/embeddings", MethodNotAllowed),
        ("", "/v1/chat/completions", MethodNotAllowed),
        ("POST", "/v1/chat/completions/", UnknownUrl),
        ("POST", "/chat/completions", UnknownUrl),
        ("GET", "/v1/modelsx", UnknownUrl),
        ("GET", "/", UnknownUrl),
        ("GET", "", UnknownUrl),
        ("M" * 500, "/" + "x" * 5000, UnknownUrl),
        ("M" * 500, "/v1/models", MethodNotAllowed),
    ],
)
def test_refusals(method: str, path: str, kind: type[GatewayError]) -> None:
    """No such model, method or path; a message repeats only so much of what it was given."""
    with pytest.raises(kind) as raised:
        ask(path, method)
    assert len(raised.value.message) < 400


def test_reads_of_models_are_audited_as_configured() -> None:
    """With log_all_access false they leave no line."""
    quiet = make_runtime(audit=AuditSettings(log_all_access=False))
    assert ask("/v1/models", runtime=quiet)[1] is False
    assert ask("/v1/models/model", runtime=quiet)[1] is False


OTHER = Identity(profile="other")


@pytest.mark.parametrize(
    ("fields", "given", "faults"),
    [
        ({}, {}, []),
        ({"pack": Pack("p", "1", enabled=False)}, {}, ["pack.enabled is false"]),
        ({}, {"credentials": {}}, ["no AWS credentials for any target"]),
        ({}, {"credentials": {OTHER: CREDENTIALS}}, ["no AWS credentials for any target"]),
        ({}, {"audit_failed": True}, ["the audit trail cannot be written"]),
        ({"fail_open": True}, {"audit_failed": True}, []),
        (
            {"pack": Pack("p", "1", enabled=False)},
            {"credentials": {}, "audit_failed": True},
            ["pack.enabled is false", "no AWS credentials for any target", "the audit trail cannot be written"],
        ),
    ],
)
def test_readiness(fields: dict[str, Any], given: dict[str, Any], faults: list[str]) -> None:
    """Ready exactly when a chat could be served now; otherwise every reason is named. Probes are not audited."""
    answer, audited = ask("/readyz", runtime=make_runtime(**fields), **given)
    assert document(answer, 503 if faults else 200) == {"status": "unready" if faults else "ready", "faults": faults}
    assert not audited


def test_one_target_with_credentials_is_enough() -> None:
    """A failover group with one member that can be signed for serves."""
    runtime = make_runtime(make_target("east", identity=OTHER), make_target("west"))
    document(ask("/readyz", runtime=runtime, credentials={OTHER: CREDENTIALS})[0])
    document(ask("/readyz", runtime=runtime, credentials={Identity(): CREDENTIALS})[0])
