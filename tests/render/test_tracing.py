"""Where spans go, and what they say."""

from dataclasses import replace

import pytest

from extproc.config.runtime import Limits
from extproc.render import envoy, versions
from extproc.render.tracing import CLUSTER, Collector
from extproc.span import ATTRIBUTES


@pytest.mark.parametrize(
    ("url", "collector", "whole"),
    [
        ("http://otel:4318", Collector("otel", 4318), "http://otel:4318/v1/traces"),
        ("http://otel", Collector("otel", 4318), "http://otel:4318/v1/traces"),
        ("https://otel.example.com/", Collector("otel.example.com", 443, secure=True), None),
        ("http://otel:80/in/traces", Collector("otel", 80, "/in/traces"), "http://otel:80/in/traces"),
        ("http://[::1]:4318", Collector("::1", 4318), "http://[::1]:4318/v1/traces"),
    ],
)
def test_a_collector_is_a_url(url, collector, whole):
    """OTLP's own path and port where none is given."""
    assert Collector.parse(url) == collector
    assert collector.url == (whole or "https://otel.example.com:443/v1/traces")


@pytest.mark.parametrize(
    "url",
    [
        "otel:4318",
        "grpc://otel:4317",
        "http://",
        "http://otel:x",
        "http://u:p@otel",
        "http://otel?key=1",
        "http://[::1",
    ],
)
def test_what_is_no_collector_is_refused(url):
    """With what to write."""
    with pytest.raises(ValueError, match=r"no URL|write http://host:4318"):
        Collector.parse(url)


def rendered(settings, targets, version=versions.NEWEST):
    """The clusters by name, the listener's tracing, and the namespaces that a worker may fill."""
    document = envoy.static(settings, targets, Limits(), version=version)["static_resources"]
    manager = document["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    [processor] = [each for each in manager["http_filters"] if each["name"].endswith("ext_proc")]
    filtered = processor["typed_config"]["extension_config"]["typed_config"]
    clusters = {cluster["name"]: cluster for cluster in document["clusters"]}
    # Its own span would tell nothing; only the newest Envoy can leave it out.
    told = settings.collector is None or version < versions.CLIENT_SPAN
    assert filtered.get("emit_client_span", True) is told
    return clusters, manager.get("tracing"), filtered["metadata_options"]["receiving_namespaces"]["untyped"]


def test_without_a_collector_there_are_no_spans(settings, targets):
    """They cost, so nobody makes them who does not want them."""
    clusters, tracing, namespaces = rendered(settings, targets)
    assert (CLUSTER in clusters, tracing, "kt.span" in namespaces) == (False, None, False)


@pytest.mark.parametrize("version", [versions.OLDEST, versions.NEWEST])
def test_spans_of_exchanges_and_attempts_go_to_the_collector(settings, targets, version):
    """With every attribute from what the worker has said; the share is the sampler's where there is no parent."""
    chosen = replace(settings, collector=Collector.parse("https://otel.example.com", 12.5), ca_file="/ca.pem")
    clusters, tracing, namespaces = rendered(chosen, targets, version)
    assert "kt.span" in namespaces
    assert tracing["spawn_upstream_span"] is True
    assert [tag["tag"] for tag in tracing["custom_tags"]] == list(ATTRIBUTES)
    key = tracing["custom_tags"][0]["metadata"]["metadata_key"]
    assert key == {"key": "kt.span", "path": [{"key": ATTRIBUTES[0]}]}
    tracer = tracing["provider"]["typed_config"]
    assert tracer["http_service"]["http_uri"]["cluster"] == CLUSTER
    wrapped = tracer["sampler"]["typed_config"]["wrapped_sampler"]["typed_config"]
    assert wrapped["sampling_percentage"] == {"numerator": 125_000, "denominator": "MILLION"}
    tls = clusters[CLUSTER]["transport_socket"]["typed_config"]
    assert tls["sni"] == "otel.example.com"
    assert tls["common_tls_context"]["validation_context"]["trusted_ca"] == {"filename": "/ca.pem"}


def test_a_plain_collector_is_spoken_to_plainly(settings, targets):
    """On a machine or in a pod."""
    clusters, _, _ = rendered(replace(settings, collector=Collector.parse("http://[::1]")), targets)
    assert "transport_socket" not in clusters[CLUSTER]
    [endpoints] = clusters[CLUSTER]["load_assignment"]["endpoints"]
    address = endpoints["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert address == {"address": "::1", "port_value": 4318}
