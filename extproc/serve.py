"""What the gateway answers itself, without SageMaker: the model list, readiness, and paths that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson

from extproc.actions import JSON, Respond
from extproc.errors import MethodNotAllowed, UnknownModel, UnknownUrl
from extproc.openai import models
from extproc.openai.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.runtime import Runtime
    from extproc.record import ExchangeRecord
    from extproc.routing.targets import Credentials, Identity

MODELS = "/v1/models"
READY = "/readyz"


def serve(
    record: ExchangeRecord,
    runtime: Runtime,
    credentials: Mapping[Identity, Credentials],
    audit_failed: bool,
) -> Respond | None:
    """The answer to a request that needs no upstream; None for one that does.

    Raises:
        UnknownUrl, MethodNotAllowed, UnknownModel: no such path, method or model.
    """
    path, method = record.path, record.method
    if path in ENDPOINTS:
        _allow(method, "POST", path)
        return None
    if path == READY:
        record.audited = False
        return _ready(runtime, credentials, audit_failed)
    if path == MODELS or path.startswith(MODELS + "/"):
        _allow(method, "GET", path)
        record.audited = runtime.audit.log_all_access
        return _models(runtime, unquote(path[len(MODELS) + 1 :]))
    raise UnknownUrl(
        f"Unknown request URL: {method[:20]} {path[:200]}. Clients of this gateway use a base URL ending in /v1."
    )


def _allow(method: str, allowed: str, path: str) -> None:
    if method != allowed:
        raise MethodNotAllowed(f"{path} takes {allowed} only, not {method[:20]}.")


def _models(runtime: Runtime, name: str) -> Respond:
    if not name:
        listed = dict.fromkeys((*runtime.groups, *(target.models[0] for target in runtime.targets)))
        return Respond(200, JSON, orjson.dumps(models.listing(listed, runtime.created)), details="kt_models")
    if name not in runtime.by_model:
        raise UnknownModel(f"The model `{name[:200]}` does not exist or is not served here.", param="model")
    return Respond(200, JSON, orjson.dumps(models.model(name, runtime.created)), details="kt_models")


def _ready(runtime: Runtime, credentials: Mapping[Identity, Credentials], audit_failed: bool) -> Respond:
    """200 only when a request could be served now: configuration, credentials and audit trail are usable."""
    faults = []
    if not runtime.pack.enabled:
        faults.append("pack.enabled is false")
    if not any(target.identity in credentials for target in runtime.targets):
        faults.append("no AWS credentials for any target")
    if audit_failed and not runtime.fail_open:
        faults.append("the audit trail cannot be written")
    body = {"status": "unready" if faults else "ready", "faults": faults}
    return Respond(503 if faults else 200, JSON, orjson.dumps(body), details="kt_readyz")
