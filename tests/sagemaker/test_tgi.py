"""TGI's generate; tests/tables/chat_tgi_*.json has its rows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UnsupportedParameter
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker import tgi
from extproc.sagemaker.templates import TEMPLATES


def parameters(template: str = "plain", **document: Any) -> dict[str, Any]:
    """The parameters of a request."""
    call = Call("m", False, False, {"messages": [{"role": "user", "content": "Hi"}], **document})
    target = Target(id="t", endpoint="e", models=("m",), region="us-east-1", prompt_template=template)
    found: dict[str, Any] = orjson.loads(tgi.request(call, target))["parameters"]
    return found


@given(
    temperature=st.none() | st.sampled_from([0, 0.0, 1e-6, 1, 2.0]),
    top_p=st.none() | st.sampled_from([-1, 0, 1e-6, 0.5, 1, 1.0, 2]),
    limit=st.none() | st.integers(1, 10**6),
    stop=st.none() | st.lists(st.text(min_size=1, max_size=3), max_size=4),
    template=st.sampled_from(sorted(TEMPLATES)),
)
def test_what_tgi_would_refuse_is_never_sent(
    temperature: Any, top_p: Any, limit: Any, stop: Any, template: str
) -> None:
    """Its router answers 422 to a temperature of 0, a top_p of 0 or 1, a limit of 0 and a fifth stop."""
    sent = parameters(template, temperature=temperature, top_p=top_p, max_tokens=limit, stop=stop)
    assert sent.get("temperature", 1) > 0
    assert 0 < sent.get("top_p", 0.5) < 1
    assert sent["max_new_tokens"] >= 1
    assert len(sent.get("stop", [])) <= 4
    assert set(stop or ()) <= set(sent.get("stop", []))


@pytest.mark.parametrize(
    "fields",
    [
        {"top_logprobs": 6, "logprobs": True},
        {"top_logprobs": -1, "logprobs": True},
        {"top_logprobs": 2},
        {"top_logprobs": 1.5, "logprobs": True},
    ],
    ids=str,
)
def test_more_likely_tokens_than_tgi_gives_are_refused(fields: dict[str, Any]) -> None:
    """Its --max-top-n-tokens is 5, and they come with the chosen token's only."""
    with pytest.raises(UnsupportedParameter) as refused:
        parameters(**fields)
    assert refused.value.param == "top_logprobs"
