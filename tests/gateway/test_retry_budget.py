"""The budget on retries: an outage is not multiplied, and a dead region costs nobody an answer."""

import pytest

pytestmark = pytest.mark.usefixtures("fresh")

BODY = {"model": "m", "messages": [{"role": "user", "content": "alpha"}]}
REQUESTS = 60


@pytest.fixture
def gateway(gateways, launch, regions):
    """One worker, so that one budget sees all requests; the first region always fails, the second if told to."""
    east, west = regions
    targets = launch.target("east", east, "throttle", model="m") + launch.target("west", west, "chat", model="m")
    return gateways(launch.pack(targets), "--workers", "1")


def test_where_all_targets_fail_few_requests_are_sent_twice(gateway, regions):
    """The load on each region stays near to what it would be without failover; the client's answer is the same."""
    http = gateway.http()
    statuses = {
        http.post("/v1/chat/completions", json={**BODY, "emulator": {"fault": "throttle"}}).status_code
        for _ in range(REQUESTS)
    }
    assert statuses == {429}
    sent = [len(region.requests()) for region in regions]
    assert sum(sent) < 1.75 * REQUESTS
    assert max(sent) <= REQUESTS


def test_where_one_is_sound_every_request_is_sent_on(gateway):
    """However many first attempts fail."""
    http = gateway.http()
    assert [http.post("/v1/chat/completions", json=BODY).status_code for _ in range(REQUESTS)] == [200] * REQUESTS
