"""The clients' listener. How it behaves is tested in tests/envoy/test_listener.py."""


def test_filters_are_in_order(manager):
    """Kept first, cleaned last on the way out; probes before workers, bodies with heads; the router at the end."""
    names = [each["name"].removeprefix("envoy.filters.http.") for each in manager["http_filters"]]
    assert names == ["set_filter_state", "header_mutation", "health_check", "kt.enclose", "ext_proc", "router"]


def test_clients_are_at_the_edge(manager):
    """Remote addresses are the connection's own, reserved headers are dropped before anything reads them."""
    assert manager["use_remote_address"] is True
    (early,) = manager["early_header_mutation_extensions"]
    prefixes = [each["remove_on_match"]["key_matcher"]["prefix"] for each in early["typed_config"]["mutations"]]
    assert prefixes == ["x-amz-", "x-amzn-", "x-kt-", "x-envoy-"]


def test_stalled_requests_end(manager, settings):
    """Heads, uploads and silent streams are bounded in time."""
    assert manager["request_timeout"] == f"{settings.upload_timeout:g}s"
    assert manager["request_headers_timeout"] == "15s"
    assert manager["stream_idle_timeout"] == f"{settings.idle_timeout:g}s"
