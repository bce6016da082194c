"""The cluster of workers."""

from extproc.render.settings import Address
from extproc.render.workers import assignment, fixed, from_file, workers_cluster


def test_each_worker_is_an_endpoint():
    """Workers are endpoints of their own: one shared socket would not be balanced."""
    (group,) = assignment([Address(path="/a"), Address("127.0.0.1", 1)])["endpoints"]
    addresses = [endpoint["endpoint"]["address"] for endpoint in group["lb_endpoints"]]
    assert addresses == [{"pipe": {"path": "/a"}}, {"socket_address": {"address": "127.0.0.1", "port_value": 1}}]


def test_the_cluster_survives_draining_and_hanging_workers(clusters):
    """Health is asked every second even without traffic, and least busy workers come first."""
    workers = clusters["kt.workers"]
    (check,) = workers["health_checks"]
    assert (check["no_traffic_interval"], check["grpc_health_check"]) == ("1s", {})
    assert workers["lb_policy"] == "LEAST_REQUEST"
    assert workers["ignore_health_on_host_removal"] is True


def test_breakers_are_far_above_the_streams_of_a_busy_gateway(clusters):
    """Every open answer holds a request of this cluster: Envoy's default of 1024 is a limit on conversations."""
    (threshold,) = clusters["kt.workers"]["circuit_breakers"]["thresholds"]
    assert min(threshold["max_requests"], threshold["max_pending_requests"], threshold["max_retries"]) >= 100_000


def test_names_are_resolved_and_sockets_are_not():
    """A host name needs DNS, a set of sockets does not."""
    assert fixed([Address(path="/a")])["type"] == "STATIC"
    assert fixed([Address("workers", 1)])["type"] == "STRICT_DNS"


def test_endpoints_can_come_from_a_file():
    """The assignment is then asked for by the cluster's own name."""
    cluster = workers_cluster(from_file({"path_config_source": {"path": "/d/eds.json"}}))
    assert cluster["eds_cluster_config"]["service_name"] == assignment([])["cluster_name"] == cluster["name"]
    assert "load_assignment" not in cluster
