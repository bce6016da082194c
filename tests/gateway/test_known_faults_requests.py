"""The known faults of other gateways in front of SageMaker, by number: what is asked, of whom, and signed by whom.

Rows 13, 15, 16, 18 to 24, 28 and 33; row 17 is in test_known_faults_credentials.py. A test's sentence is what a correct
gateway does.
"""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import openai
import pytest
import yaml

from extproc.cli import main
from extproc.emulator.prompts import spell
from extproc.emulator.server import Emulator, EmulatorThread
from extproc.routing.targets import Credentials

pytestmark = pytest.mark.usefixtures("fresh")

MESSAGES = [{"role": "user", "content": "alpha bravo"}]
DIALOG = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "alpha bravo"},
]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
# Emulated container → the target's fields.
TEXT = {
    "tgi": {"format": "tgi", "prompt_template": "llama3"},
    "lmi": {"format": "lmi", "prompt_template": "chatml"},
    "lmi-rolling": {"format": "lmi", "prompt_template": "mistral"},
    "lmi-dynamic": {"format": "lmi-dynamic-batch", "prompt_template": "falcon"},
    "llama2": {"format": "jumpstart-llama2", "accept_eula": True},
    "bedrock": {"format": "bedrock-marketplace", "prompt_template": "llama3"},
}


@pytest.fixture(scope="module")
def known(tmp_path_factory, regions, launch):
    """A gateway with every policy, in front of what each row needs."""
    east, west = regions
    component = {"inference_component": "copy-1"}
    made = [
        launch.target("signed-copy", east, "components", model="copy", **component),
        launch.target("native-copy", east, "components", model="native-copy", route="openai", **component),
        launch.target("no-copy", east, "components", model="no-copy"),
        launch.target("plain", east, "chat", model="public-name"),
        launch.target("named", east, "chat", model="public-named", upstream_model="its-own-name"),
        launch.target("native", east, "chat", model="public-native", route="openai"),
        launch.target("first", east, "internal", model="changed"),
        launch.target("second", west, "lmi-second", model="changed", **TEXT["lmi"]),
        *(launch.target(kind, east, kind, **fields) for kind, fields in TEXT.items()),
    ]
    gateway = launch.gateway(tmp_path_factory.mktemp("known"), launch.pack("".join(made), launch.ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0


def ask(gateway, model, *, stream=False, messages=MESSAGES, **fields):
    """The text of an answer, and the model that it names."""
    answer = gateway.client().chat.completions.create(model=model, messages=messages, stream=stream, **fields)
    if not stream:
        return answer.choices[0].message.content, answer.model
    chunks = list(answer)
    assert len({chunk.model for chunk in chunks}) == 1
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    return text, chunks[0].model


def signed_names(entry):
    """The names of the headers that a request's signature covers."""
    return entry["headers"]["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")


@pytest.mark.parametrize("stream", [False, True])
def test_fault_13_an_inference_component_is_named_as_each_route_wants_it(known, regions, stream):
    """In a signed header, or in the path of the OpenAI route; one that is missing is the operator's fault."""
    header = "x-amzn-sagemaker-inference-component"
    assert ask(known, "copy", stream=stream)[0] == "alpha bravo"
    assert ask(known, "native-copy", stream=stream)[0] == "alpha bravo"
    signed, native = regions[0].requests()
    assert signed["headers"][header] == "copy-1"
    assert header in signed_names(signed)
    assert native["path"] == "/endpoints/components/inference-components/copy-1/openai/v1/chat/completions"
    assert header not in native["headers"]
    with pytest.raises(openai.InternalServerError) as caught:
        ask(known, "no-copy", stream=stream)
    assert (caught.value.status_code, caught.value.code) == (500, "upstream_config")
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
def test_fault_15_a_body_is_signed_after_its_last_change(known, regions, stream):
    """Redacted, translated, of another length at each target: both regions find signature and length right."""
    messages = [{"role": "user", "content": "Grüße an bob@example.com 🙂"}]
    text, _ = ask(known, "changed", stream=stream, messages=messages)
    assert text == "Grüße an [EMAIL_REDACTED] 🙂"
    first, second = (region.requests()[-1] for region in regions)
    # Neither is a 403: the emulators verify signatures over the bytes they have received.
    assert (first["status"], second["status"]) == (500, 200)
    assert first["body_length"] != second["body_length"]
    for entry in (first, second):
        assert int(entry["headers"]["content-length"]) == entry["body_length"]
        assert "bob@" not in entry["body"]


def test_fault_16_a_session_token_goes_with_every_request(gateways, launch):
    """It is signed on every attempt of every request, however many there are at once."""
    keys = Credentials("ASIATOKENTESTS000001", "secret-of-a-session", "token/of+a+session==")
    with (
        EmulatorThread(Emulator(region="us-east-1", credentials=[keys])) as east,
        EmulatorThread(Emulator(region="us-west-2", credentials=[keys])) as west,
    ):
        places = (SimpleNamespace(name=one.runtime.region, url=one.url) for one in (east, west))
        targets = "".join(
            launch.target(place.name, place, endpoint, model="m")
            for place, endpoint in zip(places, ("throttle", "chat"), strict=True)
        )
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        env = dict(zip(names, (keys.access_key, keys.secret_key, keys.token), strict=True))
        gateway = gateways(launch.pack(targets, more=launch.EVERY_TIME), env=env)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(gateway, "m")[0], range(24)))
        assert answers == ["alpha bravo"] * 24
        entries = [*east.requests, *west.requests]
    assert sorted({entry.status for entry in entries}) == [200, 400]
    assert len(entries) == 48
    for entry in entries:
        assert entry.headers["x-amz-security-token"] == keys.token
        assert "x-amz-security-token" in signed_names({"headers": entry.headers})


