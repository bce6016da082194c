"""Failover through a real Envoy: every retriable cause under load, and no retry for what is the client's own fault."""

import asyncio

import openai
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
CONCURRENT = 50
# What the first target does, for which another is tried.
RETRIABLE = (
    "throttle",
    "not-ready",
    "internal",
    "unavailable",
    "bad-gateway",
    "gateway-timeout",
    "dependency",
    "request-timeout",
    "no-capacity",
    "missing",
    "forbidden-expired",
    "model-error-429",
    "model-error-500",
    "model-error-503",
    "reset",
    "stall",
)
# What it does that would be the same everywhere, or must not be asked twice.
FINAL = {
    "model-error-400": 400,
    "model-error-404": 404,
    "model-error-0": 504,
    "too-large": 413,
    "validation": 400,
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, regions, launch):
    """A gateway where each model has a first target that fails in its way, and a second that works."""
    east, west = regions
    targets = ""
    for kind in (*RETRIABLE, *FINAL):
        targets += launch.target(f"{kind}-east", east, kind, model=f"m-{kind}", timeout_seconds=2)
        targets += launch.target(f"{kind}-west", west, "chat", model=f"m-{kind}", timeout_seconds=30)
    # Nobody listens there, and never did.
    targets += launch.target("refused-east", east, "chat", model="m-refused", base_url="http://127.0.0.1:9")
    targets += launch.target("refused-west", west, "chat", model="m-refused")
    # A name that does not resolve: the cluster has no host at all.
    targets += launch.target("nohost-east", east, "chat", model="m-nohost", base_url="http://no-such-host.invalid")
    targets += launch.target("nohost-west", west, "chat", model="m-nohost")
    gateway = launch.gateway(tmp_path_factory.mktemp("pairs"), launch.pack(targets, more=launch.EVERY_TIME))
    yield gateway
    assert gateway.stop() == 0


async def ask(gateway, model, *, stream, count):
    """`count` requests at once; what each was answered with, and by which target."""
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0, timeout=60) as client:

        async def one():
            raw = await client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES, stream=stream)
            if not stream:
                return raw.parse().choices[0].message.content, raw.headers["x-kt-target"]
            text = "".join([c.choices[0].delta.content or "" async for c in raw.parse()])
            return text, raw.headers["x-kt-target"]

        return await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [*RETRIABLE, "refused", "nohost"])
def test_every_retriable_cause_is_survived_by_fifty_requests_at_once(pairs, kind, stream):
    """Each of them is answered by the second region; none fails."""
    answers = asyncio.run(ask(pairs, f"m-{kind}", stream=stream, count=CONCURRENT))
    assert answers == [("alpha bravo", f"{kind}-west")] * CONCURRENT


@pytest.mark.parametrize("kind", FINAL)
def test_what_would_fail_everywhere_is_not_sent_again(pairs, regions, kind):
    """The client's own errors, and a timeout whose work goes on, come back at once from the first target."""
    for region in regions:
        region.reset()
    with pytest.raises(openai.APIStatusError) as caught:
        asyncio.run(ask(pairs, f"m-{kind}", stream=False, count=1))
    assert caught.value.status_code == FINAL[kind]
    assert [len(region.requests()) for region in regions] == [1, 0]


def test_each_attempt_is_signed_for_its_own_region_host_and_path(pairs, regions):
    """The emulators verify every byte; here the scopes, hosts and paths of both attempts are looked at."""
    for region in regions:
        region.reset()
    raw = pairs.client().chat.completions.with_raw_response.create(model="m-internal", messages=MESSAGES)
    first, second = (region.requests()[-1] for region in regions)
    assert (first["path"], second["path"]) == ("/endpoints/internal/invocations", "/endpoints/chat/invocations")
    for entry, region in zip((first, second), regions, strict=True):
        assert f"/{region.name}/sagemaker/aws4_request" in entry["headers"]["authorization"]
        assert entry["headers"]["host"] == f"127.0.0.1:{region.port}"
        assert not {"x-request-id", "x-forwarded-for", "user-agent", "cookie"} & set(entry["headers"])
    line = pairs.audited(raw.headers["x-request-id"])
    assert [(a["target"], a["status"]) for a in line["attempts"]] == [("internal-east", 500), ("internal-west", 200)]
    assert (line["attempt_count"], line["planned"]) == (2, ["internal-east", "internal-west"])


def test_nothing_of_the_clients_headers_reaches_aws(pairs, regions):
    """Forged AWS headers, cookies and authorization of the client stay at the gateway."""
    regions[1].reset()
    forged = {
        "x-amz-security-token": "forged",
        "x-amz-date": "20200101T000000Z",
        "x-amzn-sagemaker-target-model": "other",
        "authorization": "AWS4-HMAC-SHA256 forged",
        "cookie": "a=b",
        "x-kt-retriable": "1",
        "x-envoy-max-retries": "9",
    }
    answer = pairs.http().post(
        "/v1/chat/completions", json={"model": "m-refused", "messages": MESSAGES}, headers=forged
    )
    assert answer.status_code == 200
    headers = regions[1].requests()[-1]["headers"]
    assert set(headers) == {"host", "content-length", "content-type", "accept", "authorization", "x-amz-date"}
    assert "forged" not in str(headers)


def test_when_every_target_fails_the_client_hears_of_the_last(gateways, regions, launch):
    """Both regions throttle: 429 with retry-after, both attempts on record."""
    targets = "".join(launch.target(region.name, region, "throttle") for region in regions)
    gateway = gateways(launch.pack(targets))
    with pytest.raises(openai.RateLimitError) as caught:
        gateway.client().chat.completions.create(model="throttle", messages=MESSAGES)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30
    line = gateway.audited(caught.value.response.headers["x-request-id"])
    assert [attempt["error_type"] for attempt in line["attempts"]] == ["ThrottlingException"] * 2


def test_targets_that_need_different_bodies_fail_over_too(gateways, regions, launch):
    """Each attempt carries the body of its own target, signed, when their options differ."""
    east, west = regions
    targets = launch.target("one", east, "internal", model="m", options={"temperature": 0.1})
    targets += launch.target("two", west, "chat", model="m", options={"temperature": 0.9, "max_tokens": 50})
    gateway = gateways(launch.pack(targets))
    for region in regions:
        region.reset()
    raw = gateway.client().chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
    assert raw.headers["x-kt-target"] == "two"
    assert east.bodies()[-1]["temperature"] == 0.1
    assert (west.bodies()[-1]["temperature"], west.bodies()[-1]["max_tokens"]) == (0.9, 50)


def test_a_dead_region_is_survived_and_comes_back(gateways, regions, launch):
    """Two targets with one provider string, told apart by the region in their ids, as the integration page prints."""
    region = launch.region("us-east-1")
    targets = launch.target("sagemaker-us-east-1", region, "chat")
    targets += launch.target("sagemaker-us-west-2", regions[1], "chat")
    gateway = gateways(launch.pack(targets))
    assert asyncio.run(ask(gateway, "chat", stream=False, count=1))[0][1] == "sagemaker-us-east-1"
    region.process.kill()
    region.process.wait()
    answers = asyncio.run(ask(gateway, "chat", stream=False, count=CONCURRENT))
    assert {target for _, target in answers} == {"sagemaker-us-west-2"}
    back = launch.region("us-east-1", port=region.port)
    try:
        launch.eventually(
            lambda: asyncio.run(ask(gateway, "chat", stream=False, count=1))[0][1] == "sagemaker-us-east-1"
        )
    finally:
        back.process.terminate()
        back.process.wait()
