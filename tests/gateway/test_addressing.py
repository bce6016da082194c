"""Every way to a model, through a real Envoy and unchanged OpenAI clients: both routes, and what stands behind them."""

import base64
import hashlib
import json

import openai
import pytest

pytestmark = pytest.mark.usefixtures("fresh")

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
LARGE = [{"role": "user", "content": "x" * 5000}]
NAMED = {
    "inference_component": "copy-1",
    "target_variant": "blue",
    "target_container": "second",
    "custom_attributes": "accept_eula=true; v=1",
    "inference_id": "request_id",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, regions, launch):
    """One gateway in front of endpoints that are addressed in every way."""
    east, west = regions
    made = [
        launch.target("named", east, "components", model="named", **NAMED),
        launch.target("mme", east, "multi-model", model="mme", target_model="team a/model.tar.gz"),
        launch.target("mme-loading", east, "multi-model", model="loading", target_model="loading.tar.gz"),
        launch.target("mme-loaded", west, "multi-model", model="loading", target_model="other.tar.gz"),
        launch.target("serverless", east, "serverless", model="serverless", streaming=False),
        launch.target("plain", east, "chat", model="plain"),
        # A streaming target fails over to one that cannot stream, and the other way round.
        launch.target("stream-first", east, "throttle", model="to-whole"),
        launch.target("whole-second", west, "serverless", model="to-whole", streaming=False),
        launch.target("whole-first", east, "throttle", model="to-stream", streaming=False),
        launch.target("stream-second", west, "chat", model="to-stream"),
        # The OpenAI route, alone, with a component, and mixed with the other.
        launch.target("native", east, "chat", model="native", route="openai"),
        launch.target("native-copy", east, "components", model="copy", route="openai", inference_component="copy-1"),
        launch.target("native-whole", east, "chat", model="native-whole", route="openai", streaming=False),
        launch.target("native-cut", east, "truncated", model="cut", route="openai"),
        launch.target("signed-first", east, "throttle", model="to-native"),
        launch.target("native-second", west, "chat", model="to-native", route="openai"),
        # Sizes: the first takes 2 KB, the second 4, the third all.
        launch.target("small", east, "chat", model="sizes", max_body_bytes=2000),
        launch.target("large", west, "chat", model="sizes"),
        launch.target("only-small", east, "chat", model="small", max_body_bytes=2000),
        launch.target("smallest", east, "chat", model="small", max_body_bytes=100),
        launch.target("behind-proxy", east, "chat", model="proxied", base_url=f"{east.url}/proxy/v1.0/"),
        launch.target("native-proxied", east, "chat", model="native-proxied", base_url=f"{east.url}/p", route="openai"),
    ]
    for kind in ("internal", "missing", "model-error-503", "model-error-429", "no-capacity", "not-ready", "throttle"):
        made.append(launch.target(f"n-{kind}", east, kind, model=f"n-{kind}", route="openai"))
        made.append(launch.target(f"s-{kind}", west, "chat", model=f"n-{kind}"))
    for kind in ("model-error-400", "model-error-404"):
        made.append(launch.target(f"n-{kind}", east, kind, model=f"n-{kind}", route="openai"))
        made.append(launch.target(f"s-{kind}", west, "chat", model=f"n-{kind}"))
    started = launch.gateway(tmp_path_factory.mktemp("addressing"), launch.pack("".join(made), launch.ENTERPRISE))
    yield started
    assert started.stop() == 0


