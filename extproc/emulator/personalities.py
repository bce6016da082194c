"""Which behaviour an endpoint has: by the beginning of its name, by a fault set on the emulator, or by the request.

An endpoint named KIND, KIND-anything or KIND--knobs has that kind; every other name is the default container. The
longest kind that fits wins. `model-error-503` says which status the container had. A fault of an answer or a stream is
that of the container it is set on: the endpoint `tgi` with the fault `truncated` is a TGI whose stream is cut, and so
is the endpoint `tgi-truncated`.
"""

from __future__ import annotations

import re

from extproc.emulator.refusals import BY_KIND

DEFAULT = "chat"

# Kind → what it does. What stands in refusals.BY_KIND is an answer of AWS's own instead of the container's.
CONTAINERS = {
    "chat": "vLLM: chat and legacy completions; server-sent events, [DONE], usage when asked for",
    "sglang": "SGLang: chat alone, as nothing else is behind its /invocations",
    "jsonlines": "LMI chat and completions container: application/jsonlines, an empty last line, no [DONE]",
    "no-done": "server-sent events that end after finish_reason, without [DONE]",
    "huge": "an answer of 32 MiB (knob: bytes)",
}
# Containers that take a text and generate more of it.
TEXT = {
    "tgi": "TGI: `inputs`, an array; events with keep-alives, no [DONE]; or OpenAI's shapes, with less in them",
    "tgi-nospace": "TGI before 2.1: `data:` without the space",
    "lmi": "LMI's asynchronous handler: `inputs`, an object; JSON lines and an empty last line",
    "lmi-rolling": "LMI's rolling batch: log_prob, details on the last line, failures as finish_reason error",
    "lmi-compat": "LMI's rolling batch with TGI_COMPAT: an array, server-sent events, details unasked, no [DONE]",
    "lmi-dynamic": 'LMI\'s dynamic batch: {"outputs": [...]} lines without an end; refuses parameters it does not know',
    "llama2": "JumpStart's Llama 2 chat models: dialogs, and accept_eula=true on every call",
    "llama2-text": "JumpStart's Llama 2 base models: `inputs` is a text, and accept_eula=true on every call",
    "bedrock": "Bedrock marketplace: `prompt`, and an answer wrapped in body and metering",
}
# Containers that answer a text with a vector: embedding_containers.py; the vectors are those of vectors.py.
EMBEDDINGS = {
    "tei": "TEI: `inputs`; a bare list of vectors, 32 texts at most",
    "lmi-embedding": "LMI: `inputs`; one text has a flat list of numbers, a list of texts a list of lists",
    "hf-embedding": "Hugging Face's inference toolkit: `inputs`; a vector for each token",
    "vllm-embedding": "vLLM: OpenAI's own shape, floats or base64",
    "jumpstart-embedding": 'JumpStart: `text_inputs`; {"embedding": [...]}',
    "cohere": "Cohere: `texts` and `input_type`, 96 texts at most",
    "voyage": "Voyage AI: `input`, `input_type`; refuses arguments it does not know",
    "jina": 'Jina: `data`: [{"text": ...}], `parameters`',
}
# The default container behind endpoints that are addressed otherwise: addressing.py.
ENDPOINTS = {
    "components": "an endpoint of inference components: one must be named (missing* is none, empty* has no copy)",
    "multi-model": "a multi-model endpoint: a target model must be named (loading* is not ready); it cannot stream",
    "stateful": "a container with sessions: NEW_SESSION opens one, requestType CLOSE ends it, unknown ones are its 424",
    "serverless": "a serverless endpoint: bodies up to 4 MiB; it cannot stream",
}
BEFORE_HEADERS = {
    "missing": "400 ValidationError NO_SUCH_ENDPOINT",
    "model-error": "424 ModelError; model-error-N says OriginalStatusCode N (500 without; 0 is the 60 s limit)",
    "reset": "the connection is reset before any byte of the answer",
    "stall": "no byte of an answer, until the client leaves",
}
IN_STREAM = {
    "reset-midstream": "the connection is reset after some events (knob: after); a whole answer, half-way",
    "stall-midstream": "nothing more after some events, until the client leaves; a whole answer, half-way",
    "cut-midstream": "the connection is closed without the last HTTP chunk; a whole answer, half-way",
    "truncated": "a clean HTTP end between two frames, the answer unfinished (streams only, as all below)",
    "eof-midframe": "a clean HTTP end inside a frame",
    "bad-crc": "a frame with one bit of its payload turned",
    "bad-prelude": "a frame with one bit of its lengths turned",
    "giant-frame": "a frame that claims 4 GiB, and then nothing more",
    "exception-first": "exception ModelStreamError instead of the first event",
    "exception-midstream": "exception ModelStreamError (StreamBroken) after some events",
    "exception-timeout": "exception ModelStreamError (ModelInvocationTimeExceeded) after some events",
    "exception-throttled": "exception ThrottlingException, which is in no model of a stream, after some events",
    "internal-stream-failure": "exception InternalStreamFailure after some events",
    "error-frame": "an error message of no service model after some events",
    "stream-error": 'the container\'s own data: {"error": …} and [DONE] after some events',
}
IN_ANSWER = {
    "not-json": "200 with a body (and stream) that is no JSON",
    "empty-body": "200 with an empty body; a stream without a frame",
    "error-200": "200 with the container's own error for a body",
    "vector-missing": "embeddings: one vector too few",
    "vectors-shuffled": "embeddings: the last vector first, and each with its own index where there is one",
    "vectors-text": "embeddings: words where numbers belong",
}
_FAULTS = frozenset({*IN_STREAM, *IN_ANSWER})