# A region → its SageMaker runtime's host, and a model name for a target there.
HOSTS = {
    "eu-west-1": "runtime.sagemaker.eu-west-1.amazonaws.com",
    "us-gov-west-1": "runtime.sagemaker.us-gov-west-1.amazonaws.com",
    "cn-north-1": "runtime.sagemaker.cn-north-1.amazonaws.com.cn",
    "eusc-de-east-1": "runtime.sagemaker.eusc-de-east-1.amazonaws.eu",
}


def clusters(capsys, tmp_path, targets):
    """The clusters of a rendered configuration by their names."""
    file = tmp_path / "policy-config.yaml"
    listed = "".join(f"    - {json.dumps(target)}\n" for target in targets)
    file.write_text(
        "pack: {name: tests, version: 1.0.0, enabled: true}\nproviders:\n  targets:\n"
        f"{listed}policies: {{chain: [audit-logger]}}\n"
    )
    assert main(["envoy", "render", "--policy-config", str(file)]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    return {cluster["name"]: cluster for cluster in document["static_resources"]["clusters"]}


def connects_to(cluster):
    """The host of a cluster, after checking that its TLS names it too."""
    first = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    tls = next(match for match in cluster["transport_socket_matches"] if match["name"] == "tls")
    assert tls["transport_socket"]["typed_config"]["sni"] == first["address"]
    return first["address"]


def test_fault_18_the_signature_is_for_sagemaker(gateways, launch):
    """Its scope names the target's region and the service `sagemaker`, in every partition; its host is signed."""
    keys = [Credentials(launch.CREDENTIALS["AWS_ACCESS_KEY_ID"], launch.CREDENTIALS["AWS_SECRET_ACCESS_KEY"])]
    with EmulatorThread(Emulator(region="cn-north-1", credentials=keys)) as china:
        region = SimpleNamespace(name="cn-north-1", url=china.url)
        gateway = gateways(launch.pack(launch.target("t", region, "chat")), "--workers", "1")
        assert ask(gateway, "chat")[0] == "alpha bravo"
        (entry,) = china.requests
    assert re.search(r"Credential=\w+/\d{8}/cn-north-1/sagemaker/aws4_request,", entry.headers["authorization"])
    assert f"http://{entry.headers['host']}" == region.url
    assert "host" in signed_names({"headers": entry.headers})


def test_fault_19_hosts_of_every_partition_and_of_ones_own(capsys, tmp_path):
    """Each partition has its suffix, and base_url overrides it all for a VPC endpoint."""
    own = "vpce-0a1b-2c3d.runtime.sagemaker.us-east-1.vpce.amazonaws.com"
    targets = [{"id": name, "provider": "sagemaker:chat:m", "aws_region": name} for name in HOSTS]
    vpc = {"id": "vpc", "provider": "sagemaker:chat:m", "aws_region": "us-east-1", "base_url": f"https://{own}"}
    found = clusters(capsys, tmp_path, [*targets, vpc])
    assert {name: connects_to(found[name]) for name in (*HOSTS, "vpc")} == {**HOSTS, "vpc": own}


@pytest.mark.parametrize("stream", [False, True])
def test_fault_20_a_redirect_is_not_followed(gateways, regions, launch, stream):
    """Where an upstream points with a 302, nobody ever goes with our signature; the client hears of a failure."""
    asked = []

    class Redirecting(BaseHTTPRequestHandler):
        """Sends everybody to the second region."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Say nothing."""

        def do_POST(self):
            """One invocation."""
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.path)
            self.send_response(302)
            self.send_header("location", regions[1].url + "/endpoints/chat/invocations")
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        region = SimpleNamespace(name="us-east-1", url=f"http://127.0.0.1:{server.server_port}")
        gateway = gateways(launch.pack(launch.target("t", region, "chat")), "--workers", "1")
        with pytest.raises(openai.InternalServerError) as caught:
            ask(gateway, "chat", stream=stream)
    finally:
        server.shutdown()
        server.server_close()
    assert caught.value.status_code == 502
    assert "location" not in caught.value.response.headers
    assert len(asked) == 1
    assert regions[1].requests() == []


