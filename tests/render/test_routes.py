"""The route."""


def test_buffers_follow_the_limits(route):
    """The larger of both limits bounds what Envoy holds: one setting serves both directions."""
    assert route["request_body_buffer_limit"] == 2_000


def test_the_plan_orders_the_targets(route):
    """The order is the worker's, by metadata; each group is a target's cluster, chosen anew for every attempt."""
    specifier = route["routes"][0]["route"]["inline_cluster_specifier_plugin"]["extension"]["typed_config"]
    assert specifier["override_metadata_namespace"] == "kt.plan"
    names = [(group["name"], group["clusters"][0]["cluster_name"]) for group in specifier["priority_groups"]]
    assert names == [("east", "east"), ("west", "west"), ("lone", "lone")]
    assert route["routes"][0]["route"]["retry_policy"]["refresh_cluster_on_retry"] is True


def test_what_is_retried(route):
    """Connection faults, and of the answers those that attempt.lua marks: each target once, and one once more."""
    policy = route["routes"][0]["route"]["retry_policy"]
    assert set(policy["retry_on"].split(",")) == {"reset", "connect-failure", "refused-stream", "retriable-headers"}
    assert policy["retriable_headers"] == [{"name": "x-kt-retriable", "string_match": {"exact": "1"}}]
    assert policy["num_retries"] == 2


def test_default_times_cover_the_slowest_target(route):
    """Without a word from the worker an attempt has the longest timeout, a request that for each attempt."""
    action = route["routes"][0]["route"]
    assert action["retry_policy"]["per_try_timeout"] == "90s"
    assert action["timeout"] == "185s"
    assert action["idle_timeout"] == "300s"


def test_redirects_are_not_followed(route):
    """Signed requests go where they were signed for, and nowhere else."""
    assert not [key for key in route["routes"][0]["route"] if "redirect" in key]
