"""Every cell of the README's table of containers, through a real Envoy with the Python SDK.

tests/tables/containers.json holds the table, and scripts/render writes it into the README: a cell says only what its
test here shows. "in streams" means that the container tells its usage in streams and not in whole answers.
"""

import json
from pathlib import Path

import openai
import pytest

from extproc.emulator.prompts import spell
from extproc.emulator.vectors import vector

ROWS = json.loads((Path(__file__).parent.parent / "tables" / "containers.json").read_text(encoding="utf-8"))
SAID = "Ünïcode 日本語 🙂 bob@example.com 536-90-4399 done"
KEPT = "Ünïcode 日本語 🙂 [EMAIL_REDACTED] [SSN_REDACTED] done"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
# A fault of SageMaker's or the container's → the class that the SDK raises.
FAULTS = {
    "throttle": openai.RateLimitError,
    "model-error-400": openai.BadRequestError,
    "model-error-500": openai.InternalServerError,
    "not-ready": openai.InternalServerError,
}


def cells(column, *wanted):
    """The rows whose cell in a column is one of these."""
    return [pytest.param(row, id=row["endpoint"]) for row in ROWS if row["cells"][column] in wanted]


@pytest.fixture(scope="module")
def fronting(tmp_path_factory, regions, launch):
    """One gateway with every policy, in front of every container of the table."""
    targets = "".join(
        launch.target(
            row["endpoint"],
            regions[0],
            row["endpoint"],
            model=row["endpoint"],
            **{"provider": f"sagemaker:{row['provider']}", **row["target"]},
        )
        for row in ROWS
    )
    gateway = launch.gateway(tmp_path_factory.mktemp("containers"), launch.pack(targets, launch.ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0


def ask(gateway, row, text, **fields):
    """The SDK's raw answer to a text, at the endpoint of the row."""
    client, model = gateway.client(), row["endpoint"]
    if row["provider"] == "chat":
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.with_raw_response.create(model=model, messages=messages, **fields)
    if row["provider"] == "completion":
        return client.completions.with_raw_response.create(model=model, prompt=text, max_tokens=64, **fields)
    return client.embeddings.with_raw_response.create(model=model, input=[text, "two words"], **fields)


def text_of(row, answer):
    """The text of a whole answer."""
    choice = answer.choices[0]
    return choice.message.content if row["provider"] == "chat" else choice.text


def streamed_text(row, chunks):
    """The joined text of a stream's chunks."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return "".join((c.delta.content if row["provider"] == "chat" else c.text) or "" for c in choices)


@pytest.mark.parametrize("row", cells("unary", "yes"))
def test_unary(fronting, row):
    """Text comes back as the container said it, redacted; vectors as they are, each for its own text."""
    answer = ask(fronting, row, spell(SAID) if row["provider"] != "embedding" else "one").parse()
    assert answer.model == row["endpoint"]
    if row["provider"] == "embedding":
        assert [entry.embedding for entry in answer.data] == [vector("one"), vector("two words")]
        return
    assert text_of(row, answer) == KEPT
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("row", cells("stream", "yes", "of the whole"))
def test_stream(fronting, regions, row):
    """The same text, a finish, the usage that was asked for; the container is asked for a stream, or for the whole."""
    regions[0].reset()
    raw = ask(fronting, row, spell(SAID), stream=True, stream_options={"include_usage": True})
    chunks = list(raw.parse())
    assert streamed_text(row, chunks) == KEPT
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
    assert chunks[-1].usage.total_tokens > 0
    assert fronting.audited(raw.headers["x-request-id"])["stream"] is True
    (entry,) = regions[0].requests()
    whole = entry["path"].endswith("/invocations")
    assert whole is (row["cells"]["stream"] == "of the whole")


@pytest.mark.parametrize("row", cells("stream", ""))
def test_no_stream(fronting, row):
    """Embeddings are refused as a stream, not answered as something else."""
    with pytest.raises(openai.BadRequestError) as refused:
        ask(fronting, row, "one", extra_body={"stream": True})
    assert refused.value.param == "stream"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("row", cells("tools", "yes"))
def test_tools(fronting, row, stream):
    """A call of a tool arrives with all its arguments."""
    answer = ask(fronting, row, 'call:{"city":"Paris"}', tools=TOOLS, stream=stream).parse()
    if stream:
        deltas = [choice.delta for chunk in answer for choice in chunk.choices]
        calls = [call.function for delta in deltas for call in delta.tool_calls or ()]
    else:
        calls = [call.function for call in answer.choices[0].message.tool_calls]
    assert [call.name for call in calls if call.name] == ["f"]
    assert "".join(call.arguments or "" for call in calls) == '{"city":"Paris"}'


@pytest.mark.parametrize("row", cells("tools", "refused"))
def test_no_tools(fronting, regions, row):
    """They are refused by name, and the container is not asked."""
    regions[0].reset()
    with pytest.raises(openai.BadRequestError) as refused:
        ask(fronting, row, "x", tools=TOOLS)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "tools")
    assert regions[0].requests() == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("row", cells("usage", "yes", "in streams", "estimated"))
def test_usage(fronting, row, stream):
    """What the container counts is told and recorded; what it does not is estimated, and marked in both places."""
    if stream and row["cells"]["stream"] == "":
        stream = False
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    raw = ask(fronting, row, "alpha bravo charlie", **options)
    answer = raw.parse()
    usage = list(answer)[-1].usage if stream else answer.usage
    told = {"yes": True, "in streams": stream, "estimated": False}[row["cells"]["usage"]]
    line = fronting.audited(raw.headers["x-request-id"])
    assert line["usage"].get("estimated", False) is not told
    assert ("estimated" in (usage.model_extra or {})) is not told
    assert usage.prompt_tokens > 0
    assert line["usage"]["prompt_tokens"] == usage.prompt_tokens
    if row["provider"] != "embedding":
        assert line["usage"]["completion_tokens"] == usage.completion_tokens > 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("row", cells("errors", "yes"))
def test_errors(fronting, regions, launch, row, fault):
    """Throttles, refusals and failures are the errors that they really are, whatever the container."""
    regions[0].reset()
    asked = json.dumps({"endpoint": row["endpoint"], "kind": fault, "times": 1}).encode()
    assert launch.get(f"{regions[0].url}/emulator/faults", method="POST", body=asked)[0] == 200
    with pytest.raises(openai.APIStatusError) as raised:
        ask(fronting, row, "one")
    assert type(raised.value) is FAULTS[fault]
    assert raised.value.body["message"]


@pytest.mark.parametrize("row", cells("stream", "yes"))
def test_errors_in_mid_stream(fronting, regions, launch, row):
    """An exception frame, or a stream cut off on SageMaker's OpenAI route, is one error; text before it has come."""
    regions[0].reset()
    native = row["target"].get("route") == "openai"
    kind = "cut-midstream" if native else "exception-midstream"
    # Twice: what is cut before its first content is asked for again.
    asked = json.dumps({"endpoint": row["endpoint"], "kind": kind, "times": 2}).encode()
    assert launch.get(f"{regions[0].url}/emulator/faults", method="POST", body=asked)[0] == 200
    with pytest.raises((openai.APIError, openai.APIConnectionError)):
        list(ask(fronting, row, "alpha bravo charlie delta echo foxtrot", stream=True).parse())
