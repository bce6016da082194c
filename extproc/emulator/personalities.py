"""Which behaviour an endpoint has: by the beginning of its name, by a fault set on the emulator, or by the request.

An endpoint named KIND, KIND-anything or KIND--knobs has that kind; every other name is the default container. The
longest kind that fits wins. `model-error-503` says which status the container had.
"""

from __future__ import annotations

import re

from extproc.emulator.refusals import BY_KIND

DEFAULT = "chat"

# Kind → what it does. What stands in refusals.BY_KIND is an answer of AWS's own instead of the container's.
CONTAINERS = {
    "chat": "OpenAI chat container: server-sent events, [DONE], usage when asked for",
    "jsonlines": "LMI chat container: application/jsonlines, an empty last line, no [DONE]",
    "no-done": "server-sent events that end after finish_reason, without [DONE]",
    "not-json": "200 with a body (and stream) that is no JSON",
    "empty-body": "200 with an empty body; a stream without a frame",
    "huge": "an answer of 32 MiB (knob: bytes)",
}
# Containers that take a text and generate more of it.
TEXT = {
    "tgi": "TGI: `inputs`, an array; events with keep-alives, no [DONE]; tgi-FAULT has a fault of a stream (all below)",
    "tgi-nospace": "TGI before 2.1: `data:` without the space",
    "lmi": "LMI's asynchronous handler: `inputs`, an object; JSON lines and an empty last line",
    "lmi-rolling": "LMI's rolling batch: log_prob, details on the last line, failures as finish_reason error",
    "lmi-dynamic": 'LMI\'s dynamic batch: {"outputs": [...]} lines without an end; refuses parameters it does not know',
    "llama2": "JumpStart's Llama 2: dialogs, and accept_eula=true on every call",
    "bedrock": "Bedrock marketplace: `prompt`, and an answer wrapped in body and metering",
}
# The default container behind endpoints that are addressed otherwise: addressing.py.
ENDPOINTS = {
    "components": "an endpoint of inference components: one must be named (missing* is none, empty* has no copy)",
    "multi-model": "a multi-model endpoint: a target model must be named (loading* is not ready); it cannot stream",
    "stateful": "a container with sessions: NEW_SESSION opens one, an unknown one is its 424",
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

KINDS = frozenset({*CONTAINERS, *TEXT, *ENDPOINTS, *BEFORE_HEADERS, *IN_STREAM, *BY_KIND})

_LONGEST_FIRST = sorted(KINDS - {DEFAULT}, key=len, reverse=True)
_NAME = re.compile(rf"({'|'.join(map(re.escape, _LONGEST_FIRST))})(?:-|$)")
_MODEL_ERROR = re.compile(r"model-error-(\d{1,3})(?:-|$)")


def kind_of(name: str) -> str:
    """Return the kind that a name begins with, or the default."""
    match = _NAME.match(name)
    return match.group(1) if match else DEFAULT


def fault_of(name: str, kind: str) -> str:
    """Return the fault of a stream that follows the kind in a name: `tgi-truncated` has one, `tgi-2` has none ("")."""
    fault = kind_of(name.removeprefix(f"{kind}-"))
    return fault if fault in IN_STREAM else ""


def original_status(name: str) -> int:
    """Return N of model-error-N, 500 when the name has none."""
    match = _MODEL_ERROR.match(name)
    return int(match.group(1)) if match else 500


def is_kind(name: str) -> bool:
    """Whether a fault may be called so: a kind, or model-error-N."""
    return name in KINDS or bool(_MODEL_ERROR.fullmatch(name))


def table() -> str:
    """Return every kind with what it does, for --help."""
    rows = CONTAINERS | TEXT | ENDPOINTS | BEFORE_HEADERS
    for kind, refusal in BY_KIND.items():
        rows[kind] = f"{refusal.status} {(refusal.error_type or refusal.content_type).partition(':')[0]}"
    rows |= IN_STREAM
    return "\n".join(f"  {kind:24} {what}" for kind, what in rows.items())
