"""The dialect `format: auto`: OpenAI's requests, and answers of whatever shape comes back.

Requests never guess: a container is asked in OpenAI's format, always. Containers that take it but answer in their own
(LMI with a custom output formatter, say) are understood all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.openai import sse
from extproc.openai.document import NotADocument, read
from extproc.sagemaker import generation, openai
from extproc.sagemaker.openai import request

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.openai.template import Template
    from extproc.routing.targets import Target

__all__ = ["request", "response", "stream"]

# Fields by which a document is known to be a generated text; whatever has none of them is read as OpenAI's.
_GENERATED = frozenset({"token", "generated_text", "generation", "outputs", "body"})


def response(body: bytes, call: Call, target: Target) -> Document:
    """A whole answer, OpenAI's or a generated text. Raises UpstreamError when it is neither."""
    try:
        document = read(body)
    except NotADocument:
        # An array, as Hugging Face's containers answer, or nothing that anyone can read.
        return generation.response(body, call, target)
    if _GENERATED.isdisjoint(document):
        return openai.finished(document, call)
    return generation.response(body, call, target)


def stream(call: Call, target: Target) -> SniffedStream:
    """The translation of a streamed answer."""
    return SniffedStream(call, target)


class SniffedStream:
    """Reads all of a stream as what its first document is."""

    def __init__(self, call: Call, target: Target) -> None:
        self._call, self._target = call, target
        self._reader = sse.PayloadReader()
        self._chosen: openai.ChatStream | generation.GeneratedStream | None = None

    @property
    def complete(self) -> bool:
        """Whether the answer's logical end was seen."""
        return self._chosen is not None and self._chosen.complete

    @property
    def at_rest(self) -> bool:
        """Whether what comes next is read as if it were all that ever came, but for choices that are new."""
        return self._reader.at_rest and self._chosen is not None and self._chosen.at_rest

    def template(self, payload: bytes, name: str) -> tuple[Template, Document] | None:
        """As of the dialect that was chosen."""
        return None if self._chosen is None else self._chosen.template(payload, name)

    def feed(self, payload: bytes) -> list[Document]:
        """Take payload bytes, cut anywhere."""
        return self._take(self._reader.feed(payload))

    def finish(self) -> list[Document]:
        """The payload has ended."""
        chunks = self._take(self._reader.finish())
        return chunks if self._chosen is None else chunks + self._chosen.finish()

    def _take(self, payloads: list[sse.Payload]) -> list[Document]:
        if not payloads:
            return []
        if self._chosen is None:
            first = payloads[0]
            is_generated = first is not sse.DONE and not _GENERATED.isdisjoint(first)
            self._chosen = (generation if is_generated else openai).stream(self._call, self._target)
        return self._chosen.take(payloads)
