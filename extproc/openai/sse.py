"""Server-sent events: what we write, and what containers put into the payload of a stream.

Containers write SSE with or without the space, JSON lines, or one pretty-printed object, cut anywhere: inside an event,
inside a UTF-8 character. So bytes are joined first, split at newlines next, and decoded last.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from extproc.openai import error_body
from extproc.openai.document import Document, NotADocument, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.errors import GatewayError

# The largest line, and the largest object over several lines, in bytes: a non-streaming container sends its whole
# answer as one line, and SageMaker's largest answer is 25 MB.
MAX_LINE = 26_214_400


class Terminator(Enum):
    """The line that says that the stream is whole."""

    DONE = "[DONE]"


DONE: Final = Terminator.DONE
DONE_EVENT = b"data: [DONE]\n\n"

Payload = Document | Literal[Terminator.DONE]


class PayloadFault(Exception):
    """The payload is neither SSE nor JSON lines, or a line is too long. The text never quotes it."""


def event(document: Document) -> bytes:
    """One event. Two newlines, and neither `event:`, `id:` nor `retry:`: SDKs stumble over each of them."""
    return b"data: " + orjson.dumps(document) + b"\n\n"


def comment(text: str = "") -> bytes:
    """A comment: the only keep-alive that SDKs take. Newlines in it would end it, so they become spaces."""
    return b": " + " ".join(text.split()).encode() + b"\n\n"


def error_event(error: GatewayError) -> bytes:
    """The event that makes an SDK raise in mid-stream. No [DONE] may follow it."""
    return event(error_body.document(error))


class PayloadReader:
    """Reads a stream's payload as it arrives; what comes out does not depend on where it was cut.

    Time is linear in the bytes fed; memory is bounded by `max_line` (bytes of a line, or of an object over many lines).
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._line = bytearray()
        # The first bytes of _line that are known to hold no newline.
        self._searched = 0
        self._begun = False
        # Whether the event is named `error`.
        self._error = False
        self._object = _PartialObject(max_line)
        self._fault: PayloadFault | None = None

    @property
    def at_rest(self) -> bool:
        """Whether the next bytes begin a line that stands for itself: no line, event or object is under way."""
        return not (self._line or self._error or self._object.open or self._fault is not None)

    def feed(self, data: bytes) -> list[Payload]:
        """Take the next bytes; give the documents that are complete with them.

        Raises:
            PayloadFault: what came is no payload; nothing more can be read. Documents before the fault are given
                first: the fault is then raised by the next call.
        """
        if self._fault is not None:
            raise self._fault
        documents: list[Payload] = []
        try:
            self._take(data, documents)
        except PayloadFault as fault:
            self._fault = fault
            if not documents:
                raise
        return documents

    def _take(self, data: bytes, documents: list[Payload]) -> None:
        line = self._line
        # Nearly always whole lines come: those need not be put together.
        pending = bool(line)
        if pending:
            line += data
        whole = line if pending else data
        start = 0
        end = whole.find(b"\n", self._searched)
        while end >= 0:
            if end > start:
                self._read(bytes(whole[start:end]), documents)
            else:
                # What most other lines are: the end of an event.
                self._begun, self._error = True, False
            start = end + 1
            end = whole.find(b"\n", start)
        if not pending:
            line += whole[start:]
        elif start:
            del line[:start]
        self._searched = len(line)
        if self._searched > self._max_line:
            raise PayloadFault(f"a line of the payload is over {self._max_line} bytes")

    def finish(self) -> list[Payload]:
        """The payload has ended: read its last line, which may lack a newline.

        Raises:
            PayloadFault: it ended inside a document.
        """
        if self._fault is not None:
            raise self._fault
        documents: list[Payload] = []
        self._read(bytes(self._line), documents)
        self._line.clear()
        self._searched = 0
        if self._object.open:
            raise PayloadFault("the payload ended inside a document")
        return documents

    def _read(self, line: bytes, documents: list[Payload]) -> None:
        if len(line) > self._max_line:
            raise PayloadFault(f"a line of the payload is over {self._max_line} bytes")
        if not self._begun:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        if line.startswith(b"data:"):
            line = line[5:]
        elif line.startswith(b"event:"):
            self._error = line[6:].strip() == b"error"
            return
        elif line and (line.startswith(b":") or _OTHER_FIELD.match(line)):
            return
        line = line.strip(b" \t\r")
        if not line:
            self._error = False
        elif line == b"[DONE]":
            documents.append(DONE)
        else:
            for document in self._whole(line):
                # Where the event's name alone says so; what is in it is the error.
                named = self._error and not document.get("error")
                documents.append({"error": document or "unnamed"} if named else document)
                self._error = False

    def _whole(self, line: bytes) -> list[Document]:
        """The documents that are complete with this line of data."""
        if self._object.open:
            return self._object.push(line)
        try:
            value = read_value(line)
        except NotADocument:
            # Not whole in itself: the first line of a pretty-printed object, or no JSON at all.
            return self._object.push(line)
        return [value] if type(value) is dict else list(_documents(value))


# A field without a value, or one that carries nothing for us, be it unknown (HTML standard, 9.2.6). No line of JSON,
# pretty-printed or not, looks so.
_OTHER_FIELD = re.compile(rb"(?:data|event|id|retry)[ \t\r]*\Z|[A-Za-z][A-Za-z0-9_-]*:")


class _PartialObject:
    """An object over several lines. No JSON string spans lines, so brackets outside strings tell when it is whole."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        # Joined as they come: short lines by themselves would take twenty times their bytes.
        self._text = bytearray()
        self._depth = 0

    @property
    def open(self) -> bool:
        return bool(self._text)

    def push(self, line: bytes) -> list[Document]:
        if len(self._text) + len(line) + 1 > self._max_size:
            raise PayloadFault(f"an object in the payload is over {self._max_size} bytes")
        if not self._text and line[:1] not in b"{[":
            raise PayloadFault("a line of the payload is neither an event nor JSON")
        bare = _STRING.sub(lambda string: b"" if string[1] else b'"', line)
        if b'"' in bare:
            raise PayloadFault("a line of the payload is no JSON: it ends inside a string")
        self._depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        self._text += line
        self._text += b"\n"
        if self._depth > 0:
            return []
        whole, self._text, self._depth = bytes(self._text), bytearray(), 0
        try:
            return list(_documents(read_value(whole)))
        except NotADocument as fault:
            raise PayloadFault(f"a document in the payload is {fault}") from None


# An unterminated string matches too, to the end of the line: were it skipped, the search would begin again at each of
# its escaped quotes, and take quadratic time.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+("?)')


def _documents(value: Any) -> Iterator[Document]:
    # Hugging Face containers wrap a whole answer in an array of one.
    for document in value if isinstance(value, list) else (value,):
        if not isinstance(document, dict):
            raise PayloadFault("a line of the payload is JSON, but no object")
        yield document
