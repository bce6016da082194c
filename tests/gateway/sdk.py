"""The OpenAI SDK for Python, row by row: what somebody who uses it sees. tests/node/sdk.mjs is the same for Node.js.

Argument: the base URL. Standard input: rows as JSON. Standard output: what was seen, by the name of the row.
"""

from __future__ import annotations

import json
import sys
import time
from functools import reduce
from types import SimpleNamespace

import openai


def see(row: dict, url: str) -> dict:
    """What one row's call gave: a text, or what was raised; how often it was sent, and the pauses between (seconds)."""
    seen: dict = {"text": "", "finish": [], "usages": 0, "attempts": 0, "waits": []}

    def sent(_: object) -> None:
        seen["attempts"] += 1

    # The SDK's pauses before it tries again are noted, and hurried.
    openai._base_client.time = SimpleNamespace(time=time.time, sleep=seen["waits"].append)
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent]})
    with openai.OpenAI(base_url=url, api_key="unused", default_headers=row.get("headers"), http_client=http) as client:
        method = reduce(getattr, row["call"].split("."), client)
        positional = [row["of"]] if "of" in row else []
        extra = {"extra_body": row["extra"]} if "extra" in row else {}
        try:
            answer = method(*positional, **row.get("with", {}), **extra)
            asked = row.get("with", {})
            if asked.get("stream"):
                read(answer, seen, usage=asked.get("stream_options", {}).get("include_usage", False))
            elif row["call"] == "models.list":
                seen["text"] = "".join(f"{model.id} " for model in answer)
            else:
                seen["text"] = answer.id if positional else answer.choices[0].message.content
            seen["request_id"] = getattr(answer, "_request_id", None)
        except Exception as error:  # noqa: BLE001 - whatever a user would see is what is told
            fields = {name: getattr(error, name, None) for name in ("type", "code", "param", "request_id")}
            status = getattr(error, "status_code", None)
            seen.update(fields, raised=type(error).__name__, status=status, message=str(error))
    return seen


def read(stream: openai.Stream, seen: dict, *, usage: bool) -> None:
    """As most people write it: every chunk has a choice, and its delta a text, unless the usage was asked for."""
    for chunk in stream:
        if usage and not chunk.choices:
            seen["usages"] += chunk.usage.completion_tokens > 0
            continue
        seen["text"] += chunk.choices[0].delta.content or ""
        if chunk.choices[0].finish_reason:
            seen["finish"].append(chunk.choices[0].finish_reason)


if __name__ == "__main__":
    json.dump({row["name"]: see(row, sys.argv[1]) for row in json.load(sys.stdin)}, sys.stdout)
