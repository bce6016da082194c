"""One cluster per target."""

from dataclasses import replace

import pytest

from extproc.render.clusters import CUT_AFTER, HTTP_OPTIONS, largest_group, target_clusters
from extproc.routing.targets import HealthCheck, Target


def test_every_target_has_its_cluster(clusters):
    """Clusters are named by target ids, for the worker's plan names them so; two more are the gateway's own."""
    assert list(clusters) == ["kt.workers", "east", "west", "lone", "kt.nobody"]


def test_breakers_let_every_failover_through(clusters):
    """No target's circuit breaker is at a default that a busy hour reaches."""
    for name in ("east", "west", "lone"):
        (threshold,) = clusters[name]["circuit_breakers"]["thresholds"]
        assert min(threshold[key] for key in ("max_retries", "max_requests", "max_pending_requests")) >= 1024


def test_every_cluster_ends_in_the_trap(clusters):
    """Priority 1 is the loopback trap, in plain text, and nothing but the lack of any healthy host leads there."""
    for name in ("east", "west", "lone"):
        assignment = clusters[name]["load_assignment"]
        first, second = assignment["endpoints"]
        (trap,) = second["lb_endpoints"]
        assert (first["priority"], second["priority"]) == (0, 1)
        assert trap["endpoint"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 41009}
        assert assignment["policy"]["overprovisioning_factor"] >= 10_000
        assert clusters[name]["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
    plain = clusters["east"]["transport_socket_matches"][0]
    assert plain["match"] == trap["metadata"]["filter_metadata"]["envoy.transport_socket_match"]
    assert plain["transport_socket"]["name"].endswith("raw_buffer")


def test_tls_is_checked_against_a_fixed_name(clusters):
    """SNI and the certificate's name are the target's host, never what a client asked for."""
    tls = clusters["east"]["transport_socket_matches"][1]["transport_socket"]["typed_config"]
    assert tls["sni"] == "runtime.sagemaker.us-east-1.amazonaws.com"
    assert tls["auto_sni_san_validation"] is True
    assert tls["common_tls_context"]["validation_context"]["trusted_ca"]["filename"]
    assert "auto_sni" not in str(clusters["east"]["typed_extension_protocol_options"])


def test_plain_http_has_no_transport_socket(clusters):
    """An emulator is reached without TLS."""
    assert not {"transport_socket", "transport_socket_matches"} & set(clusters["lone"])


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "[::1]"])
def test_an_address_is_no_server_name(settings, host):
    """For an IP address no SNI is sent, and the certificate has to name that address."""
    (cluster,) = target_clusters(settings, [Target("t", "t", ("m",), "r", host=host)])
    tls = cluster["transport_socket_matches"][1]["transport_socket"]["typed_config"]
    assert "sni" not in tls
    (name,) = tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert name == {"san_type": "IP_ADDRESS", "matcher": {"exact": host.strip("[]")}}


def test_only_targets_with_an_alternative_are_ejected(clusters):
    """Outlier detection is for failover groups; the only target of a model stays in use."""
    assert ["outlier_detection" in clusters[name] for name in ("east", "west", "lone")] == [True, True, False]
    assert clusters["east"]["outlier_detection"]["max_ejection_percent"] == 100


def test_the_attempt_filter_comes_before_the_codec(clusters):
    """The upstream chain is both our filters and, last, the codec; upstreams speak HTTP/1.1."""
    options = clusters["east"]["typed_extension_protocol_options"][HTTP_OPTIONS]
    assert [each["name"] for each in options["http_filters"]] == [
        "kt.attempt",
        "kt.first_content",
        "envoy.filters.http.upstream_codec",
    ]
    assert "http_protocol_options" in options["explicit_http_config"]


def test_the_largest_group_counts_targets_by_name(targets):
    """The most targets that answer to one name bound the attempts of a request."""
    assert largest_group(targets) == 2
    assert largest_group(targets[2:]) == 1
    assert largest_group(()) == 1


def test_each_target_has_its_own_time(clusters):
    """For the whole answer, where the router has one time for all; the worker ends a stream before Envoy cuts it."""
    options = [clusters[name]["typed_extension_protocol_options"][HTTP_OPTIONS] for name in ("east", "west")]
    limits = [each["common_http_protocol_options"]["max_stream_duration"] for each in options]
    assert limits == [f"{60 + CUT_AFTER}s", f"{90 + CUT_AFTER}s"]


def test_health_checks_only_connect(settings):
    """No request is sent, for each would have to be signed and paid for; without the setting there is no check."""
    plain = Target("t", "t", ("m",), "r", host="runtime.sagemaker.us-east-1.amazonaws.com")
    checked = replace(plain, id="c", health_check=HealthCheck(5.0, 1.5, 3, 2))
    without, with_check = target_clusters(settings, [plain, checked])
    assert "health_checks" not in without
    assert with_check["health_checks"] == [
        {
            "timeout": "1.5s",
            "interval": "5s",
            "no_traffic_interval": "5s",
            "unhealthy_threshold": 3,
            "healthy_threshold": 2,
            "tcp_health_check": {},
        }
    ]
