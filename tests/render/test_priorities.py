"""Clusters and routes for an Envoy before 1.40. What they do is tested in tests/gateway/test_older_envoy.py."""

from dataclasses import replace

import pytest

from extproc.config.runtime import Limits
from extproc.render.clusters import HTTP_OPTIONS, target_clusters
from extproc.render.envoy import static
from extproc.render.priorities import MOST_TARGETS, order_clusters, ordered_routes

OLD = (1, 38)


@pytest.fixture
def older(settings, targets):
    """The clusters for 1.38 by name."""
    return {cluster["name"]: cluster for cluster in order_clusters(settings, targets, OLD)}


def test_each_order_is_a_cluster(older):
    """Two targets of one model make four, a lone one its own."""
    assert sorted(older) == ["east", "east,west", "lone", "west", "west,east"]


def test_a_cluster_has_its_targets_by_priority(older):
    """The first is tried first; each host says whose it is, and the trap is gone."""
    for name, cluster in older.items():
        hosts = [(group["priority"], group["lb_endpoints"]) for group in cluster["load_assignment"]["endpoints"]]
        assert [priority for priority, _ in hosts] == list(range(len(hosts)))
        ids = [host["metadata"]["filter_metadata"]["kt"]["target"] for _, (host,) in hosts]
        assert ",".join(ids) == cluster["load_assignment"]["cluster_name"] == name


def test_a_host_has_the_transport_of_its_target(older):
    """By the endpoint's metadata: TLS with the target's own name; a target without TLS matches nothing."""
    sockets = {socket["name"]: socket for socket in older["west,east"]["transport_socket_matches"]}
    assert [(name, socket["match"]) for name, socket in sockets.items()] == [
        ("west", {"target": "west"}),
        ("east", {"target": "east"}),
    ]
    assert [socket["transport_socket"]["typed_config"]["sni"] for socket in sockets.values()] == [
        "runtime.sagemaker.us-west-2.amazonaws.com",
        "runtime.sagemaker.us-east-1.amazonaws.com",
    ]
    host = older["west,east"]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    assert host["metadata"]["filter_metadata"]["envoy.transport_socket_match"] == {"target": "west"}
    assert "transport_socket_matches" not in older["lone"]


def test_the_attempts_target_is_named_before_the_script_runs(older):
    """One script for all targets of a cluster, after the filter that reads the chosen host."""
    named, attempt, codec = older["east,west"]["typed_extension_protocol_options"][HTTP_OPTIONS]["http_filters"]
    (mutation,) = named["typed_config"]["mutations"]["request_mutations"]
    assert mutation["append"]["header"] == {"key": "x-kt-target", "value": "%UPSTREAM_METADATA(kt:target)%"}
    source = attempt["typed_config"]["default_source_code"]["inline_string"]
    assert source.startswith("local TARGET = nil\nlocal WAITS = true\n")
    assert '"x-kt-target"' in source
    assert codec["name"] == "envoy.filters.http.upstream_codec"


def test_before_1_37_no_answer_is_held_back(settings, targets):
    """A retry of an answer that an upstream filter held would end Envoy."""
    for cluster in order_clusters(settings, targets, (1, 36)):
        filters = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]["http_filters"]
        assert "local WAITS = false\n" in filters[1]["typed_config"]["default_source_code"]["inline_string"]


def test_the_rest_is_as_for_the_newest(settings, targets, older):
    """Limits, times, ejection and the like are those of the first target's cluster."""
    newest = {cluster["name"]: cluster for cluster in target_clusters(settings, targets)}
    own = {"name", "load_assignment", "transport_socket_matches", "typed_extension_protocol_options"}
    for name, cluster in older.items():
        first = newest[name.partition(",")[0]]
        assert {key: cluster[key] for key in cluster if key not in own} == {
            key: first[key] for key in first if key not in own
        }
        assert cluster["load_assignment"]["policy"] == first["load_assignment"]["policy"]


def test_the_route_takes_the_order_that_the_worker_names(settings, targets):
    """And each attempt leaves out the priorities that were tried; all else is as in the newest route."""
    limits = Limits()
    (host,) = ordered_routes(settings, targets, limits)["virtual_hosts"]
    route = host["routes"][0]["route"]
    assert route["cluster_header"] == "x-kt-order"
    retries = route["retry_policy"]
    assert retries["retry_priority"]["typed_config"]["update_frequency"] == 1
    assert "refresh_cluster_on_retry" not in retries
    assert (retries["num_retries"], retries["per_try_timeout"], route["timeout"]) == (2, "90s", "185s")


def test_targets_of_different_kinds_are_no_group(settings, targets):
    """A model's name for chats and for embeddings makes no order of both."""
    mixed = (targets[0], replace(targets[1], kind="embedding"))
    assert [cluster["name"] for cluster in order_clusters(settings, mixed, OLD)] == ["east", "west"]


def test_more_targets_than_orders_can_be_rendered_for_are_refused(settings, targets):
    """The message names the model; the limit itself is served, by 192 clusters."""
    many = tuple(replace(targets[0], id=f"t{number}", models=("m", f"t{number}")) for number in range(MOST_TARGETS + 1))
    assert len(order_clusters(settings, many[:-1], OLD)) == 192
    with pytest.raises(ValueError, match="'m' has 7 targets"):
        order_clusters(settings, many, OLD)


def test_older_documents_have_no_trap(settings, targets):
    """A target without a host is passed over by its priority."""
    listeners = static(settings, targets, Limits(), version=OLD)["static_resources"]["listeners"]
    assert [listener["name"] for listener in listeners] == ["kt"]


@pytest.mark.parametrize(("version", "limit"), [((1, 36), 2_000), ((1, 37), 1_048_576)])
def test_before_1_37_the_listener_holds_whole_bodies(settings, targets, version, limit):
    """The route's limit is not yet known when the worker is asked."""
    document = static(settings, targets, Limits(max_body_bytes=1_000, max_response_bytes=2_000), version=version)
    assert document["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] == limit


def test_orders_reach_over_groups_that_follow_each_other(settings, targets):
    """A request of a model group may go on to another model's targets: those orders have clusters, too."""
    one, other = replace(targets[0], id="a", models=("a",)), replace(targets[0], id="b", models=("b",))
    assert {cluster["name"] for cluster in order_clusters(settings, (one, other), OLD)} == {"a", "b"}
    found = {cluster["name"] for cluster in order_clusters(settings, (one, other), OLD, ((one, other),))}
    assert found == {"a", "b", "a,b", "b,a"}
