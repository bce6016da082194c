"""The endpoints that clients call and SageMaker answers. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from extproc.openai import chat, completions, embeddings

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document


class Endpoint(Protocol):
    """One endpoint. A module with these is one."""

    KIND: str
    """What a target's provider must say for it to serve this endpoint."""
    PATH: str

    def parse(self, body: bytes) -> Call:
        """Read a request. Raises MalformedRequest."""


class Generation(Endpoint, Protocol):
    """One whose answers are generated text: on the inside, in the form of a chat completion."""

    ID_PREFIX: str
    """Of an answer's id, where the container gives none."""

    def whole(self, document: Document) -> Document:
        """A whole answer as the client gets it."""

    def chunk(self, document: Document) -> Document:
        """A chunk of a stream as the client gets it."""


GENERATIONS: Mapping[str, Generation] = {endpoint.KIND: endpoint for endpoint in (chat, completions)}
_ALL: tuple[Endpoint, ...] = (*GENERATIONS.values(), embeddings)
ENDPOINTS: Mapping[str, Endpoint] = {endpoint.PATH: endpoint for endpoint in _ALL}
