"""A generated text as OpenAI's chat completion: whole, or as chunks of a stream.

Used by every dialect whose container answers with a text instead of a message.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from extproc.errors import UpstreamFailed
from extproc.openai import sse
from extproc.openai.context import BYTES_PER_TOKEN, prompt_tokens
from extproc.openai.document import Document, NotADocument, read_value
from extproc.sagemaker import generated, parameters
from extproc.sagemaker.faults import broken_off, from_answer
from extproc.sagemaker.generated import NotGenerated, Piece, Token
from extproc.sagemaker.stop import StopFilter

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.routing.targets import Target

# A container's word for why it ended. Others (vLLM's is the very text that it stopped at) mean stop.
_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "error": "error",
    "abort": "error",
}
# A stop is at most 256 characters, and while text may become one, so are the tokens that wait with it (but for those
# that spell nothing).
MAX_WAITING_TOKENS = 4096
NOT_UNDERSTOOD = "The model's answer could not be understood. Try again; if it keeps failing, ask the operator."


def response(body: bytes, call: Call, target: Target) -> Document:
    """A whole answer.

    Raises:
        UpstreamError: it is none of the shapes, a failed generation, or an error that came with status 200.
    """
    try:
        document = _alone(read_value(body))
        error = from_answer(document, streamed=False)
        if error is not None:
            raise error
        piece = generated.read(document)
    except (NotADocument, NotGenerated) as fault:
        raise UpstreamFailed(NOT_UNDERSTOOD, detail=f"container answer: {fault}") from fault
    answer = _Answer(call, target)
    spoken = answer.add(piece)
    end, reason = answer.end()
    if reason == "error":
        raise UpstreamFailed(NOT_UNDERSTOOD, detail="container answer: finish_reason error")
    text = "".join(said for said, _ in (spoken, end))
    choice: Document = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "logprobs": _logprobs([*spoken[1], *end[1]]) if answer.wants_logprobs else None,
        "finish_reason": reason,
    }
    return {"object": "chat.completion", "model": call.model, "choices": [choice], "usage": answer.usage()}


def stream(call: Call, target: Target) -> GeneratedStream:
    """The translation of a streamed answer."""
    return GeneratedStream(call, target)


class GeneratedStream:
    """Chunks out of token documents. Memory is bounded: by the reader's line, and by the longest stop sequence."""

    def __init__(self, call: Call, target: Target) -> None:
        self._reader = sse.PayloadReader()
        self._answer = _Answer(call, target)
        self._begun = False
        self._ended = False
        self._fault: UpstreamFailed | None = None

    @property
    def complete(self) -> bool:
        """Whether the answer's logical end was seen; of a shape that has none, whether anything was."""
        return self._ended

    @property
    def at_rest(self) -> bool:
        """Never: what a token's document becomes depends on those before it."""
        return False

    def template(self, payload: bytes, name: str) -> None:
        """None: more than the text varies from token to token."""
        del payload, name

    def feed(self, payload: bytes) -> list[Document]:
        """Take payload bytes, cut anywhere."""
        return self.take(self._reader.feed(payload))

    def finish(self) -> list[Document]:
        """The payload has ended."""
        chunks = self.take(self._reader.finish())
        if not self._ended and self._answer.open_ended:
            chunks += self._end()
        return chunks

    def take(self, payloads: list[sse.Payload]) -> list[Document]:
        """Take what a reader has read; give the chunks.

        Raises:
            UpstreamFailed: one of them is no answer. Chunks before it are given first: it is then raised by the next
                call, so that what a client gets does not depend on where the payload was cut.
        """
        if self._fault is not None:
            raise self._fault
        chunks: list[Document] = []
        for payload in payloads:
            # What follows the logical end is a terminator of some kind, or the same text once more.
            if payload is sse.DONE or self._ended:
                continue
            if payload.get("error") or payload.get("object") == "error":
                chunks.append(payload)
                continue
            try:
                piece = generated.read(payload)
                text, tokens = self._answer.add(piece)
            except NotGenerated as fault:
                self._fault = broken_off(f"container answer: {fault}")
                if not chunks:
                    raise self._fault from fault
                return chunks
            if text or tokens or not self._begun:
                chunks.append(self._chunk(text, tokens, None))
            if piece.last:
                chunks += self._end()
        return chunks

    def _end(self) -> list[Document]:
        self._ended = True
        (text, tokens), reason = self._answer.end()
        last = self._chunk(text, tokens, reason)
        # OpenAI's own streams send it in a chunk of its own; who did not ask for it never sees it.
        return [last, {"object": "chat.completion.chunk", "choices": [], "usage": self._answer.usage()}]

    def _chunk(self, text: str, tokens: list[Token], reason: str | None) -> Document:
        delta: Document = {"content": text} if text or not self._begun else {}
        if not self._begun:
            delta = {"role": "assistant", **delta}
            self._begun = True
        choice: Document = {"index": 0, "delta": delta, "finish_reason": reason}
        if self._answer.wants_logprobs:
            choice["logprobs"] = _logprobs(tokens) if tokens else None
        return {"object": "chat.completion.chunk", "choices": [choice]}