def asked(gateway, model, *, stream, **more):
    """The text of an answer, the target that gave it, and the raw response."""
    options = {"model": model, "messages": MESSAGES, "stream": stream, **more}
    raw = gateway.client().chat.completions.with_raw_response.create(**options)
    if not stream:
        return raw.parse().choices[0].message.content, raw.headers["x-kt-target"], raw
    assert raw.headers["content-type"] == "text/event-stream; charset=utf-8"
    chunks = list(raw.parse())
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), raw.headers["x-kt-target"], raw


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_behind_an_endpoint_is_found_by_signed_headers(gateway, regions, stream):
    """Component, variant, container, attributes and the request's own id reach SageMaker, each of them signed."""
    text, _, raw = asked(gateway, "named", stream=stream, extra_body={"prompt_cache_key": "user 7"})
    assert text == "alpha bravo"
    (entry,) = regions[0].requests()
    sent = {name: value for name, value in entry["headers"].items() if name.startswith("x-amzn-sagemaker-")}
    sent.pop("x-amzn-sagemaker-accept", None)
    assert sent == {
        "x-amzn-sagemaker-inference-component": "copy-1",
        "x-amzn-sagemaker-target-variant": "blue",
        "x-amzn-sagemaker-target-container-hostname": "second",
        "x-amzn-sagemaker-custom-attributes": "accept_eula=true; v=1",
        "x-amzn-sagemaker-inference-id": raw.headers["x-request-id"],
        "x-amzn-sagemaker-prefix-aware-id": "user 7",
    }
    signed = entry["headers"]["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert set(sent) <= set(signed)


def test_a_prompt_cache_key_that_is_no_id_is_hashed(gateway, regions):
    """Equal keys still meet; nothing of the client's opens a header of its own."""
    key = "ключ\r\nx-amz-date: 1" * 10
    asked(gateway, "plain", stream=False, extra_body={"prompt_cache_key": key})
    sent = regions[0].requests()[-1]["headers"]
    assert sent["x-amzn-sagemaker-prefix-aware-id"] == hashlib.sha256(key.encode()).hexdigest()


@pytest.mark.parametrize("model", ["mme", "serverless", "native-whole"])
def test_a_target_that_cannot_stream_answers_a_stream_request_all_the_same(gateway, regions, model):
    """The container is not asked to stream; the client's stream has content, finish, usage and [DONE]."""
    text, _, _ = asked(gateway, model, stream=True)
    assert text == "alpha bravo"
    assert not {"stream", "stream_options"} & set(regions[0].bodies()[-1])
    request = {"model": model, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    answer = gateway.http().post("/v1/chat/completions", json=request)
    events = answer.text.removesuffix("\n\n").split("\n\n")
    assert events[-1] == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {model}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 2


def test_a_stream_made_of_a_whole_answer_can_have_tools_and_choices(gateway):
    """Tool calls carry their index, every choice its own chunks: the SDK puts them together again."""
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    request = {"messages": [{"role": "user", "content": 'call:{"city":"Paris"}'}], "tools": tools, "n": 2}
    with gateway.client().chat.completions.stream(model="serverless", **request) as stream:
        completion = stream.get_final_completion()
    calls = [choice.message.tool_calls[0].function for choice in completion.choices]
    assert [(call.name, call.arguments) for call in calls] == [("weather", '{"city":"Paris"}')] * 2
    assert [choice.finish_reason for choice in completion.choices] == ["tool_calls"] * 2


def test_policies_judge_a_stream_made_of_a_whole_answer_as_a_whole(gateway, answer):
    """Redacted text comes redacted; a blocked answer is a 409, for nothing of the stream has been sent."""
    body = {"emulator": answer("write to jane@example.com")}
    text, _, _ = asked(gateway, "serverless", stream=True, extra_body=body)
    assert text == "write to [EMAIL_REDACTED]"
    with pytest.raises(openai.ConflictError) as caught:
        asked(gateway, "serverless", stream=True, extra_body={"emulator": answer("key AKIAABCDEFGHIJKLMNOP")})
    assert caught.value.code == "output_blocked"


@pytest.mark.parametrize(
    ("model", "target", "paths"),
    [
        ("to-whole", "whole-second", ("throttle/invocations-response-stream", "serverless/invocations")),
        ("to-stream", "stream-second", ("throttle/invocations", "chat/invocations-response-stream")),
        ("to-native", "native-second", ("throttle/invocations-response-stream", "chat/openai/v1/chat/completions")),
    ],
)
def test_a_group_may_mix_targets_that_stream_with_others_and_both_routes(gateway, regions, model, target, paths):
    """Each attempt has its own operation, body and credentials; the client's stream is whole in every case."""
    assert asked(gateway, model, stream=True)[:2] == ("alpha bravo", target)
    entries = [region.requests()[-1] for region in regions]
    assert tuple(entry["path"].removeprefix("/endpoints/") for entry in entries) == paths
    for entry in entries:
        streams = "stream" in entry["path"] or "openai" in entry["path"]
        assert json.loads(entry["body"]).get("stream", False) is streams


def test_a_model_that_is_loading_fails_over(gateway):
    """A multi-model endpoint's 429 is another region's chance, in a stream request too."""
    assert asked(gateway, "loading", stream=True)[:2] == ("alpha bravo", "mme-loaded")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("native", "/endpoints/chat/openai/v1/chat/completions"),
        ("copy", "/endpoints/components/inference-components/copy-1/openai/v1/chat/completions"),
        ("native-proxied", "/p/endpoints/chat/openai/v1/chat/completions"),
    ],
)
def test_the_openai_route_takes_a_bearer_token(gateway, regions, model, path, stream):
    """No signature headers, no component header; the model's name is empty; the emulator has checked the token."""
    assert asked(gateway, model, stream=stream)[0] == "alpha bravo"
    (entry,) = regions[0].requests()
    assert entry["path"] == path
    assert set(entry["headers"]) == {"host", "content-length", "content-type", "accept", "authorization"}
    scheme, _, token = entry["headers"]["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert token not in gateway.log() + json.dumps(gateway.audit())
    assert b"Action=CallWithBearerToken" in base64.b64decode(token.removeprefix("sagemaker-api-key-"))
    body = json.loads(entry["body"])
    assert body["model"] == ""
    assert next(iter(body)) == "messages"


def test_a_stream_of_the_openai_route_that_breaks_off_ends_with_an_error(gateway):
    """Truncation is an error event and no [DONE], there as in an event stream."""
    request = {"model": "cut", "messages": MESSAGES, "stream": True}
    text = gateway.http().post("/v1/chat/completions", json=request).text
    last = json.loads(text.removesuffix("\n\n").rpartition("data: ")[2])
    assert last["error"]["code"] == "model_stream_error"
    assert "[DONE]" not in text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "kind", ["internal", "missing", "model-error-503", "model-error-429", "no-capacity", "not-ready", "throttle"]
)
def test_the_openai_routes_failures_are_tried_on_the_other_route(gateway, kind, stream):
    """What another target may be spared is spared the client."""
    assert asked(gateway, f"n-{kind}", stream=stream)[:2] == ("alpha bravo", f"s-{kind}")


