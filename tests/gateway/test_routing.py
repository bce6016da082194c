"""Routing through a real Envoy: which region is asked, in which order, and which one is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import openai
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
pytestmark = pytest.mark.usefixtures("fresh")
AUDITED = "policies: {chain: [audit-logger]}\n"


@pytest.fixture
def routed(launch, gateways, regions):
    """Start a gateway in front of a target in each region, with these sections of `providers`."""

    def start(sections="", *, east="chat", west="chat", policies=AUDITED, workers=2, more=({}, {})):
        targets = launch.target("east", regions[0], east, **{"model": "m", **more[0]})
        targets += launch.target("west", regions[1], west, **{"model": "m", **more[1]})
        config = launch.pack(targets, policies).replace("providers:\n", f"providers:\n{sections}", 1)
        admin = launch.free_port()
        gateway = gateways(config, "--workers", str(workers), "--admin", f"127.0.0.1:{admin}")
        gateway.page = f"http://127.0.0.1:{admin}/keeptrusts/providers/metrics"
        return gateway

    return start


def ask(client, model="m", **request):
    """One request: the raw answer."""
    return client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES, **request)


def served(client, count, **request):
    """How many of so many requests each target served."""
    return Counter(ask(client, **request).headers["x-kt-target"] for _ in range(count))


def state(launch, gateway, target):
    """What the metrics page says of a target."""
    status, body = launch.get(gateway.page)
    assert status == 200
    return next(entry for entry in json.loads(body)["targets"] if entry["id"] == target)


def test_ordered_asks_the_first_target_only(routed, regions):
    """Without a strategy, the second region sees nothing while the first one answers."""
    gateway = routed()
    assert served(gateway.client(), 10) == {"east": 10}
    assert len(regions[1].requests()) == 0


def test_round_robin_asks_each_in_turn(routed, regions):
    """Of one worker's requests, every other one reaches each region."""
    gateway = routed("  routing: {strategy: round-robin}\n", workers=1)
    assert served(gateway.client(), 10) == {"east": 5, "west": 5}
    assert [len(region.requests()) for region in regions] == [5, 5]


def test_weights_are_kept(routed):
    """A target with nine tenths of the weight is asked far more often; one without any is not asked."""
    gateway = routed("  routing: {strategy: weighted}\n", more=({"weight": 9}, {"weight": 1}))
    assert served(gateway.client(), 60)["east"] > 40
    none = routed("  routing: {strategy: weighted}\n", more=({"weight": 0}, {"weight": 1}))
    assert served(none.client(), 20) == {"west": 20}


def test_the_faster_target_is_found(routed):
    """Both are measured once by each other's turn, and then the faster one is asked."""
    gateway = routed("  routing: {strategy: lowest_latency}\n", east="chat--delay300")
    served(gateway.client(), 6)
    assert served(gateway.client(), 10) == {"west": 10}


def test_the_cheaper_target_is_asked(routed):
    """Prices decide, for the request as long as it is."""
    dear, cheap = {"pricing": {"input": 5, "output": 5}}, {"pricing": {"input": 1, "output": 1}}
    assert served(routed("  routing: {strategy: cost}\n", more=(dear, cheap)).client(), 5) == {"west": 5}


def test_the_idle_target_is_asked(routed, launch):
    """While a stream is open at one target, requests of every worker go to the other."""
    gateway = routed("  routing: {strategy: least_in_flight}\n", east="chat--delay50", west="chat--delay50")
    client = gateway.client()
    stream = client.chat.completions.create(
        model="m", messages=MESSAGES, stream=True, extra_body={"emulator": {"tokens": 100_000}}
    )
    next(iter(stream))

    def busy():
        return {name: state(launch, gateway, name)["in_flight"] for name in ("east", "west")}

    counts = launch.eventually(lambda: busy() if sum(busy().values()) == 1 else None)
    idle = min(counts, key=counts.get)
    quick = {"emulator": {"delay_ms": 0}}
    # A worker looks for others' observations once a second.
    assert launch.eventually(lambda: served(gateway.client(), 10, extra_body=quick) == {idle: 10})
    stream.close()
    launch.eventually(lambda: sum(busy().values()) == 0)


def test_a_client_stays_at_its_target(routed):
    """The configured header decides, at every worker, and its value stands nowhere; without it `user` does nothing."""
    gateway = routed("  routing: {strategy: sticky, sticky: {header: X-Session-Id}}\n")
    client = gateway.client()
    homes = {}
    for name in (f"session-secret-{number}" for number in range(8)):
        homes[name] = served(client, 4, extra_headers={"x-session-id": name})
    assert all(len(home) == 1 for home in homes.values())
    assert {target for home in homes.values() for target in home} == {"east", "west"}
    assert "session-secret" not in json.dumps(gateway.audit())