Said = tuple[str, list[Token]]


class _Answer:
    """The text of one answer as its pieces come, up to the first stop sequence, and what is reported about it."""

    def __init__(self, call: Call, target: Target) -> None:
        self._call = call
        self._filter = StopFilter(parameters.ends(call, target))
        self._limit = parameters.max_new_tokens(call, target)
        self._by_token = False
        self._bytes = 0
        self._reason: str | None = None
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        # Tokens not yet released, each with the length of the text up to its end.
        self._tokens: deque[tuple[int, Token]] = deque()
        self._spelled = 0
        self.open_ended = False
        self.wants_logprobs = call.logprobs is not None

    def add(self, piece: Piece) -> Said:
        """Take a piece; give the text that it lets go, and that text's tokens.

        Raises:
            NotGenerated: more tokens wait for their text than it has room for.
        """
        self.open_ended = piece.open_ended
        self._reason = piece.reason or self._reason
        if piece.prompt_tokens is not None:
            self._prompt_tokens = piece.prompt_tokens
        if piece.completion_tokens is not None:
            self._completion_tokens = piece.completion_tokens
        text = piece.text
        if piece.whole is None:
            self._by_token = True
        elif not self._by_token:
            # Of a stream of tokens it is the same text once more.
            text = piece.whole
        self._bytes += len(text.encode())
        if self.wants_logprobs and not self._filter.stopped:
            for token in piece.tokens:
                self._spelled += len(token.text)
                self._tokens.append((self._spelled, token))
        said = self._released(self._filter.push(text))
        if piece.whole is None and len(self._tokens) > MAX_WAITING_TOKENS:
            raise NotGenerated(f"over {MAX_WAITING_TOKENS} tokens without a text")
        return said

    def end(self) -> tuple[Said, str]:
        """The answer has ended: what was held, and why it ended."""
        said = self._released(self._filter.finish())
        if not self._filter.stopped:
            # Token texts of a whole answer may not add up to it (a lone token decodes without its space).
            said[1].extend(token for _, token in self._tokens)
        self._tokens.clear()
        return said, self._finish_reason()

    def usage(self) -> Document:
        """Tokens as the container counts them; `estimated` names those that it does not report."""
        told = {"prompt_tokens": self._prompt_tokens, "completion_tokens": self._completion_tokens}
        guessed = [name for name, number in told.items() if number is None]
        if self._prompt_tokens is None:
            told["prompt_tokens"] = prompt_tokens(self._call)
        if self._completion_tokens is None:
            told["completion_tokens"] = -(-self._bytes // BYTES_PER_TOKEN)
        usage: Document = {**told, "total_tokens": sum(number or 0 for number in told.values())}
        return {**usage, "estimated": guessed} if guessed else usage

    def _released(self, text: str) -> Said:
        tokens = []
        while self._tokens and self._tokens[0][0] <= self._filter.released:
            tokens.append(self._tokens.popleft()[1])
        return text, tokens

    def _finish_reason(self) -> str:
        if self._reason is not None:
            reason = _REASONS.get(self._reason, "stop")
            return "stop" if reason == "length" and self._filter.stopped else reason
        # LMI's whole answers do not tell a limit from an end.
        reached = self._completion_tokens is not None and self._completion_tokens >= self._limit
        return "length" if reached and not self._filter.stopped else "stop"


def _alone(value: Any) -> Document:
    """The one document of an answer, out of the arrays of one that Hugging Face's containers put around it."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise NotADocument("expected one object")
    return value


def _logprobs(tokens: list[Token]) -> Document:
    return {"content": [{**_spelled(token), "top_logprobs": [_spelled(top) for top in token.top]} for token in tokens]}


# What OpenAI reports for a token that is not among the likeliest; also for one whose probability is unknown.
_UNLIKELY = -9999.0


def _spelled(token: Token) -> Document:
    logprob = _UNLIKELY if token.logprob is None else token.logprob
    return {"token": token.text, "logprob": logprob, "bytes": list(token.text.encode())}
