"""One document of a generated answer, in each of the shapes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.sagemaker.generated import NotGenerated, Piece, Token, read

TGI = {"id": 5, "text": " a", "logprob": -0.5, "special": False}
LMI = {"id": 5, "text": " a", "log_prob": -0.5}
EOS = {"id": 2, "text": "</s>", "logprob": -0.5, "special": True}
ENDED = {"finish_reason": "eos_token", "generated_tokens": 9, "seed": None}
SPELLED = (Token(" a", -0.5),)
SHAPES = {
    "TGI's token": (
        {"index": 1, "token": TGI, "generated_text": None, "details": None},
        Piece(" a", tokens=SPELLED),
    ),
    "LMI rolling's token": ({"token": LMI}, Piece(" a", tokens=SPELLED)),
    "the likeliest tokens": (
        {"token": TGI, "top_tokens": [TGI, LMI, None]},
        Piece(" a", tokens=(Token(" a", -0.5, (*SPELLED, *SPELLED)),)),
    ),
    "the last token": (
        {"token": TGI, "generated_text": "all a", "details": {**ENDED, "input_length": 3}},
        Piece(" a", None, SPELLED, "eos_token", last=True, prompt_tokens=3, completion_tokens=9),
    ),
    "an end without details": ({"token": TGI, "generated_text": "a"}, Piece(" a", tokens=SPELLED, last=True)),
    "a special token has no text": (
        {"token": EOS, "generated_text": "", "details": None},
        Piece("", last=True),
    ),
    "LMI's failed generation": (
        {
            "token": {"id": -1, "text": "", "log_prob": -1, "special_token": True},
            "generated_text": "",
            "details": {"finish_reason": "error", "generated_tokens": None, "inputs": None},
        },
        Piece("", reason="error", last=True),
    ),
    "a token without a probability": ({"token": {"text": "a"}}, Piece("a", tokens=(Token("a", None),))),
    "whole": (
        {"generated_text": "a", "details": {**ENDED, "prefill": [{}, {}], "tokens": [TGI, EOS], "top_tokens": None}},
        Piece("", "a", SPELLED, "eos_token", last=True, prompt_tokens=2, completion_tokens=9),
    ),
    "whole, with the likeliest": (
        {"generated_text": "a", "details": {"tokens": [TGI], "top_tokens": [[LMI]]}},
        Piece("", "a", (Token(" a", -0.5, SPELLED),), last=True),
    ),
    "a dialog's": ({"generation": {"role": "assistant", "content": "a"}}, Piece("", "a", last=True)),
    "a text's": ({"generation": "a"}, Piece("", "a", last=True)),
    "Bedrock's": (
        {"body": {"generation": "a", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": None}},
        Piece("a", prompt_tokens=3, completion_tokens=1),
    ),
    "Bedrock's last": (
        {"body": {"generation": "", "stop_reason": "length"}, "metering": {"inputTokenCount": 3}},
        Piece("", reason="length", last=True, prompt_tokens=3),
    ),
    "dynamic batch": ({"outputs": [" a"]}, Piece(" a", open_ended=True)),
    "dynamic batch, nothing": ({"outputs": []}, Piece("", open_ended=True)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read(name: str) -> None:
    """What it adds, whether it is the last, and what it reports."""
    document, piece = SHAPES[name]
    assert read(document) == piece


@pytest.mark.parametrize(
    "document",
    [{}, {"text": "a"}, {"generated_text": None}, {"generation": 1}, {"outputs": [1]}, {"outputs": "a"}, {"body": "a"}],
    ids=str,
)
def test_what_has_no_shape_is_no_answer(document: dict[str, Any]) -> None:
    """Another dialect's document is never taken for an empty answer."""
    with pytest.raises(NotGenerated):
        read(document)


KEYS = st.sampled_from(
    [
        *("token", "text", "logprob", "log_prob", "special", "generated_text", "details", "finish_reason", "tokens"),
        *("top_tokens", "prefill", "generated_tokens", "input_length", "generation", "content", "body", "stop_reason"),
        *("metering", "inputTokenCount", "outputs", "prompt_token_count"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_no_document_is_a_surprise(document: dict[str, Any]) -> None:
    """Any JSON under the known names is read or refused, and counts are never negative."""
    try:
        piece = read(document)
    except NotGenerated:
        return
    assert all(number is None or number >= 0 for number in (piece.prompt_tokens, piece.completion_tokens))
    assert isinstance(piece.text + (piece.whole or "") + (piece.reason or ""), str)