@pytest.mark.parametrize("name", ["", "a/b", "../other", "-a", "a-", "a_b", "a b", "a" * 64, "ä"])
def test_fault_21_an_endpoints_name_is_checked_when_it_is_read(capsys, tmp_path, name):
    """Lint refuses it with the line and column of the value: no path is ever made of it."""
    file = tmp_path / "policy-config.yaml"
    target = f"    - {{id: t, provider: sagemaker, aws_region: us-east-1, sagemaker_endpoint_name: {json.dumps(name)}}}"
    file.write_text(
        "pack: {name: tests, version: 1.0.0, enabled: true}\nproviders:\n  targets:\n"
        f"{target}\npolicies: {{chain: [audit-logger]}}\n"
    )
    assert main(["policy", "lint", "--file", str(file)]) == 2
    column = target.index(json.dumps(name)) + 1
    assert f"{file}:4:{column}: providers.targets[0].sagemaker_endpoint_name:" in capsys.readouterr().out


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "sent"), [("public-name", None), ("public-native", ""), ("public-named", "its-own-name")]
)
def test_fault_22_the_clients_model_stays_at_the_gateway(known, regions, model, sent, stream):
    """The container gets none, the empty one where the route demands it, or its own; the answer has the client's."""
    assert ask(known, model, stream=stream) == ("alpha bravo", model)
    assert regions[0].bodies()[-1].get("model") == sent


