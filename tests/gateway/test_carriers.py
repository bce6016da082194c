"""The gateway over each carrier of gRPC between Envoy and its workers: what goes well, and Envoy or a worker ending."""

import os
import signal
from pathlib import Path

import httpx
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo"}]


@pytest.fixture(params=["h2", "grpc"])
def gateway(gateways, launch, regions, request):
    """A gateway with two workers and all policies."""
    config = launch.pack(launch.target("east", regions[0], "chat"), launch.ENTERPRISE)
    return gateways(config, "--workers", "2", "--transport", request.param)


def envoy(gateway) -> int:
    """The process id of its Envoy."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"envoy" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])


def test_what_goes_well(gateway, answer):
    """A short answer, one of megabytes to a question of megabytes, a stream, and a block on the way in and out."""
    client = gateway.client()

    def ask(content, said, **more):
        return client.chat.completions.create(
            model="chat",
            messages=[{"role": "user", "content": content}],
            extra_body={"emulator": answer(said)},
            **more,
        )

    assert ask("alpha", "hello").choices[0].message.content == "hello"
    long = "word " * 500_000
    assert ask(long, long).choices[0].message.content == long
    stream = ask("alpha", "it is bob@example.com, " * 100, stream=True)
    text = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    assert text == "it is [EMAIL_REDACTED], " * 100
    codes = []
    for content, said in (("AKIAIOSFODNN7EXAMPLE", "hello"), ("alpha", "AKIAIOSFODNN7EXAMPLE")):
        body = {"model": "chat", "messages": [{"role": "user", "content": content}], "emulator": answer(said)}
        codes.append(gateway.http().post("/v1/chat/completions", json=body).json()["error"]["code"])
    assert codes == ["input_blocked", "output_blocked"]


def test_envoy_is_killed_in_the_middle_of_streams(gateway, launch, answer):
    """Every exchange that was open gets its line, as aborted, and the workers serve the next Envoy."""
    body = {"model": "chat", "messages": MESSAGES, "stream": True, "emulator": answer("word " * 2_000, delay_ms=20)}
    workers = gateway.workers()
    opened, ids = [], set()
    for _ in range(6):
        context = gateway.http().stream("POST", "/v1/chat/completions", json=body)
        received = context.__enter__()
        opened.append((context, received.iter_bytes()))
        next(opened[-1][1])
        ids.add(received.headers["x-request-id"])
    os.kill(envoy(gateway), signal.SIGKILL)
    for context, pieces in opened:
        with pytest.raises(httpx.HTTPError):
            list(pieces)
        context.__exit__(None, None, None)
    assert {gateway.audited(each)["outcome"] for each in ids} == {"aborted"}
    launch.eventually(lambda: launch.get(f"{gateway.url}/readyz")[0] == 200)
    assert gateway.http().post("/v1/chat/completions", json={"model": "chat", "messages": MESSAGES}).status_code == 200
    assert gateway.workers() == workers


def test_workers_that_are_replaced_finish_what_they_have(gateway, launch, answer):
    """A stream that is open while its worker is drained goes on to [DONE]; then that worker ends. No request fails."""
    body = {"model": "chat", "messages": MESSAGES, "stream": True, "emulator": answer("word " * 100, delay_ms=60)}
    before = set(gateway.workers())
    with gateway.http().stream("POST", "/v1/chat/completions", json=body) as received:
        pieces = received.iter_bytes()
        first = next(pieces)
        config = gateway.directory / "policy-config.yaml"
        config.write_text(config.read_text().replace("threshold: 0.8", "threshold: 0.9"))
        gateway.process.send_signal(signal.SIGHUP)
        launch.eventually(lambda: "configuration reloaded" in gateway.log())
        client = gateway.http()
        short = {"model": "chat", "messages": MESSAGES}
        statuses = {client.post("/v1/chat/completions", json=short).status_code for _ in range(20)}
        rest = b"".join(pieces)
    assert (first + rest).endswith(b"data: [DONE]\n\n")
    assert statuses == {200}
    launch.eventually(lambda: not before & set(gateway.workers()))
    assert gateway.audited(received.headers["x-request-id"])["outcome"] == "served"
