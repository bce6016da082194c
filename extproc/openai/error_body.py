"""An error as OpenAI's clients read it.

Both SDKs take message, type, param and code from {"error": {…}} and lose the message of every other shape
(measured with openai-python 3.54.0 and openai-node 6.49.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from extproc.actions import HeaderList
    from extproc.errors import GatewayError


def document(error: GatewayError) -> dict[str, Any]:
    """The error object, the same in a whole answer and in a stream. `policy` only when a policy refused."""
    shown = {"message": error.message, "type": error.type, "param": error.param, "code": error.openai_code}
    if error.policy is not None:
        shown["policy"] = error.policy
    return {"error": shown}


def body(error: GatewayError) -> bytes:
    """The body of an error answer."""
    return orjson.dumps(document(error))


def headers(error: GatewayError, *, exhausted: bool = False) -> HeaderList:
    """The headers of an error answer: when, and whether at all, a client should try again.

    SDKs obey both: `retry-after` in seconds, `x-should-retry` against their own list of statuses. `exhausted`: several
    targets were tried. A client's three attempts would make that three times as many, so that it is told to try again
    only where waiting helps, and then after how long.
    """
    listed = [("content-type", "application/json")]
    if error.retry_after is not None:
        listed.append(("retry-after", str(error.retry_after)))
    if exhausted and error.should_retry is None and error.retry_after is None:
        listed.append(("x-should-retry", "false"))
    elif error.should_retry is not None:
        listed.append(("x-should-retry", "true" if error.should_retry else "false"))
    return tuple(listed)
