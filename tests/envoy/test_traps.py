"""The traps of Envoy 1.40 that were hit while this gateway was designed, each sprung on the rendered configuration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.runtime import Limits
from extproc.render import envoy as render
from extproc.render.settings import Address

pytestmark = pytest.mark.envoy


def clusters(document):
    """The targets' clusters of a static document."""
    return [each for each in document["static_resources"]["clusters"] if not each["name"].startswith("kt.")]


def manager(document):
    """The clients' HTTP connection manager."""
    return document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def processor(document):
    """The ext_proc filter's own configuration."""
    wrapped = next(each for each in manager(document)["http_filters"] if each["name"].endswith("ext_proc"))
    return wrapped["typed_config"]["extension_config"]["typed_config"]


@pytest.mark.parametrize("ours", [False, True])
def test_concurrent_failovers_survive_the_retry_breaker(rig, ours):
    """With Envoy's default of 3 concurrent retries most of 30 failovers die; with the rendered breakers none does."""
    east, west = rig.upstream("east"), rig.upstream("west")
    east.answer = rig.answer(status=503, delay=0.2)
    west.answer = rig.answer(body=b"west", delay=0.2)

    def defaults(document):
        for cluster in clusters(document):
            cluster.pop("outlier_detection")
            if not ours:
                del cluster["circuit_breakers"]

    rig.start(mutate=defaults)
    served = sum(reply.status == 200 for reply in rig.posts(30))
    assert served == 30 if ours else served < 30


def test_a_route_without_clearing_ignores_the_plan(rig):
    """The order of targets holds only if the answer clears the route cache, which it does only beside a mutation."""
    rig.upstream("east")
    rig.upstream("west")
    rig.start()
    rig.plan = ["west", "east"]

    def ask(clear, mutate):
        def answer(message):
            plain = rig.ask(message)
            plain.request_body.response.clear_route_cache = clear
            if not mutate:
                plain.request_body.response.ClearField("header_mutation")
                plain.request_body.response.ClearField("body_mutation")
            return plain

        return answer

    bodies = {}
    for clear, mutate in ((True, True), (False, True), (True, False)):
        rig.hooks["request_body"] = ask(clear, mutate)
        bodies[clear, mutate] = rig.post().body
    assert bodies == {(True, True): b"west", (False, True): b"east", (True, False): b"east"}


@pytest.mark.parametrize(("trapped", "body"), [(True, b"west"), (False, None)])
def test_a_target_without_a_host_fails_over_through_the_trap(rig, trapped, body):
    """A name that does not resolve is a failed attempt with the trap, and the end of the request without it."""
    rig.upstream("east", listening=False)
    rig.upstream("west")
    east, west = rig.targets

    def untrap(document):
        for cluster in clusters(document):
            del cluster["load_assignment"]["endpoints"][1]

    lost = replace(east, host="no-such-host.invalid")
    rig.start(targets=(lost, west), mutate=None if trapped else untrap)
    reply = rig.post()
    if trapped:
        assert reply.body == body
        assert rig.outcomes()[0] == {"target": "east", "status": 429, "error_type": "NoHealthyHost"}
    else:
        assert reply.status == 503
        assert rig.attributes()["response.code_details"] == "no_healthy_upstream"


def test_the_trap_is_never_ejected_itself(rig):
    """Of many concurrent requests to a target that does not resolve, every one is served by the next target."""
    rig.upstream("east", listening=False)
    rig.upstream("west")
    east, west = rig.targets
    rig.start(targets=(replace(east, host="no-such-host.invalid"), west))
    assert [reply.body for _ in range(3) for reply in rig.posts(20)] == [b"west"] * 60


def test_an_ejected_target_costs_one_hop(rig):
    """After repeated failures a target's only address is ejected: it is not asked, and the next target serves."""
    east, _ = rig.upstream("east"), rig.upstream("west")
    east.answer = rig.answer(status=503)
    rig.start()

    def ejected():
        assert rig.post().body == b"west"
        return rig.outcomes()[0].get("error_type") == "NoHealthyHost"

    rig.wait_for(ejected)
    assert 5 <= len(east.received) < 10


def test_a_lone_target_is_never_ejected(rig):
    """With nowhere else to go, a failing target is asked each time."""
    east = rig.upstream("east")
    east.answer = rig.answer(status=503)
    rig.start()
    for _ in range(12):
        assert rig.post().status == 503
    assert len(east.received) == 12


@pytest.mark.parametrize(("patience", "status"), [(None, 503), (5.0, 200)])
def test_a_slow_worker_is_waited_for(rig, patience, status):
    """A worker that takes 0.4 s has failed by Envoy's default of 200 ms, and not by the rendered message_timeout."""
    rig.upstream("east")

    def default(document):
        if patience is None:
            del processor(document)["message_timeout"]

    rig.start(mutate=default, message_timeout=patience or 1.0)
    rig.hooks["request_body"] = lambda message: rig.later(0.4, rig.ask(message))
    reply = rig.post()
    assert reply.status == status
    if status == 503:
        assert reply.error["code"] == "gateway_unavailable"


