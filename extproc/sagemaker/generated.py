"""What a text-generation container says, whole or token by token, read from any of the shapes they use.

    TGI, LMI          {"token": {"id", "text", "logprob", "special"}, "generated_text": null, "details": null}
    LMI rolling       {"token": {"id", "text", "log_prob"}}, the last one with "generated_text" and "details"
    whole             {"generated_text": "...", "details": {...}}, alone or in an array of one
    JumpStart         {"generation": "..."} or {"generation": {"role", "content"}}, in an array of one
    LMI dynamic       {"outputs": ["..."]}
    Bedrock           {"body": {"generation": "...", "stop_reason": null, "prompt_token_count", ...}, "metering"}

Sources: huggingface/text-generation-inference router/src/lib.rs; deepjavalibrary/djl-serving, djl_python's
output_formatter.py and lmi_vllm/request_response_utils.py; the JumpStart model cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extproc.openai.document import Document


class NotGenerated(ValueError):
    """The document has none of the shapes. The text never quotes it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its log probability, None where the container reports none; `top` are the likeliest in its place."""

    text: str
    logprob: float | None
    top: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One document of an answer.

    `text` is what it adds; `whole` is the text of the entire answer, if it tells that. `reason` is the container's own
    word for why it ended. `last`: the answer's logical end. `open_ended`: a shape that has no logical end.
    """

    text: str = ""
    whole: str | None = None
    tokens: tuple[Token, ...] = ()
    reason: str | None = None
    last: bool = False
    open_ended: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def read(document: Document) -> Piece:
    """Read one document.

    Raises:
        NotGenerated: it is none.
    """
    token = document.get("token")
    if isinstance(token, dict):
        return _token(token, document)
    if isinstance(document.get("generated_text"), str):
        return _whole(document["generated_text"], document)
    for place in (document, document.get("body")):
        if isinstance(place, dict) and "generation" in place:
            return _generation(place, document)
    outputs = document.get("outputs")
    if isinstance(outputs, list) and all(isinstance(text, str) for text in outputs):
        # One prompt was sent, so that there is one output; more than one would be somebody else's.
        return Piece(outputs[0] if outputs else "", open_ended=True)
    raise NotGenerated("it has neither token, generated_text, generation nor outputs")


def _token(token: Document, document: Document) -> Piece:
    whole = document.get("generated_text")
    details = document.get("details")
    told = details if isinstance(details, dict) else {}
    text = token.get("text")
    said = text if isinstance(text, str) else ""
    hidden = token.get("special") is True or token.get("special_token") is True
    top = document.get("top_tokens")
    likeliest = tuple(_as_token(entry) for entry in top if isinstance(entry, dict)) if isinstance(top, list) else ()
    spelled = _as_token(token, likeliest)
    reason = _word(told.get("finish_reason"))
    prompt, completion = _counts(told)
    return Piece(
        "" if hidden else said,
        tokens=() if hidden else (spelled,),
        reason=reason,
        last=isinstance(whole, str) or reason is not None,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def _whole(text: str, document: Document) -> Piece:
    details = document.get("details")
    told = details if isinstance(details, dict) else {}
    tokens = told.get("tokens")
    spelled: tuple[Token, ...] = ()
    if isinstance(tokens, list):
        top = told.get("top_tokens")
        rows = top if isinstance(top, list) and len(top) == len(tokens) else [()] * len(tokens)
        spelled = tuple(
            _as_token(token, tuple(_as_token(entry) for entry in row if isinstance(entry, dict)))
            for token, row in zip(tokens, rows, strict=True)
            if isinstance(token, dict)
            and isinstance(row, list | tuple)
            and token.get("special") is not True
            and token.get("special_token") is not True
        )
    reason = _word(told.get("finish_reason"))
    prompt, completion = _counts(told)
    return Piece(
        whole=text, tokens=spelled, reason=reason, last=True, prompt_tokens=prompt, completion_tokens=completion
    )


def _generation(place: Document, document: Document) -> Piece:
    said = place["generation"]
    if isinstance(said, dict):
        said = said.get("content")
    if not isinstance(said, str | None):
        raise NotGenerated("its generation is no text")
    reason = _word(place.get("stop_reason"))
    metering = document.get("metering")
    metered = metering if isinstance(metering, dict) else {}
    prompt = _first(metered.get("inputTokenCount"), place.get("prompt_token_count"))
    completion = _first(metered.get("outputTokenCount"), place.get("generation_token_count"))
    # Only Bedrock's shape says why it ended: JumpStart's is the whole answer at once.
    wrapped = "stop_reason" in place
    return Piece(
        (said or "") if wrapped else "",
        None if wrapped else said or "",
        reason=reason,
        last=reason is not None or not wrapped,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def _counts(details: Document) -> tuple[int | None, int | None]:
    prompt = _first(details.get("input_length"), details.get("prompt_tokens"))
    prefill = details.get("prefill")
    if prompt is None and isinstance(prefill, list) and prefill:
        prompt = len(prefill)
    return prompt, _first(details.get("generated_tokens"))


def _first(*values: Any) -> int | None:
    """The first of them that is a number of tokens."""
    return next((value for value in values if type(value) is int and value >= 0), None)


def _as_token(token: Document, top: tuple[Token, ...] = ()) -> Token:
    text = token.get("text")
    number = token.get("logprob", token.get("log_prob"))
    logprob = float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None
    return Token(text if isinstance(text, str) else "", logprob, top)


def _word(reason: Any) -> str | None:
    # vLLM tells the token, or the text, that it stopped at; that it stopped is all there is to know.
    if reason is None or reason == "":
        return None
    return reason if isinstance(reason, str) else "stop"