def test_a_user_stays_at_its_target(routed):
    """Without a header in the configuration, the request's `user` decides."""
    client = routed("  routing: {strategy: sticky}\n").client()
    assert all(len(served(client, 4, user=f"user-{number}")) == 1 for number in range(5))


def test_a_throttled_target_is_left_alone(routed, regions, launch):
    """Once throttled, a region is not asked again until its rest is over; the clients notice nothing."""
    gateway = routed(east="throttle", workers=1)
    first = ask(gateway.client())
    assert first.headers["x-kt-target"] == "west"
    assert served(gateway.client(), 10) == {"west": 10}
    page = state(launch, gateway, "east")
    asked = len(regions[0].requests())
    assert asked == page["failures"]["throttled"] < 5
    line = gateway.audited(first.headers["x-request-id"])
    assert line["routing"] == {"strategy": "ordered", "order": ["east", "west"]}
    later = [entry["routing"] for entry in gateway.audit() if entry["routing"].get("reasons")]
    assert {"strategy": "ordered", "order": ["west", "east"], "reasons": {"east": "resting"}} in later


def test_the_breaker_opens_and_half_opens(routed, regions, launch):
    """After its failures a region is asked no more; after the cooldown one request probes it, and it is used again."""
    breaker = "  circuit_breaker: {failure_threshold: 3, cooldown_seconds: 2}\n"
    gateway = routed(breaker, workers=2)
    client = gateway.client()
    broken = {"extra_body": {"emulator": {"fault": "internal"}}}
    for _ in range(8):
        with pytest.raises(openai.InternalServerError):
            ask(client, **broken)
    opened = state(launch, gateway, "east")
    assert (opened["state"], opened["obstacle"]) == ("open", "open")
    regions[0].reset()
    assert ask(client).headers["x-kt-target"] in {"east", "west"}
    launch.eventually(lambda: state(launch, gateway, "east")["state"] != "open")
    launch.eventually(lambda: ask(client).headers["x-kt-target"] == "east")
    assert state(launch, gateway, "east")["state"] == "closed"


def test_a_dead_region_costs_its_threshold_only(routed, regions, launch):
    """Of many requests, all are served, and a region that fails always sees only as many as open its breaker."""
    gateway = routed("  circuit_breaker: {failure_threshold: 3, cooldown_seconds: 600}\n", east="internal", workers=2)
    assert served(gateway.client(), 40) == {"west": 40}
    page = state(launch, gateway, "east")
    assert page["state"] == "open"
    assert len(regions[0].requests()) == page["failures"]["server_error"] <= 5


@pytest.mark.parametrize("sections", ["  health_check: {interval_seconds: 0.2}\n", ""], ids=["all", "own"])
def test_a_region_that_is_gone_is_known_before_anybody_asks(routed, launch, sections):
    """Envoy looks after it by itself: requests pass it over without an attempt, and return when it does."""
    own = launch.region("us-east-1")
    check = {} if sections else {"health_check": {"interval_seconds": 0.2}}
    gateway = routed(f"  circuit_breaker: {{enabled: false}}\n{sections}", more=({"base_url": own.url, **check}, {}))
    client = gateway.client()

    def tried():
        """The targets that a request asked, with what came of it; none when a busy machine failed a check of both."""
        try:
            answer = ask(client)
        except openai.InternalServerError:
            return []
        line = gateway.audited(answer.headers["x-request-id"])
        return [(attempt["target"], attempt.get("error_type")) for attempt in line["attempts"]]

    assert tried() == [("east", "")]
    own.process.kill()
    own.process.wait(30)
    launch.eventually(lambda: tried() == [("east", "NoHealthyHost"), ("west", "")])
    again = launch.region("us-east-1", port=own.port)
    launch.eventually(lambda: tried() == [("east", "")])
    again.process.kill()
    again.process.wait(30)


def test_a_component_without_a_copy_is_woken_while_others_serve(routed, regions, launch):
    """A scaled-to-zero component gets one request now and then, which wakes it; its clients are served elsewhere."""
    gateway = routed(east="components", workers=2, more=({"inference_component": "empty-copy"}, {}))
    client = gateway.client()
    assert served(client, 20) == {"west": 20}
    assert (state(launch, gateway, "east")["state"], len(regions[0].requests())) == ("asleep", 1)
    launch.eventually(lambda: served(client, 1) == {"west": 1} and len(regions[0].requests()) > 1)
    assert len(regions[0].requests()) <= 3


def test_explain_knows_what_the_gateway_knows(routed, launch):
    """`kt explain --admin` orders the targets as the running gateway would, and says why."""
    gateway = routed("  circuit_breaker: {failure_threshold: 1, cooldown_seconds: 600}\n", east="internal")
    ask(gateway.client())
    launch.eventually(lambda: state(launch, gateway, "east")["state"] == "open")
    explained = subprocess.run(
        [
            *(sys.executable, "-m", "extproc", "explain", "--json"),
            *("--policy-config", gateway.directory / "policy-config.yaml"),
            *("--admin", gateway.page.split("/")[2]),
        ],
        input=json.dumps({"model": "m", "messages": MESSAGES}).encode(),
        capture_output=True,
        check=True,
    )
    routing = json.loads(explained.stdout)["routing"]
    assert routing == {"strategy": "ordered", "order": ["west", "east"], "reasons": {"east": "open"}}


