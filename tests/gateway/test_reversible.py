"""Reversible redaction through kt and a real Envoy: the model sees placeholders, the client its own values again.

The emulated model repeats the last user message, so that what it was sent and what the client gets show both ways.
"""

import json

import pytest

REVERSIBLE = """
policies: {chain: [pii-detector, audit-logger]}
policy:
  pii-detector: {redaction: {reversible: true}, detect_patterns: ['<<[^<>]*>>']}
  audit-logger: {immutable: true}
"""
# The last of them is a value that JSON must escape.
QUOTED = '<<a "quoted" \\ é\U0001f600>>'
ASKED = f"alice@example.com, bob@example.com and alice@example.com again, call +1 415 555 2671 {QUOTED}"
HIDDEN = "[EMAIL_1], [EMAIL_2] and [EMAIL_1] again, call [PHONE_1] [CUSTOM_1]"
VALUES = ("alice@", "bob@", "2671", "quoted")
TOOLS = [{"type": "function", "function": {"name": "send", "parameters": {"type": "object"}}}]


@pytest.fixture(scope="module")
def reversible(tmp_path_factory, regions, launch):
    """A gateway whose pii-detector is reversible, in front of containers that stream, and one that cannot."""
    region = regions[0]
    targets = launch.target("letters", region, "chat--chars1", model="chat")
    targets += launch.target("frames", region, "chat--frame3", model="cut")
    targets += launch.target("whole", region, "chat-whole", model="whole", streaming=False)
    targets += launch.target("text", region, "tgi-text", model="text", format="tgi", prompt_template="llama3")
    targets += launch.target("old", region, "chat--chars2", model="old", provider="sagemaker:completion")
    targets += launch.target("vectors", region, "tei", model="vectors", provider="sagemaker:embedding", format="tei")
    gateway = launch.gateway(tmp_path_factory.mktemp("reversible"), launch.pack(targets, REVERSIBLE))
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def sent(regions):
    """What has reached the container since the test began: a list of bodies, as text."""
    regions[0].reset()
    return lambda: [entry["body"] for entry in regions[0].requests()]


def text_of(client, model, messages, *, stream, **fields):
    """The choices' contents, streamed or not."""
    options = {"model": model, "messages": messages, **fields}
    if not stream:
        return [choice.message.content for choice in client.chat.completions.create(**options).choices]
    told = {}
    for chunk in client.chat.completions.create(stream=True, **options):
        for choice in chunk.choices:
            told[choice.index] = told.get(choice.index, "") + (choice.delta.content or "")
    return [told[index] for index in sorted(told)]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["chat", "cut", "whole", "text"])
def test_the_client_gets_its_values_and_the_model_does_not(reversible, sent, model, stream):
    """In every choice, however the stream is cut, and nothing of it is in the audit trail or the log."""
    choices = {"n": 2} if model in ("chat", "cut", "whole") else {}
    messages = [{"role": "system", "content": "You serve bob@example.com."}, {"role": "user", "content": ASKED}]
    told = text_of(reversible.client(), model, messages, stream=stream, **choices)
    # What a prompt template puts around the message comes back with it.
    assert told
    assert all(ASKED in text for text in told)
    assert len(told) == choices.get("n", 1)
    (body,) = sent()
    assert not any(value in body for value in VALUES)
    # Numbered in the order of appearance: the system message comes first.
    numbered = HIDDEN.replace("EMAIL_1", "EMAIL_x").replace("EMAIL_2", "EMAIL_1").replace("EMAIL_x", "EMAIL_2")
    assert numbered in body
    assert "You serve [EMAIL_1]." in body
    trail = json.dumps(reversible.audit()) + reversible.log()
    assert not any(value in trail for value in VALUES)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["chat", "whole"])
def test_tool_calls_are_made_with_the_values(reversible, sent, model, stream):
    """Arguments are whole JSON with the values in it, in both choices, quotes and backslashes escaped."""
    plain = "call:" + json.dumps({"to": "[email_1]", "cc": ["[EMAIL 2]"], "note": "[CUSTOM\\_1] [EMAIL_3]"})
    messages = [{"role": "user", "content": ASKED}]
    knobs = {"emulator": {"text_codes": list(map(ord, plain))}}
    options = {"model": model, "messages": messages, "tools": TOOLS, "n": 2, "extra_body": knobs}
    client = reversible.client()
    if stream:
        told = {0: "", 1: ""}
        for chunk in client.chat.completions.create(stream=True, **options):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or ():
                    told[choice.index] += call.function.arguments or ""
    else:
        calls = [choice.message.tool_calls[0] for choice in client.chat.completions.create(**options).choices]
        told = {at: call.function.arguments for at, call in enumerate(calls)}
    expected = {"to": "alice@example.com", "cc": ["bob@example.com"], "note": f"{QUOTED} [EMAIL_3]"}
    assert {at: json.loads(arguments) for at, arguments in told.items()} == {0: expected, 1: expected}
    assert not any(value in body for body in sent() for value in VALUES)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["chat", "cut", "whole"])
