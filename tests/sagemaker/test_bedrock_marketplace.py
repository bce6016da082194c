"""Bedrock's field names; tests/tables/chat_bedrock-marketplace_*.json has the rows."""

from __future__ import annotations

import orjson

from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker import bedrock_marketplace

TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1", temperature=None, prompt_template="plain")


def test_only_what_the_client_left_open_is_left_open() -> None:
    """The server's own top_p is 0.9 and its own limit 512; no temperature was given, so that it may choose one."""
    call = Call("m", True, False, {"messages": [{"role": "user", "content": "Hi"}], "stream": True})
    assert orjson.loads(bedrock_marketplace.request(call, TARGET)) == {"prompt": "Hi", "max_gen_len": 1024, "top_p": 1}
