"""What the container behind an endpoint writes: which one it is, and its faults that are not the connection's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from extproc.emulator import answer, container, dialect, embedding_containers, schemas, text_generation
from extproc.emulator.container import ContainerRefused
from extproc.emulator.embeddings import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.emulator.knobs import Knobs

_FAILED = ContainerRefused(500, "EngineCore encountered an issue.").body.encode()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request as its container gets it.

    Args:
        kind: which container, a kind of personalities.py.
        fault: what goes wrong with its answer, "" for nothing.
        document: the body.
        settings: the request's knobs.
        endpoint: its name.
        attributes: the header of custom attributes.
        created: Unix seconds.
        number: the request's.
        stream: whether the response-stream operation was called.
        chat_alone: whether it is SageMaker's own OpenAI path, behind which there is nothing but chat.
    """

    kind: str
    fault: str
    document: dict[str, Any]
    settings: Knobs
    endpoint: str
    attributes: bytes
    created: int
    number: int
    stream: bool
    chat_alone: bool


def written(asked: Invocation) -> tuple[str, Iterator[bytes], str]:
    """Return the content type of the container's answer, the answer event by event, and the fault still to come.

    Raises:
        ContainerRefused: what the container would refuse.
    """
    if _generates_text(asked):
        content_type, events = _text(asked)
    elif asked.kind in embedding_containers.CONTAINERS and not asked.chat_alone:
        call = Call(asked.endpoint, asked.created, asked.number)
        body = embedding_containers.CONTAINERS[asked.kind].answer(asked.document, call, asked.fault)
        content_type, events = dialect.JSON, iter([body])
    else:
        content_type, events = _generated(asked)
    instead = answer.instead(asked.fault, stream=asked.stream or content_type != dialect.JSON)
    if instead:
        return instead[0], iter(instead[1]), ""
    raw = asked.settings.raw
    if raw is not None and (asked.stream or content_type != dialect.JSON):
        return content_type, (event.encode() for event in raw), asked.fault
    # A text container's error in mid-stream is in its own words, and so in its events.
    own = asked.fault == "stream-error" and _generates_text(asked) and asked.stream
    return content_type, events, "" if own else asked.fault


def _generates_text(asked: Invocation) -> bool:
    # TGI has other shapes beside its own.
    own_shape = asked.kind != "tgi" or "inputs" in asked.document
    return asked.kind in text_generation.PERSONALITIES and own_shape and not asked.chat_alone


def _generated(asked: Invocation) -> tuple[str, Iterator[bytes]]:
    answering = container.complete if asked.chat_alone else schemas.operation(asked.document, asked.kind)
    completion = answering(asked.document, asked.settings, asked.endpoint, asked.created, asked.number)
    if asked.fault == "error-200":
        return dialect.JSON, iter([_FAILED])
    if asked.kind == "huge":
        completion = completion.saying(answer.huge_tokens(asked.settings.bytes))
    return answer.events(completion, asked.kind)


def _text(asked: Invocation) -> tuple[str, Iterator[bytes]]:
    personality = text_generation.PERSONALITIES[asked.kind]
    said = personality.complete(asked.document, asked.settings, asked.attributes, asked.number)
    if not asked.stream:
        failed = personality.error.removeprefix(b"data:").strip()
        return dialect.JSON, iter([failed if asked.fault == "error-200" else personality.whole(said)])
    events = personality.events(said)
    if asked.fault in ("stream-error", "error-200"):
        before = asked.settings.after if asked.fault == "stream-error" else 0
        events = chain(islice(events, before), [personality.error])
    return personality.content_type, events
