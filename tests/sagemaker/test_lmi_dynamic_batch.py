"""LMI's dynamic batch; tests/tables/chat_lmi-dynamic-batch_*.json has its rows."""

from __future__ import annotations

import orjson

from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker import lmi_dynamic_batch

# What transformers' generate takes; it raises on any other keyword (`_validate_model_kwargs`).
KNOWN = {"max_new_tokens", "do_sample", "temperature", "top_p", "top_k", "repetition_penalty"}


def test_nothing_is_sent_that_generate_would_refuse() -> None:
    """Not even a template's stop: the answer is cut here instead."""
    document = {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5, "top_p": 0.5, "top_k": 5}
    call = Call("m", False, False, {**document, "repetition_penalty": 1.1})
    target = Target(id="t", endpoint="e", models=("m",), region="us-east-1", prompt_template="llama3")
    assert orjson.loads(lmi_dynamic_batch.request(call, target))["parameters"].keys() == KNOWN
