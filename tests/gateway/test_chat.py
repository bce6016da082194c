"""Chat completions through kt and a real Envoy, with the clients that people use."""

import json
import shutil
import subprocess

import pytest

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "alpha bravo charlie"}]


def test_an_unchanged_python_client_gets_a_completion(enterprise):
    """The OpenAI SDK, with only its base URL set, is answered by SageMaker; the answer names its target."""
    raw = enterprise.client().chat.completions.with_raw_response.create(model="chat", messages=MESSAGES)
    completion = raw.parse()
    assert completion.choices[0].message.content == "alpha bravo charlie"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "chat"
    assert completion.usage.completion_tokens == 3
    assert raw.headers["x-kt-target"] == "east"
    assert raw.headers["content-type"] == "application/json"
    line = enterprise.audited(raw.headers["x-request-id"])
    assert (line["outcome"], line["status"], line["target"], line["verdict"]) == ("served", 200, "east", "allow")
    assert line["usage"]["completion_tokens"] == 3
    assert "alpha" not in json.dumps(line)


def test_a_stream_arrives_as_the_sdk_needs_it(enterprise):
    """Chunks, a finish reason, no usage chunk unless asked, and the whole text."""
    stream = enterprise.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "alpha bravo charlie"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert all(c.model == "chat" and c.usage is None for c in chunks)


def test_usage_is_accounted_in_streams_and_sent_only_when_asked(enterprise):
    """include_usage gives one chunk without choices at the end; the audit line has the figures either way."""
    client = enterprise.client()
    for options, expected in (({}, 0), ({"stream_options": {"include_usage": True}}, 1)):
        raw = client.chat.completions.with_raw_response.create(model="chat", messages=MESSAGES, stream=True, **options)
        chunks = list(raw.parse())
        assert len([c for c in chunks if not c.choices and c.usage.completion_tokens == 3]) == expected
        line = enterprise.audited(raw.headers["x-request-id"])
        assert (line["usage"]["completion_tokens"], line["stream"]) == (3, True)


def test_the_sdks_stream_helper_works(enterprise):
    """client.chat.completions.stream, as the integration page prints it, yields the text and the final message."""
    with enterprise.client().chat.completions.stream(model="chat", messages=MESSAGES) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        assert text == "alpha bravo charlie"
        assert stream.get_final_completion().choices[0].message.content == text


@pytest.mark.parametrize("stream", [False, True])
def test_tools_and_choices_pass_through(enterprise, stream):
    """Tool calls arrive with whole arguments, in every choice, streamed or not."""
    arguments = '{"city":"Paris","note":"écrire à bob"}'
    options = {
        "model": "chat",
        "messages": [{"role": "user", "content": "call:" + arguments}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        "n": 2,
    }
    client = enterprise.client()
    if stream:
        joined = {0: "", 1: ""}
        names = {}
        for chunk in client.chat.completions.create(stream=True, **options):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or ():
                    joined[choice.index] += call.function.arguments or ""
                    names[choice.index] = call.function.name or names[choice.index]
        assert joined == {0: arguments, 1: arguments}
        assert names == {0: "weather", 1: "weather"}
    else:
        completion = client.chat.completions.create(**options)
        calls = [choice.message.tool_calls[0].function for choice in completion.choices]
        assert [(call.name, call.arguments) for call in calls] == [("weather", arguments)] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_text_passes_through_and_is_judged(enterprise, spoken, stream):
    """reasoning_content is text like any other: it arrives, and a personal address in it does not."""
    request = {"model": "chat", "messages": [{"role": "user", "content": "reason:think of it||the answer"}]}
    assert spoken(enterprise.client(), stream=stream, **request) == ("think of it", "the answer")


def test_images_and_fields_unknown_to_us_reach_the_container(enterprise, regions):
    """Parts and parameters are forwarded as they are, whatever they are called."""
    for region in regions:
        region.reset()
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 30}}
    parts = [{"type": "text", "text": "what is it"}, picture]
    enterprise.client().chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": parts}],
        extra_body={"guided_json": {"type": "object"}, "top_k": 7},
    )
    body = regions[0].bodies()[-1]
    assert body["messages"][0]["content"] == parts
    assert (body["top_k"], body["guided_json"]) == (7, {"type": "object"})
    assert "model" not in body