@pytest.mark.parametrize(
    ("kind", "beginning", "end"),
    [
        ("tgi", "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>", "<|eot_id|>"),
        ("lmi", "<|im_start|>system\nBe brief.<|im_end|>", "<|im_end|>"),
        ("lmi-rolling", "[INST] ", "</s>"),
        ("bedrock", "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>", "<|eot_id|>"),
    ],
)
def test_fault_23_a_text_model_is_prompted_by_its_template(known, regions, kind, beginning, end):
    """Its prompt has the template's turns, and the template's own tokens are no part of the answer."""
    for stream in (False, True):
        messages = [*DIALOG[:-1], {"role": "user", "content": spell(f"Hi there{end}")}]
        assert ask(known, kind, stream=stream, messages=messages)[0] == "Hi there"
        body = regions[0].bodies()[-1]
        prompt = body.get("inputs") or body["prompt"]
        assert beginning in prompt
        assert prompt.count("Two.") == 1


def test_fault_23_messages_stay_messages_where_they_can(known, regions):
    """A container that takes messages applies the model's own template: it gets them as they came."""
    for model in ("public-name", "llama2"):
        ask(known, model, messages=DIALOG)
    chat, dialogs = regions[0].bodies()
    assert chat["messages"] == DIALOG
    assert dialogs["inputs"] == [DIALOG]


# Each of these values a container refuses, and the emulator does so too.
CLAMPED = {
    "nothing": {},
    "greedy": {"temperature": 0},
    "all of them": {"temperature": 0.7, "top_p": 1},
    "none of them": {"top_p": 0},
    "a limit": {"max_tokens": 7},
    "a newer limit": {"max_completion_tokens": 7},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", CLAMPED)
@pytest.mark.parametrize("kind", TEXT)
def test_fault_24_parameters_are_spelled_as_the_container_takes_them(known, regions, kind, name, stream):
    """A limit is always sent, under the container's name; values that it refuses are left out or said otherwise."""
    assert ask(known, kind, stream=stream, **CLAMPED[name])[0] == "alpha bravo"
    body = regions[0].bodies()[-1]
    sent = body.get("parameters", body)
    limit = sent["max_gen_len" if kind == "bedrock" else "max_new_tokens"]
    assert limit == (7 if "limit" in name else 1024)
    assert not {"max_tokens", "max_completion_tokens"} & set(sent)
    greedy = name in ("greedy", "none of them")
    if kind in ("llama2", "bedrock"):
        assert (sent["temperature"] <= 0.01) is greedy
    else:
        assert sent["do_sample"] is not greedy
    if kind != "bedrock":
        # Which takes the whole range.
        assert sent.get("temperature", 1) > 0
        assert 0 < sent.get("top_p", 0.5) < 1


@pytest.mark.parametrize("stream", [False, True])
def test_fault_28_tools_reach_a_container_that_has_them(known, regions, stream):
    """They pass through as they are, and the call comes back with whole arguments."""
    arguments = '{"city": "Paris"}'
    request = {"messages": [{"role": "user", "content": f"call:{arguments}"}], "tools": TOOLS}
    if stream:
        with known.client().chat.completions.stream(model="public-name", **request) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = known.client().chat.completions.create(model="public-name", **request).choices[0].message
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [("weather", arguments)]
    assert regions[0].bodies()[-1]["tools"] == TOOLS


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", TEXT)
def test_fault_28_tools_are_refused_by_name_where_there_are_none(known, regions, kind, stream):
    """400 unsupported_parameter, and nothing is asked: they are never dropped silently."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(known, kind, stream=stream, tools=TOOLS)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "tools")
    assert regions[0].requests() == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/responses", {"input": "alpha", "background": True}),
        ("/v1/responses", {"input": "alpha"}),
        ("/v1/batches", {"endpoint": "/v1/chat/completions"}),
        ("/endpoints/chat/async-invocations", {"inputs": "alpha"}),
    ],
)
def test_fault_33_what_is_asynchronous_is_refused_clearly(known, regions, path, fields):
    """It is out of scope: 404 unknown_url in OpenAI's shape, which names the path, and nothing is asked."""
    answer = known.http().post(path, json={"model": "public-name", **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "unknown_url")
    assert path in error["message"]
    assert known.audited(answer.headers["x-request-id"])["outcome"] == "rejected"
    assert not any(region.requests() for region in regions)
