"""What a container says when it refuses or fails, in each server's own shape, and whose fault that is.

    vLLM, SGLang   {"error": {"message", "type", "param", "code": 400}}; older: the same, flat, with "object": "error"
    TGI, TEI       {"error": "<text>", "error_type": "validation" | "generation" | "overloaded" | …}
    LMI            {"error": "<text>", "code": 424}
    DJL server     {"code": 503, "type": "WlmCapacityException", "message": "<text>"}
    FastAPI        {"detail": "<text>"}
    AWS            {"ErrorCode": "…", "Message": "<text>"}, where a container calls a service and passes its error on

SageMaker quotes at most 2,048 characters of it, so the JSON may be cut anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from extproc.errors import (
    ContextLengthExceeded,
    GatewayError,
    GatewayMisconfigured,
    RateLimited,
    RequestTooLarge,
    UnknownModel,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from extproc.sagemaker.sanitise import presentable

# Types by which TGI, TEI and LMI say that the caller is at fault, whatever the status (TGI gives 422 to all of them).
_CALLER_TYPES = frozenset(
    {"validation", "template_error", "tool_error", "empty", "tokenizer", "badrequesterror", "invalid_request_error"}
)
_OVERLOADED_TYPES = frozenset({"overloaded", "ratelimiterror", "rate_limit_error"})

# Each server's way of saying that the prompt is too long.
_CONTEXT_OVERFLOW = re.compile(
    r"""
      maximum\ context\ length | context[ _]length[ _]exceeded | model's\ context\ length        # vLLM, OpenAI, SGLang
    | longer\ than\ the\ (?:maximum\ )?model\ length | max_model_len                              # vLLM
    | `?inputs`?\ (?:tokens\ \+\ `?max_new_tokens`?\ must\ be\ <=|must\ have\ less\ than\ \d+\ tokens)  # TGI
    | must\ have\ less\ than\ \d+\ tokens                                                        # TEI
    | (?:prompt|input)\ (?:is\ too\ long|exceeds?\ the\ max)                                     # LMI
    """,
    re.IGNORECASE | re.VERBOSE,
)

# JumpStart's early Llama models, called without `accept_eula=true`.
_LICENCE = re.compile(r"accept_eula|end-user license agreement|\bEULA\b")

# A field of JSON that may be cut short before the string's end.
_CUT_FIELD = r'"%s"\s*:\s*"((?:[^"\\]|\\.)*+)'
_CUT_MESSAGE = re.compile(_CUT_FIELD % "(?:[mM]essage|error|detail)", re.DOTALL)
_CUT_TYPE = re.compile(_CUT_FIELD % "error_type")
# What may be repeated as `code` and `param`: names, not values.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PARAM = re.compile(r"[A-Za-z_][\w.\[\]]{0,63}")

REFUSED = "The model's container refused the request. Check its messages and parameters against what the model takes."
FAILED = "The model's container failed. Try again; if it keeps failing, ask the operator."
OVERLOADED = "The model is overloaded. Try again shortly."
LICENCE = "The model's licence has not been accepted. The gateway's operator must set accept_eula for its target."
MISSING = "The model, or the adapter, is not known to the container that should serve it. Ask the operator."


@dataclass(frozen=True, slots=True)
class ContainerError:
    """A container's error, read as far as it can be. `status` is what it itself calls the HTTP status, else 0."""

    message: str = ""
    type: str = ""
    code: str | None = None
    param: str | None = None
    status: int = 0


def read(text: str) -> ContainerError:
    """Read an error body in any of the shapes; plain text is its own message."""
    try:
        return from_document(orjson.loads(text))
    except orjson.JSONDecodeError:
        if not text.lstrip().startswith("{"):
            return ContainerError(text)
    message, kind = _CUT_MESSAGE.search(text), _CUT_TYPE.search(text)
    return ContainerError(_unescaped(message[1]) if message else "", kind[1] if kind else "")