def test_what_a_target_is_asked_has_the_documented_defaults(enterprise, regions):
    """Temperature is 0.3 when the client sends none; a client's own stays; streams ask for usage."""
    regions[0].reset()
    client = enterprise.client()
    client.chat.completions.create(model="chat", messages=MESSAGES)
    client.chat.completions.create(model="chat", messages=MESSAGES, temperature=1.5)
    list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True))
    first, second, third = regions[0].bodies()
    assert (first["temperature"], second["temperature"]) == (0.3, 1.5)
    assert third["stream_options"] == {"include_usage": True}


def test_models_are_listed_and_found(enterprise):
    """GET /v1/models and /v1/models/{id}, escaped slashes and target ids included."""
    client = enterprise.client()
    assert [model.id for model in client.models.list()] == ["chat"]
    assert client.models.retrieve("chat").owned_by
    assert client.models.retrieve("west").id == "west"


def test_personal_data_and_secrets_are_redacted_on_the_way_in(enterprise, regions):
    """What the model sees, and so echoes, has markers where the client wrote data."""
    regions[0].reset()
    text = "mail bob@example.com, ssn 536-90-4399, card 4111 1111 1111 1111, arn:aws:iam::123456789012:role/x"
    raw = enterprise.client().chat.completions.with_raw_response.create(
        model="chat", messages=[{"role": "user", "content": text}]
    )
    answer = raw.parse().choices[0].message.content
    assert answer == (
        "mail [EMAIL_REDACTED], ssn [SSN_REDACTED], card [CREDIT_CARD_REDACTED], [INTERNAL_ARN_REDACTED]role/x"
    )
    assert "bob@" not in json.dumps(regions[0].bodies())
    line = enterprise.audited(raw.headers["x-request-id"])
    assert line["verdict"] == "redact"
    found = {(f["phase"], f["entity"]): f["count"] for f in line["findings"]}
    assert found["request", "EMAIL"] == found["request", "SSN"] == found["request", "CREDIT_CARD"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_is_redacted_wherever_text_lives(enterprise, answer, stream):
    """Content, reasoning and tool arguments of the answer are judged, in whole answers and streams alike."""
    said = "write to bob@example.com or call 415-555-2671 today"
    kept = "write to [EMAIL_REDACTED] or call [PHONE_REDACTED] today"
    body = {"model": "chat", "messages": MESSAGES, "extra_body": {"emulator": answer(said, token_chars=3)}}
    client = enterprise.client()
    if stream:
        chunks = client.chat.completions.create(stream=True, **body)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        text = client.chat.completions.create(**body).choices[0].message.content
    assert text == kept


def test_curl_as_the_integration_page_prints_it(enterprise):
    """Plain curl, unary and streamed: JSON, and server-sent events that end in [DONE]."""
    assert shutil.which("curl")
    body = {"model": "chat", "messages": MESSAGES, "max_tokens": 1024, "temperature": 0.2}
    command = ["curl", "-sS", f"{enterprise.url}/v1/chat/completions", "-H", "Content-Type: application/json", "-d"]
    unary = subprocess.run([*command, json.dumps(body)], capture_output=True, check=True, timeout=60).stdout
    assert json.loads(unary)["choices"][0]["message"]["content"] == "alpha bravo charlie"
    streamed = subprocess.run(
        [*command, json.dumps({**body, "stream": True})], capture_output=True, check=True, timeout=60
    ).stdout
    events = streamed.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    assert all(event.startswith(b"data: ") for event in events[:-1])


def test_an_unchanged_node_client_gets_completions_streams_and_errors(enterprise, node):
    """The SDK for Node.js sees the same text, and the same classes of errors, as the Python client."""
    told = node("chat.mjs", f"{enterprise.url}/v1")
    assert told["unary"] == told["streamed"] == "alpha bravo charlie"
    assert told["models"] == ["chat"]
    assert told["unknown_model"] == {"class": "NotFoundError", "status": 404, "code": "model_not_found"}
    assert told["blocked"] == {"class": "ConflictError", "status": 409, "code": "input_blocked", "attempts": 1}
