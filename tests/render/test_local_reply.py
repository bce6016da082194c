"""Errors of Envoy's own. That they arrive is tested in tests/envoy/test_listener.py."""

import json

from extproc.render.local_reply import REPLIES, local_replies


def test_every_reply_is_an_openai_error():
    """Each body is JSON with exactly the four fields, and of a type that OpenAI knows."""
    for mapper, (_, status, *_rest) in zip(local_replies()["mappers"], REPLIES, strict=True):
        override = mapper["body_format_override"]
        error = json.loads(override["text_format_source"]["inline_string"])["error"]
        assert list(error) == ["message", "type", "param", "code"]
        assert error["type"] in {"server_error", "invalid_request_error"}
        assert override["content_type"] == "application/json"
        assert mapper.get("status_code") == status


def test_no_reply_quotes_envoy():
    """No format operator stands in a body: Envoy's own text names hosts and flags."""
    assert "%" not in "".join(message for _, _, message, _, _ in REPLIES)


def test_a_workers_answers_are_left_alone():
    """Every mapper excludes what a worker answered."""
    for mapper in local_replies()["mappers"]:
        expression = mapper["filter"]["extension_filter"]["typed_config"]["expression"]
        assert expression.startswith("!response.code_details.startsWith('kt') && ")
