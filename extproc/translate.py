"""Which translator serves a kind of request in front of a container's dialect. A new dialect is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from extproc.errors import GatewayMisconfigured
from extproc.sagemaker import (
    auto,
    bedrock_marketplace,
    jumpstart_llama2,
    lmi,
    lmi_dynamic_batch,
    openai,
    tgi,
)
from extproc.sagemaker.embedding import cohere, huggingface, jina, jumpstart, tei, voyage
from extproc.sagemaker.embedding import lmi as lmi_embedding
from extproc.sagemaker.embedding import openai as openai_embedding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.openai.template import Template
    from extproc.routing.targets import Target


class StreamTranslation(Protocol):
    """One streamed answer on its way from the container's dialect to chunks of OpenAI's."""

    @property
    def complete(self) -> bool:
        """Whether the answer's logical end was seen. If not when the stream ends, it was cut short."""

    @property
    def at_rest(self) -> bool:
        """Whether what comes next is read as if it were all that ever came, but for choices that are new."""

    def template(self, payload: bytes, name: str) -> tuple[Template, Document] | None:
        """The bytes around the text of a payload that is one chunk with nothing but a text of that name in its delta.

        While this is at rest, such bytes need not be fed: with any text but "" between them they are that chunk with
        that text, and leave it at rest. The chunk whose text is PROBE comes with them. None if there are none.
        """

    def feed(self, payload: bytes) -> list[Document]:
        """Take payload bytes, cut anywhere; give the chunks they complete. Raises sse.PayloadFault."""

    def finish(self) -> list[Document]:
        """The payload has ended; give what was left. Raises sse.PayloadFault."""


class Translator(Protocol):
    """One dialect of one endpoint. A module with these functions is one."""

    def request(self, call: Call, target: Target) -> bytes:
        """The body for the container: deterministic, so that equal prompts share a prefix. The call is not changed."""

    def response(self, body: bytes, call: Call, target: Target) -> Document:
        """A whole answer: a chat completion, or OpenAI's list of embeddings. Raises UpstreamError when it is none."""


class StreamTranslator(Translator, Protocol):
    """One whose answers are generated, and so may be streamed."""

    def stream(self, call: Call, target: Target) -> StreamTranslation:
        """The translation of a streamed answer."""


_GENERATIONS: Mapping[str, StreamTranslator] = {
    "openai": openai,
    "auto": auto,
    "tgi": tgi,
    "lmi": lmi,
    "lmi-dynamic-batch": lmi_dynamic_batch,
    "jumpstart-llama2": jumpstart_llama2,
    "bedrock-marketplace": bedrock_marketplace,
}
_EMBEDDINGS: Mapping[str, Translator] = {
    "openai": openai_embedding,
    "tei": tei,
    "lmi": lmi_embedding,
    "huggingface": huggingface,
    "jumpstart": jumpstart,
    "cohere": cohere,
    "jina": jina,
    "voyage": voyage,
}
# By the kind of a target and its format. A container that generates text does so for a chat as for a plain prompt.
STREAM_TRANSLATORS: Mapping[tuple[str, str], StreamTranslator] = {
    (kind, dialect): module for kind in ("chat", "completion") for dialect, module in _GENERATIONS.items()
}
TRANSLATORS: Mapping[tuple[str, str], Translator] = {
    **STREAM_TRANSLATORS,
    **{("embedding", dialect): module for dialect, module in _EMBEDDINGS.items()},
}


def translator(kind: str, dialect: str) -> Translator:
    """The translator of a target's kind and format.

    Raises:
        GatewayMisconfigured: there is none; lint refuses such a target before it can serve.
    """
    return _found(TRANSLATORS, kind, dialect)


def stream_translator(kind: str, dialect: str) -> StreamTranslator:
    """The same for a kind whose answers may be streamed. Raises as `translator` does."""
    return _found(STREAM_TRANSLATORS, kind, dialect)


_T = TypeVar("_T")


def _found(table: Mapping[tuple[str, str], _T], kind: str, dialect: str) -> _T:
    try:
        return table[kind, dialect]
    except KeyError:
        raise GatewayMisconfigured(
            f"The gateway cannot serve {kind} requests from a target of format '{dialect}'; its operator must "
            f"change the target's format."
        ) from None