@pytest.mark.parametrize(("kind", "status"), [("model-error-400", 400), ("model-error-404", 404)])
def test_the_openai_routes_refusals_are_the_containers_own(gateway, regions, kind, status):
    """A container's 4xx comes back at once; account, endpoint and console stay behind."""
    with pytest.raises(openai.APIStatusError) as caught:
        asked(gateway, f"n-{kind}", stream=False)
    assert caught.value.status_code == status
    told = caught.value.response.text
    assert not any(secret in told for secret in ("123456789012", "amazon", "primary", kind))
    assert [len(region.requests()) for region in regions] == [1, 0]
    record = gateway.audited(caught.value.response.headers["x-request-id"])
    assert record["attempts"][0]["status"] == status


def test_targets_that_do_not_take_the_body_are_left_out(gateway):
    """A large request goes at once to the target that takes it, a small one to the first; if none does, it is 413."""
    assert asked(gateway, "sizes", stream=False)[1] == "small"
    _, target, raw = asked(gateway, "sizes", stream=False, messages=LARGE)
    assert target == "large"
    assert gateway.audited(raw.headers["x-request-id"])["planned"] == ["large"]
    with pytest.raises(openai.APIStatusError) as caught:
        asked(gateway, "small", stream=False, messages=LARGE)
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
    assert "2000 bytes" in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_a_path_prefix_is_sent_and_signed(gateway, regions, stream):
    """The emulator verifies the signature over the path that it received, prefix and all."""
    assert asked(gateway, "proxied", stream=stream)[0] == "alpha bravo"
    assert regions[0].requests()[-1]["path"].startswith("/proxy/v1.0/endpoints/chat/invocations")


def test_a_session_sticks_to_its_target_and_is_made_anew_on_failover(gateways, regions, launch):
    """The client carries it: opened by the first answer, kept in streams, another one in the other region."""
    targets = "".join(
        launch.target(f"s-{region.name}", region, "stateful", model="stateful", sessions=True) for region in regions
    )
    gateway = gateways(launch.pack(targets + launch.target("plain", regions[0], "chat")))
    session = {"x-sagemaker-session-id": "new"}
    _, target, raw = asked(gateway, "stateful", stream=False, extra_headers=session)
    assert target == "s-us-east-1"
    first = raw.headers["x-sagemaker-session-id"]
    assert first.startswith("s-us-east-1:us-east-1-")
    for stream in (False, True):
        _, target, raw = asked(gateway, "stateful", stream=stream, extra_headers={"x-sagemaker-session-id": first})
        assert target == "s-us-east-1"
        assert "x-sagemaker-session-id" not in raw.headers
    assert [entry["headers"].get("x-amzn-sagemaker-session-id") for entry in regions[0].requests()] == [
        "NEW_SESSION",
        *[first.partition(":")[2].partition(";")[0]] * 2,
    ]
    fault = json.dumps({"endpoint": "stateful", "kind": "throttle", "times": 1}).encode()
    assert launch.get(f"{regions[0].url}/emulator/faults", method="POST", body=fault)[0] in (200, 204)
    _, target, raw = asked(gateway, "stateful", stream=False, extra_headers={"x-sagemaker-session-id": first})
    second = raw.headers["x-sagemaker-session-id"]
    assert target == "s-us-west-2"
    assert second.startswith("s-us-west-2:us-west-2-")
    # From now on the second region comes first for this client.
    assert asked(gateway, "stateful", stream=True, extra_headers={"x-sagemaker-session-id": second})[1] == "s-us-west-2"
    for model, value in (("plain", "new"), ("stateful", "nonsense")):
        with pytest.raises(openai.BadRequestError):
            asked(gateway, model, stream=False, extra_headers={"x-sagemaker-session-id": value})
