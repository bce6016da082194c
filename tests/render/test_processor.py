"""The ext_proc filter."""

import re

import pytest

from extproc.render.processor import processor_filter


@pytest.fixture
def processor(settings):
    """The filter's own configuration."""
    return processor_filter(settings)["typed_config"]["extension_config"]["typed_config"]


def test_it_fails_closed(processor):
    """No fault of a worker lets a request pass, and the status says that it is ours."""
    assert processor["failure_mode_allow"] is False
    assert processor["status_on_error"] == {"code": 503}


def test_bodies_are_whole_unless_a_worker_streams_the_answer(processor):
    """Requests are always BUFFERED; answers are, until a worker overrides it."""
    mode = processor["processing_mode"]
    assert (mode["request_body_mode"], mode["response_body_mode"]) == ("BUFFERED", "BUFFERED")
    assert (mode["request_header_mode"], mode["response_header_mode"]) == ("SEND", "SEND")
    assert processor["allow_mode_override"] is True


def test_messages_have_time(processor, settings):
    """The time for an answer is the setting's, not 200 ms."""
    assert processor["message_timeout"] == f"{settings.message_timeout:g}s"


def test_retries_stand_where_envoy_reads_them(processor):
    """The retry policy is GrpcService's, avoids the worker that failed, and is quick."""
    service = processor["grpc_service"]
    assert "retry_policy" not in service["envoy_grpc"]
    policy = service["retry_policy"]
    assert policy["retry_host_predicate"][0]["name"].endswith("previous_hosts")
    assert policy["retry_back_off"] == {"base_interval": "0.005s", "max_interval": "0.02s"}


def test_namespaces_are_listed(processor):
    """Unlisted namespaces would be dropped without a word."""
    options = processor["metadata_options"]
    received = ["kt.plan", "kt.attempts", "kt.bodies", "kt.audit", "kt.answer"]
    assert options["receiving_namespaces"]["untyped"] == received
    assert options["forwarding_namespaces"]["untyped"] == ["kt.outcomes", "kt.enclosed"]


@pytest.mark.parametrize(
    ("name", "writable"),
    [
        ("content-length", True),
        ("content-type", True),
        (":status", True),
        ("retry-after", True),
        ("x-should-retry", True),
        ("x-kt-target", True),
        ("x-amzn-requestid", True),
        ("x-envoy-max-retries", True),
        ("x-envoy-upstream-rq-timeout-ms", True),
        ("x-envoy-upstream-rq-per-try-timeout-ms", True),
        (":path", False),
        (":authority", False),
        ("host", False),
        ("authorization", False),
        ("x-forwarded-for", False),
        ("x-request-id", True),
        ("x-envoy-internal", False),
        ("connection", False),
        ("transfer-encoding", False),
        ("xcontent-length", False),
    ],
)
def test_only_what_is_needed_is_writable(processor, name, writable):
    """Everything is forbidden but the headers of the contract, each matched whole."""
    rules = processor["mutation_rules"]
    assert rules["disallow_all"] is True
    assert bool(re.fullmatch(rules["allow_expression"]["regex"], name)) is writable
