"""ext_proc messages to events, actions to ext_proc messages: the only module that knows the protobuf.

Source of every rule here: envoy/service/ext_proc/v3/external_processor.proto, as of Envoy 1.40.
"""

from __future__ import annotations

import math
from binascii import a2b_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from extproc._pb import ext_proc_pb2 as pb
from extproc.actions import Action, BodyMode, Continue, HeaderList, Release, Replace
from extproc.ask import ATTEMPTS
from extproc.events import (
    AttemptOutcome,
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.span import SPAN

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from google.protobuf.struct_pb2 import Struct, Value

# The key under which Envoy files the attributes it was asked for.
ATTRIBUTES = "envoy.filters.http.ext_proc"
# Where attempt.lua leaves what each attempt brought; what each must carry it finds in ATTEMPTS. Of one attempt all is
# one text of lines "name: value": as structures, they cost a multiple at each copy that Envoy, Lua and we make.
OUTCOMES = "kt.outcomes"
# Bodies that are a target's own.
BODIES = "kt.bodies"
# The body that belongs to a head, in base64, put there by enclose.lua and attempt.lua.
ENCLOSED = "kt.enclosed"
# What the listener puts into the head of an answer.
ANSWER = "kt.answer"

# Which field of ProcessingResponse answers which event.
_ANSWERS: Mapping[type[Event], str] = {
    RequestHeaders: "request_headers",
    RequestBody: "request_body",
    RequestTrailers: "request_trailers",
    ResponseHeaders: "response_headers",
    ResponseBody: "response_body",
    ResponseTrailers: "response_trailers",
}
_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


class UnexpectedMessage(Exception):
    """Envoy sent a message this gateway never asks for: the filter's configuration is not ours."""


def decode(message: pb.ProcessingRequest) -> Event:
    """The event a message tells of.

    Raises:
        UnexpectedMessage: the message holds no known request.
    """
    kind = message.WhichOneof("request")
    if kind == "response_body":
        return ResponseBody(message.response_body.body, message.response_body.end_of_stream)
    if kind == "request_body":
        return RequestBody(message.request_body.body)
    if kind == "request_headers":
        head = message.request_headers
        attributes = _attributes(message)
        return RequestHeaders(
            _headers(head),
            head.end_of_stream,
            source_address=_text(attributes, "source.address"),
            count=len(head.headers.headers),
            body=_enclosed(message.metadata_context.filter_metadata),
        )
    if kind == "response_headers":
        head = message.response_headers
        attributes = _attributes(message)
        attempts = _count(attributes, "upstream.request_attempt_count")
        metadata = message.metadata_context.filter_metadata
        outcomes = _outcomes(metadata)
        return ResponseHeaders(
            _headers(head),
            head.end_of_stream,
            cluster=_text(attributes, "xds.cluster_name"),
            # The router may count one more that attempt.lua has ended before it was sent.
            attempts=min(attempts, len(outcomes)) if outcomes else attempts,
            details=_text(attributes, "response.code_details"),
            outcomes=outcomes,
            body=_enclosed(metadata),
        )
    if kind == "response_trailers":
        return ResponseTrailers()
    if kind == "request_trailers":
        return RequestTrailers()
    raise UnexpectedMessage(f"an ext_proc message of kind {kind}")


def encode(action: Action, event: Event) -> pb.ProcessingResponse:
    """The message that answers `event` with `action`.

    Raises:
        UnexpectedMessage: the action cannot answer that event (a bug of ours).
    """
    if isinstance(action, Continue):
        return _continue(action, event)
    message = pb.ProcessingResponse()
    if isinstance(action, Release):
        streamed = message.response_body.response.body_mutation.streamed_response
        streamed.body = action.body
        streamed.end_of_stream = action.end_of_stream
        return message
    if isinstance(action, Replace):
        return _replace(message, action, event)
    immediate = message.immediate_response
    immediate.status.code = action.status
    immediate.body = action.body
    immediate.details = action.details
    # Each has the id of its request, so that none comes twice.
    for name, value in action.headers:
        _set(immediate.headers, name, value)
    return message


def annotated(message: pb.ProcessingResponse, attributes: Mapping[str, str]) -> pb.ProcessingResponse:
    """The message, with what the exchange's span is to say."""
    # Some are made once for many exchanges.
    own = pb.ProcessingResponse()
    own.CopyFrom(message)
    _fill(own.dynamic_metadata.fields, {SPAN: {**attributes}})
    return own


def _replace(message: pb.ProcessingResponse, action: Replace, event: Event) -> pb.ProcessingResponse:
    if not isinstance(event, RequestHeaders | RequestBody | ResponseHeaders | ResponseBody) or event.body is None:
        raise UnexpectedMessage(f"a body in answer to {type(event).__name__}")
    common: pb.CommonResponse = getattr(message, _ANSWERS[type(event)]).response
    length = str(len(action.body))
    if isinstance(event, RequestHeaders | ResponseHeaders):
        # In place of what Envoy holds of the body, and will not send any more.
        common.status = pb.CommonResponse.CONTINUE_AND_REPLACE
        if isinstance(event, ResponseHeaders):
            # Envoy takes the content-length away; its last filter puts it back (render/listener.py).
            message.dynamic_metadata.fields[ANSWER].struct_value.fields["length"].string_value = length
    common.body_mutation.body = action.body
    common.header_mutation.MergeFromString(_mutation(action.set_headers, action.remove_headers))
    # A replaced BUFFERED body whose content-length does not match is a 500.
    _set(common.header_mutation, "content-length", length)
    if action.metadata:
        _fill(message.dynamic_metadata.fields, {**action.metadata, **_attempts(action.metadata.get(ATTEMPTS, {}))})
        # Ignored by Envoy without a header mutation in the same answer; content-length above is one.
        common.clear_route_cache = True
    return message


def _continue(action: Continue, event: Event) -> pb.ProcessingResponse:
    kind = _ANSWERS.get(type(event))
    if kind is None:
        raise UnexpectedMessage(f"nothing can continue after {type(event).__name__}")
    headers = isinstance(event, RequestHeaders | ResponseHeaders)
    changes = (action.set_headers, action.remove_headers) if headers else ((), ())
    if not action.metadata:
        return _going_on(kind, *changes, action.body_mode)
    message = pb.ProcessingResponse()
    message.CopyFrom(_going_on(kind, *changes, action.body_mode))
    _fill(message.dynamic_metadata.fields, action.metadata)
    return message


@lru_cache(maxsize=256)
def _going_on(
    kind: str, set_headers: HeaderList, remove: tuple[str, ...], body_mode: BodyMode | None
) -> pb.ProcessingResponse:
    """Of these there are a few for each target; nobody may change one."""
    message = pb.ProcessingResponse()
    # An empty answer must name its kind too: without it the message is spurious, and Envoy answers 500.
    getattr(message, kind).SetInParent()
    if set_headers or remove:
        getattr(message, kind).response.header_mutation.MergeFromString(_mutation(set_headers, remove))
    if body_mode is BodyMode.STREAMED:
        message.mode_override.response_body_mode = pb.ProcessingMode.FULL_DUPLEX_STREAMED
        # Required with FULL_DUPLEX_STREAMED: trailers would otherwise overtake held text.
        message.mode_override.response_trailer_mode = pb.ProcessingMode.SEND
    elif body_mode is BodyMode.BUFFERED:
        message.mode_override.response_body_mode = pb.ProcessingMode.BUFFERED
    return message


def _fill(fields: MutableMapping[str, Value], mapping: Mapping[str, Any]) -> None:
    """What Struct.update does, in two thirds of its time: it costs more than the rest of a message."""
    for name, value in mapping.items():
        kind = type(value)
        if kind is str:
            fields[name].string_value = value
        elif kind is dict:
            struct = fields[name].struct_value
            # An empty one is told, too.
            struct.SetInParent()
            _fill(struct.fields, value)
        elif kind is bool:
            fields[name].bool_value = value
        elif kind is list:
            add = fields[name].list_value.values.add
            for item in value:
                # Of what we tell, lists hold nothing else.
                _fill(add().struct_value.fields, item)
        else:
            fields[name].number_value = value


@lru_cache(maxsize=256)
def _mutation(set_headers: HeaderList, remove: tuple[str, ...]) -> bytes:
    """A HeaderMutation, serialised: of most there are a few for each target."""
    mutation = pb.HeaderMutation(remove_headers=remove)
    for name, value in set_headers:
        _set(mutation, name, value)
    return mutation.SerializeToString()


def _set(mutation: pb.HeaderMutation, name: str, value: str) -> None:
    option = mutation.set_headers.add()
    option.append_action = _OVERWRITE
    option.header.key = name
    option.header.raw_value = value.encode("latin-1", "replace")


def _headers(message: pb.HttpHeaders) -> dict[str, str]:
    lines = [(header.key, header.raw_value.decode("latin-1")) for header in message.headers.headers]
    headers = dict(lines)
    if len(headers) < len(lines):
        headers.clear()
        for name, value in lines:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _attributes(message: pb.ProcessingRequest) -> Mapping[str, Value]:
    attributes = message.attributes
    return attributes[ATTRIBUTES].fields if ATTRIBUTES in attributes else {}


def _text(fields: Mapping[str, Value], name: str) -> str:
    return fields[name].string_value if name in fields else ""


def _count(fields: Mapping[str, Value], name: str) -> int:
    """An unsigned attribute: Envoy tells such a one as a number or, past what a double holds, as text."""
    if name not in fields:
        return 0
    value = fields[name]
    return int(value.number_value or float(value.string_value or 0))


def _attempts(planned: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    bodies = {target: fields["body"] for target, fields in planned.items() if "body" in fields}
    texts = {
        target: _lines({**fields, "body": "1"} if target in bodies else fields) for target, fields in planned.items()
    }
    return {ATTEMPTS: texts, **({BODIES: bodies} if bodies else {})}


def _lines(fields: Mapping[str, str]) -> str:
    text = "".join([f"{name}: {value}\n" for name, value in fields.items()])
    if text.count("\n") != len(fields):
        # It would be read as another header.
        raise UnexpectedMessage("a planned header of more than one line")
    return text


def _outcomes(metadata: Mapping[str, Struct]) -> tuple[AttemptOutcome, ...]:
    if OUTCOMES not in metadata:
        return ()
    fields = metadata[OUTCOMES].fields
    return tuple([_outcome(fields[number].string_value) for number in sorted(fields, key=int)])


def _enclosed(metadata: Mapping[str, Struct]) -> bytes | None:
    text = metadata[ENCLOSED].fields["body"].string_value if ENCLOSED in metadata else ""
    return a2b_base64(text) if text else None


def _outcome(text: str) -> AttemptOutcome:
    told = dict([line.split(": ", 1) for line in text.split("\n") if line])
    status = int(_number(told, "status") or 0)
    elapsed, original = _number(told, "elapsed_ms"), _number(told, "original_status")
    return AttemptOutcome(
        target=told.get("target", ""),
        status=status,
        error_type=told.get("error_type", ""),
        date=told.get("date", ""),
        credentials=told.get("credentials", ""),
        elapsed=None if elapsed is None else elapsed / 1000,
        original_status=None if original is None else int(original),
        error_code=told.get("error_code", ""),
        retry_after=_number(told, "retry_after") or 0.0,
        # Of one that brought no answer nothing more is told.
        retriable="retriable" in told or not status,
    )


def _number(told: Mapping[str, str], name: str) -> float | None:
    # Digits without an end are infinite to Lua.
    number = float(told.get(name, math.nan))
    return number if math.isfinite(number) else None