@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_large_bodies_pass_whole(rig, size):
    """A body far over Envoy's default buffer of 1 MiB reaches worker and upstream whole, on each attempt."""
    east, west = rig.upstream("east"), rig.upstream("west")
    east.answer = rig.answer(status=503)
    rig.start()
    body = b"x" * size
    assert rig.post(body).body == b"west"
    assert rig.workers[0].seen("request_body")[0].request_body.body == body
    assert [received.body == body for received in (*east.received, *west.received)] == [True, True]


@pytest.mark.parametrize(("claimed", "status"), [(3, 503), (4, 200)])
def test_a_replaced_body_needs_its_length(rig, claimed, status):
    """A replaced answer whose content-length does not fit is never sent, and the client gets an error for it."""
    rig.upstream("east")

    def rewrite(_):
        answer = pb.ProcessingResponse(response_body=pb.BodyResponse())
        answer.response_body.response.body_mutation.body = b"four"
        rig.set_headers(answer.response_body.response.header_mutation, {"content-length": str(claimed)})
        return answer

    rig.hooks["response_body"] = rewrite
    rig.start()
    reply = rig.post()
    assert reply.status == status
    if status == 503:
        assert reply.error["type"] == "server_error"


@pytest.mark.parametrize("phase", ["request_headers", "response_headers"])
@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "host", "connection", "server", "cookie", "x-other", "transfer-encoding"]
)
def test_a_worker_can_write_only_what_is_listed(pair, phase, name):
    """What is not on the list of writable headers stays as it was."""

    def forge(message):
        answer = pair.claim(message) if phase == "request_headers" else pb.ProcessingResponse()
        pair.set_headers(getattr(answer, phase).response.header_mutation, {name: "forged"})
        return answer

    def rejected():
        return pair.call(pair.admin("/stats?filter=ext_proc.rejected_header_mutations")).split(": ")[1].strip()

    before, usual = int(rejected()), pair.hooks[phase]
    pair.hooks[phase] = forge
    try:
        reply = pair.post()
    finally:
        pair.hooks[phase] = usual
    assert reply.status == 200
    assert "forged" not in reply.headers.values()
    assert int(rejected()) == before + 1


def test_a_dead_worker_is_passed_over(rig):
    """With one of two workers dead every request is served by the other."""
    rig.upstream("east")
    rig.add_worker()
    rig.start()
    rig.call(rig.workers[0].stop())
    assert [rig.post().status for _ in range(20)] == [200] * 20


def test_new_workers_are_used_from_a_moved_file(rig):
    """When the file of endpoints is replaced, new exchanges go to the new socket and those under way end on the old."""
    east = rig.upstream("east")
    rig.start(dynamic=True)
    old, new = rig.workers[0], rig.add_worker()
    rig.call(new.start())
    rig.stream_answers()
    east.answer = rig.answer(pieces=(b"first ", b"<gate>", b"second"))
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(rig.post)
        rig.wait_for(lambda: east.received)
        rig.call(rig.envoy.replace({"eds.json": render.endpoints([Address(path=str(new.path))])}))
        east.answer = rig.answer(body=b"after")
        seen = len(old.seen("request_headers"))
        assert rig.post().body == b"after"
        assert (len(old.seen("request_headers")), len(new.seen("request_headers"))) == (seen, 1)
        rig.open_gate(east)
        assert under_way.result().body == b"first second"


def test_new_targets_do_not_disturb_a_stream(rig):
    """A new configuration is used for new exchanges, and a stream of the old one goes on to its end."""
    east, west = rig.upstream("east"), rig.upstream("west")
    rig.start(dynamic=True)
    rig.stream_answers()
    east.answer = rig.answer(pieces=(b"first ", b"<gate>", b"second"))
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(rig.post)
        rig.wait_for(lambda: east.received)
        moved = replace(rig.targets[0], port=west.port, timeout_seconds=90.0)
        documents = render.dynamic(rig.settings, (moved,), Limits(), str(rig.directory))
        rig.call(rig.envoy.replace(documents))
        rig.plan = ["east"]
        assert rig.post().body == b"west"
        rig.open_gate(east)
        assert under_way.result().body == b"first second"


def test_a_stream_can_be_ended_in_the_middle(rig):
    """An early end of stream ends the answer cleanly, and the upstream sees its connection cut."""
    east = rig.upstream("east")
    east.answer = rig.answer(pieces=(b"good ", b"bad", b"<stop>"))
    rig.start()
    rig.stream_answers(until=b"bad")
    reply = rig.post()
    assert (reply.status, reply.body, reply.complete) == (200, b"good END", True)
    rig.wait_for(lambda: east.cut)
    assert east.cut == 1


def test_the_ext_proc_cluster_takes_more_than_a_thousand_streams(rig):
    """Exchanges beyond a breaker on the workers' cluster would fail; the rendered one is far above Envoy's 1024."""
    rig.upstream("east")
    rig.start()
    dump = rig.call(rig.admin("/clusters"))
    limits = [
        line.rsplit("::", 1)[1] for line in dump.splitlines() if "kt.workers::default_priority::max_requests" in line
    ]
    assert [int(limit) >= 100_000 for limit in limits] == [True]
