"""What a request's head rules out, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.actions import Continue, Respond
from extproc.admit import MAX_HEADERS, audit_unavailable
from extproc.config.runtime import Limits, Pack
from extproc.events import RequestHeaders
from extproc.exchange import CLAIM
from extproc.testing import Some, chat_headers, play

HEADS: dict[str, tuple[RequestHeaders, dict[str, Any], int, str | None]] = {
    "unknown path": (chat_headers("/v1/nothing"), {}, 404, "unknown_url"),
    "wrong method": (chat_headers(method="GET"), {}, 405, "method_not_allowed"),
    "compressed": (chat_headers(content_encoding="gzip"), {}, 400, None),
    "declared too large": (chat_headers(content_length="11"), {"limits": Limits(10)}, 413, "request_too_large"),
    "no body": (replace(chat_headers(), end_of_stream=True), {}, 400, None),
    "switched off": (chat_headers(), {"pack": Pack("p", "1", enabled=False)}, 503, "gateway_unavailable"),
    "too many headers": (replace(chat_headers(), count=MAX_HEADERS + 1), {}, 431, "request_headers_too_large"),
    "length no number": (chat_headers(content_length="\u00b2"), {"limits": Limits(10)}, 0, None),
    "identity": (chat_headers(content_encoding="Identity"), {}, 0, None),
}


@pytest.mark.parametrize(("head", "fields", "status", "code"), HEADS.values(), ids=HEADS)
def test_heads(head: RequestHeaders, fields: dict[str, Any], status: int, code: str | None) -> None:
    """What cannot be served is refused by its head alone, before a body is taken; else the body is asked for."""
    playbook = play(head, **fields)
    if status == 0:
        playbook.expect(Continue(metadata=CLAIM))
    else:
        playbook.expect(Some(Respond, status=status))
        assert playbook.error["code"] == code
        assert playbook.exchange.record.status == status


def test_the_refusal_without_an_audit_trail() -> None:
    """A 503 that asks to come again, and says whom to ask."""
    error = audit_unavailable()
    assert (error.http_status, error.openai_code, error.retry_after) == (503, "gateway_unavailable", 5)