def test_workers_share_what_they_know_over_a_reload_and_a_kill(routed, regions, launch):
    """An open breaker stays open for the workers of a new configuration, and for the successor of a killed one."""
    gateway = routed("  circuit_breaker: {failure_threshold: 1, cooldown_seconds: 600}\n", east="internal")
    ask(gateway.client())
    launch.eventually(lambda: state(launch, gateway, "east")["state"] == "open")
    config = gateway.directory / "policy-config.yaml"
    config.write_text(config.read_text().replace("1.0.0", "1.0.1"))
    gateway.process.send_signal(signal.SIGHUP)
    launch.eventually(lambda: "configuration reloaded" in gateway.log())
    victim = launch.eventually(gateway.workers)[-1]
    os.kill(victim, signal.SIGKILL)
    launch.eventually(lambda: victim not in gateway.workers())
    regions[0].reset()
    assert served(gateway.client(max_retries=5), 10) == {"west": 10}
    assert regions[0].requests() == []
    assert state(launch, gateway, "east")["in_flight"] == 0


def test_only_open_targets_are_tried_all_the_same(routed, regions):
    """With every breaker open, a request still goes to a target: nothing is refused unasked."""
    breaker = "  circuit_breaker: {failure_threshold: 1, cooldown_seconds: 600}\n"
    gateway = routed(breaker, east="internal", west="internal", workers=1)
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            ask(gateway.client())
    assert [len(region.requests()) for region in regions] == [3, 3]


def test_no_target_sees_data_that_it_may_not(routed, regions):
    """Of two targets only the one that promises to keep nothing is asked; with none left the request is refused."""
    policies = (
        "policies: {chain: [data-routing-policy, audit-logger]}\n"
        "policy: {data-routing-policy: {require_zero_data_retention: true}}\n"
    )
    gateway = routed(policies=policies, more=({}, {"zdr": True}))
    raw = ask(gateway.client())
    assert raw.headers["x-kt-target"] == "west"
    assert gateway.audited(raw.headers["x-request-id"])["routing"]["reasons"] == {"east": "data-routing-policy"}
    with pytest.raises(openai.ConflictError) as refused:
        ask(gateway.client(), "east")
    assert refused.value.body["policy"] == "data-routing-policy"
    assert refused.value.code == "input_blocked"
    assert len(regions[0].requests()) == 0
    line = gateway.audited(refused.value.response.headers["x-request-id"])
    assert (line["verdict"], line["block"]["policy"]) == ("block", "data-routing-policy")


def test_a_group_falls_back_to_another_model(routed, regions):
    """The fallback group's container sees its own model's name, the client its own, and x-kt-target the truth."""
    groups = (
        "  model_groups:\n"
        "    - {name: big, targets: [east], aliases: [best], fallback_group: small}\n"
        "    - {name: small, targets: [west]}\n"
    )
    models = ({"model": "large", "upstream_model": "llama-70b"}, {"model": "little", "upstream_model": "llama-8b"})
    gateway = routed(groups, east="internal", more=models)
    raw = ask(gateway.client(), "best")
    assert (raw.headers["x-kt-target"], raw.parse().model) == ("west", "best")
    assert [region.bodies()[-1]["model"] for region in regions] == ["llama-70b", "llama-8b"]
    listed = [model.id for model in gateway.client().models.list()]
    assert listed == ["big", "small", "large", "little"]


@pytest.mark.parametrize(
    ("fallback", "endpoint", "asked"),
    [
        ("{max_fallback_attempts: 0}", "internal", [1, 0]),
        ("{enabled: false}", "internal", [1, 0]),
        ("{triggers: [rate_limit]}", "internal", [1, 0]),
        ("{triggers: [rate_limit]}", "reset", [1, 0]),
        ("{triggers: [service_unavailable]}", "internal", [1, 1]),
        ("{triggers: [timeout]}", "stall", [1, 1]),
        ("{triggers: [rate_limit, server_error]}", "stall", [1, 0]),
    ],
)
def test_what_a_request_goes_on_from(routed, regions, fallback, endpoint, asked):
    """The triggers and the number of attempts bound what a request may do: nothing else reaches the second region."""
    short = {"timeout_seconds": 1} if endpoint == "stall" else {}
    gateway = routed(f"  fallback: {fallback}\n", east=endpoint, workers=1, more=(short, short))
    if asked[1]:
        assert ask(gateway.client()).headers["x-kt-target"] == "west"
    else:
        with pytest.raises(openai.APIStatusError):
            ask(gateway.client())
    assert [len(region.requests()) for region in regions] == asked