def from_document(document: Any) -> ContainerError:
    """Read a parsed error body, or the `error` of a chunk."""
    if isinstance(document, str):
        return ContainerError(document)
    if not isinstance(document, dict):
        return ContainerError()
    inner = document.get("error")
    if isinstance(inner, dict):
        document = inner
        inner = None
    worded = (inner, *(document.get(name) for name in ("message", "Message", "detail")))
    message = next((value for value in worded if isinstance(value, str)), "") or _first_of(document.get("detail"))
    kind = next((value for value in (document.get("error_type"), document.get("type")) if isinstance(value, str)), "")
    code, param = document.get("code"), document.get("param")
    status = next((v for v in (code, document.get("http_status_code")) if isinstance(v, int) and 400 <= v < 600), 0)
    return ContainerError(
        message,
        kind.lower(),
        code if isinstance(code, str) and _CODE.fullmatch(code) else None,
        # Some proxies in containers write Python's None for none.
        param if isinstance(param, str) and _PARAM.fullmatch(param) and param != "None" else None,
        status,
    )


def _first_of(detail: Any) -> str:
    """FastAPI's list of what is wrong with a body: the first of it, and where."""
    first = detail[0] if isinstance(detail, list) and detail else None
    if not isinstance(first, dict) or not isinstance(first.get("msg"), str):
        return ""
    place = first.get("loc")
    where = ".".join(str(step) for step in place if step != "body") if isinstance(place, list) else ""
    return f"{where}: {first['msg']}" if where else first["msg"]


def judge(error: ContainerError, status: int, *, detail: str, hide: tuple[str, ...] = ()) -> GatewayError:
    """Whose fault a container's error is.

    Args:
        error: what it said.
        status: with which status (OriginalStatusCode; in a stream what it says itself, else 0).
        detail: everything known, for the record.
        hide: names that the client must not see.
    """
    parsing = "input parsing failed" in error.message.lower()
    # 424 is TGI's for a failed generation, and LMI's for that as well as for a request it cannot parse.
    caller = status in (400, 413, 415, 422) or (status in (0, 424) and (parsing or error.type in _CALLER_TYPES))
    if status == 429 or error.type in _OVERLOADED_TYPES:
        return RateLimited(OVERLOADED, detail=detail, retry_after=1)
    if caller and _CONTEXT_OVERFLOW.search(error.message):
        shown = presentable(error.message, hide=hide)
        return ContextLengthExceeded(
            shown or "The request and the completion asked for are longer than the model's context. Shorten them.",
            detail=detail,
        )
    if caller and _LICENCE.search(error.message):
        # Only the target's configuration can accept it.
        return GatewayMisconfigured(LICENCE, code="upstream_config", detail=detail)
    if status == 413:
        # TEI counts texts as well as bytes, and says which are too many.
        shown = presentable(error.message, hide=hide)
        return RequestTooLarge(
            shown or "The request is larger than the model's container takes. Shorten it.", detail=detail
        )
    if caller:
        shown = presentable(error.message, hide=hide)
        return UpstreamRejected(shown or REFUSED, param=error.param, code=error.code, detail=detail)
    if status in (404, 405):
        # We never send the client's `model`, so that it is our endpoint that is set up wrongly, not the request.
        return UnknownModel(MISSING, detail=detail)
    if status == 408:
        return UpstreamTimeout(TIMED_OUT, detail=detail)
    if status in (503, 507):
        return UpstreamUnavailable(FAILED, code=UpstreamFailed.code, detail=detail, retry_after=2)
    return UpstreamFailed(FAILED, detail=detail)


TIMED_OUT = (
    "The model did not answer in time. Ask for fewer completion tokens, or stream the answer: streams may take longer."
)


def _unescaped(text: str) -> str:
    # A backslash cut from what it escapes would make the rest unreadable.
    try:
        unescaped: str = orjson.loads(f'"{text}"')
    except orjson.JSONDecodeError:
        return text.replace("\\", " ")
    return unescaped
