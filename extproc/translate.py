"""Which translator serves a client's endpoint in front of a container's dialect. A new dialect is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.openai.chat import ChatCall
    from extproc.openai.document import Document
    from extproc.routing.targets import Target


class StreamTranslation(Protocol):
    """One streamed answer on its way from the container's dialect to chunks of OpenAI's."""

    @property
    def complete(self) -> bool:
        """Whether the answer's logical end was seen. If not when the stream ends, it was cut short."""

    def feed(self, payload: bytes) -> list[Document]:
        """Take payload bytes, cut anywhere; give the chunks they complete. Raises sse.PayloadFault."""

    def finish(self) -> list[Document]:
        """The payload has ended; give what was left. Raises sse.PayloadFault."""


class Translator(Protocol):
    """One dialect of one endpoint. A module with these three functions is one."""

    def request(self, call: ChatCall, target: Target) -> bytes:
        """The body for the container: deterministic, so that equal prompts share a prefix. The call is not changed."""

    def response(self, body: bytes, call: ChatCall, target: Target) -> Document:
        """A whole answer in OpenAI's format. Raises UpstreamError when the body is no answer."""

    def stream(self, call: ChatCall, target: Target) -> StreamTranslation:
        """The translation of a streamed answer."""


TRANSLATORS: Mapping[tuple[str, str], Translator] = {
    ("chat", "openai"): openai,
    ("chat", "auto"): auto,
    ("chat", "tgi"): tgi,
    ("chat", "lmi"): lmi,
    ("chat", "lmi-dynamic-batch"): lmi_dynamic_batch,
    ("chat", "jumpstart-llama2"): jumpstart_llama2,
    ("chat", "bedrock-marketplace"): bedrock_marketplace,
}


def translator(endpoint: str, dialect: str) -> Translator:
    """The translator for a client endpoint ("chat") and a target's format.

    Raises:
        GatewayMisconfigured: there is none; lint refuses such a target before it can serve.
    """
    try:
        return TRANSLATORS[endpoint, dialect]
    except KeyError:
        raise GatewayMisconfigured(
            f"The gateway cannot serve {endpoint} requests from a target of format '{dialect}'; its operator must "
            f"change the target's format."
        ) from None