KINDS = frozenset({*CONTAINERS, *TEXT, *EMBEDDINGS, *ENDPOINTS, *BEFORE_HEADERS, *IN_STREAM, *IN_ANSWER, *BY_KIND})

_LONGEST_FIRST = sorted(KINDS - {DEFAULT}, key=len, reverse=True)
_NAME = re.compile(rf"({'|'.join(map(re.escape, _LONGEST_FIRST))})(?:-|$)")
_MODEL_ERROR = re.compile(r"model-error-(\d{1,3})(?:-|$)")


def kind_of(name: str) -> str:
    """Return the kind that a name begins with, or the default."""
    match = _NAME.match(name)
    return match.group(1) if match else DEFAULT


def container_of(name: str, endpoint: str) -> tuple[str, str]:
    """Return which container answers, and the fault that it has ("" for none).

    Args:
        name: the fault set on the endpoint, or the endpoint's own name where there is none.
        endpoint: its name.
    """
    kind = kind_of(name)
    if kind not in _FAULTS:
        fault = kind_of(name.removeprefix(f"{kind}-"))
        return kind, fault if fault in _FAULTS else ""
    container = kind_of(endpoint)
    if container in _FAULTS:
        container = DEFAULT
    if kind.startswith("vector") and container not in EMBEDDINGS:
        # The default container has no vectors that could be wrong.
        container = "vllm-embedding"
    return container, kind


def original_status(name: str) -> int:
    """Return N of model-error-N, 500 when the name has none."""
    match = _MODEL_ERROR.match(name)
    return int(match.group(1)) if match else 500


def is_kind(name: str) -> bool:
    """Whether a fault may be called so: a kind, or model-error-N."""
    return name in KINDS or bool(_MODEL_ERROR.fullmatch(name))


def table() -> str:
    """Return every kind with what it does, for --help."""
    rows = CONTAINERS | TEXT | EMBEDDINGS | ENDPOINTS | BEFORE_HEADERS
    for kind, refusal in BY_KIND.items():
        rows[kind] = f"{refusal.status} {(refusal.error_type or refusal.content_type).partition(':')[0]}"
    rows |= IN_ANSWER | IN_STREAM
    return "\n".join(f"  {kind:24} {what}" for kind, what in rows.items())