def test_an_answer_in_json_stays_json(reversible, sent, answer, model, stream):
    """Where JSON was asked for, values are escaped in it, and no escape hides what the model made up."""
    said = json.dumps({"to": "[EMAIL_1]", "note": "[CUSTOM_1]\n078-05-1120", "by": "\teve@example.com"})
    fields = {"response_format": {"type": "json_object"}, "extra_body": {"emulator": answer(said)}}
    messages = [{"role": "user", "content": json.dumps({"mail": "alice@example.com", "note": f"\n{QUOTED}"})}]
    (told,) = text_of(reversible.client(), model, messages, stream=stream, **fields)
    assert json.loads(told) == {
        "to": "alice@example.com",
        "note": f"{QUOTED}\n[SSN_REDACTED]",
        "by": "\t[EMAIL_REDACTED]",
    }
    (body,) = map(json.loads, sent())
    assert json.loads(body["messages"][0]["content"]) == {"mail": "[EMAIL_1]", "note": "\n[CUSTOM_1]"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_conversation_goes_on(reversible, sent, stream):
    """The next turn carries the values that the last one gave back: calls, results and texts are numbered as one."""
    arguments = json.dumps({"to": "bob@example.com", "text": 'Hi,\nalice@example.com says <<"x">>'})
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "Tell bob@example.com"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"sent": "bob@example.com"}'},
        {"role": "user", "content": "alice@example.com and bob@example.com have it"},
    ]
    assert text_of(reversible.client(), "chat", messages, stream=stream) == [messages[-1]["content"]]
    (body,) = map(json.loads, sent())
    said = [message["content"] for message in body["messages"]]
    assert said[0] == "Tell [EMAIL_1]"
    assert said[2:] == ['{"sent": "[EMAIL_1]"}', "[EMAIL_2] and [EMAIL_1] have it"]
    told = json.loads(body["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert told == {"to": "[EMAIL_1]", "text": "Hi,\n[EMAIL_2] says [CUSTOM_1]"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_reasoning_and_what_the_model_makes_up(reversible, answer, spoken, stream):
    """Reasoning has the values too, another's address is redacted as ever, and unknown numbers stay."""
    said = "reason:of [EMAIL_2]||ask eve@example.com, not [ email\\_1 ] or [EMAIL_9]"
    options = {"model": "chat", "messages": [{"role": "user", "content": ASKED}]}
    options["extra_body"] = {"emulator": answer(said)}
    reasoning, content = spoken(reversible.client(), stream=stream, **options)
    assert reasoning == "of bob@example.com"
    assert content == "ask [EMAIL_REDACTED], not alice@example.com or [EMAIL_9]"


def test_a_typed_placeholder_stays_what_it_is(reversible, sent):
    """Whoever writes one finds it in the answer, and no value in its place."""
    asked = "what is [EMAIL_1], [email\\_2]? I am alice@example.com"
    told = text_of(reversible.client(), "chat", [{"role": "user", "content": asked}], stream=True)
    assert told == [asked]
    assert "I am [EMAIL_3]" in sent()[0]


def test_requests_share_nothing(reversible, answer):
    """Another request's placeholder is nobody's."""
    client = reversible.client()
    text_of(client, "chat", [{"role": "user", "content": ASKED}], stream=False)
    knobs = {"emulator": answer("[EMAIL_1] [PHONE_1]")}
    for stream in (False, True):
        told = text_of(client, "chat", [{"role": "user", "content": "hi"}], stream=stream, extra_body=knobs)
        assert told == ["[EMAIL_1] [PHONE_1]"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_completions(reversible, sent, stream):
    """Each prompt is answered with its own values, and numbered over all prompts."""
    prompts = ["I am alice@example.com", "ask alice@example.com or bob@example.com"]
    created = reversible.client().completions.create(model="old", prompt=prompts, stream=stream)
    told = {}
    for chunk in created if stream else [created]:
        for choice in chunk.choices:
            told[choice.index] = told.get(choice.index, "") + choice.text
    assert told == dict(enumerate(prompts))
    assert json.loads(sent()[0])["prompt"] == ["I am [EMAIL_1]", "ask [EMAIL_1] or [EMAIL_2]"]


def test_embeddings(reversible, sent):
    """Texts are embedded with placeholders in the place of values, the same for the same value."""
    texts = ["alice@example.com", "bob@example.com or alice@example.com"]
    created = reversible.client().embeddings.create(model="vectors", input=texts)
    assert len(created.data) == 2
    assert json.loads(sent()[0])["inputs"] == ["[EMAIL_1]", "[EMAIL_2] or [EMAIL_1]"]
