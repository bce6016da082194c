"""What the parsers of all endpoints have in common."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.errors import MalformedRequest
from extproc.openai.call import FORMS, MAX_STRINGS, Call
from extproc.openai.endpoint import ENDPOINTS

# Endpoint → the field that makes a request of its kind, and a value of it.
OWN: dict[str, tuple[str, Any]] = {
    "/v1/chat/completions": ("messages", [{"role": "user", "content": "Hi"}]),
    "/v1/completions": ("prompt", "Hi"),
    "/v1/embeddings": ("input", "Hi"),
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_request_carries_no_other_form(path: str, form: str) -> None:
    """LMI reads `prompt` before `messages`: token ids in it would reach the model past every policy."""
    own, value = OWN[path]
    raw = orjson.dumps({"model": "m", own: value, **({form: [1, 2]} if form != own else {})})
    if form == own:
        assert ENDPOINTS[path].parse(raw).document[own] == value
        return
    with pytest.raises(MalformedRequest) as refused:
        ENDPOINTS[path].parse(raw)
    assert refused.value.param == form


@pytest.mark.parametrize(
    ("kind", "document", "told"),
    [
        ("chat", {}, None),
        ("chat", {"logprobs": False, "top_logprobs": 3}, None),
        ("chat", {"logprobs": True}, 0),
        ("chat", {"logprobs": True, "top_logprobs": 3}, 3),
        ("completion", {}, None),
        ("completion", {"logprobs": None}, None),
        ("completion", {"logprobs": 0}, 0),
        ("completion", {"logprobs": 4}, 4),
    ],
)
def test_how_many_likely_tokens_are_wanted(kind: str, document: Any, told: int | None) -> None:
    """Chats and completions ask for them differently."""
    assert Call("m", False, False, document, kind).logprobs == told


@pytest.mark.parametrize(("count", "passes"), [(MAX_STRINGS - 9, True), (MAX_STRINGS, False)])
def test_a_request_holds_so_many_strings(count: int, passes: bool) -> None:
    """Each costs every policy some time: a body of millions would hold up a worker and all its other exchanges."""
    raw = orjson.dumps({"model": "m", "prompt": "Hi", "x": ["ab"] * count, "y": {"z": [["c"]]}})
    if passes:
        assert ENDPOINTS["/v1/completions"].parse(raw).document["x"]
        return
    with pytest.raises(MalformedRequest, match="100000 strings"):
        ENDPOINTS["/v1/completions"].parse(raw)


def test_quotes_in_a_text_are_no_strings() -> None:
    """A long program in a prompt passes."""
    raw = orjson.dumps({"model": "m", "prompt": '"' * (3 * MAX_STRINGS)})
    assert ENDPOINTS["/v1/completions"].parse(raw).texts
