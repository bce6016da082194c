"""What both OpenAI SDKs get where all is well: usage if asked for, models of any name, ids; and no such paths."""

from __future__ import annotations

import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo charlie"}]
SAID = "alpha bravo charlie"
# Model → what its container speaks and so its endpoint is called.
MODELS = {
    "sagemaker/ep-1": "chat-1",
    "meta/llama": "chat-2",
    "Qwen/Qwen3-8B:free@v1+x": "chat-3",
    "lines": "jsonlines",
    "open": "no-done",
    "whole": "chat-whole",
    "tgi": "tgi",
}
FORMATS = {"tgi": {"format": "tgi", "prompt_template": "llama3"}, "whole": {"streaming": False}}


def chat(model: str, **more) -> dict:
    """A chat, by the name of its row."""
    return {"call": "chat.completions.create", "with": {"model": model, "messages": MESSAGES, **more}}


STREAM = {"stream": True}
ASKED = {"stream": True, "stream_options": {"include_usage": True}}
DECLINED = {"stream": True, "stream_options": {"include_usage": False}}
PATHS = {
    "moderations": {"call": "moderations.create", "with": {"input": "x"}},
    "responses": {"call": "responses.create", "with": {"model": "lines", "input": "x"}},
    "images": {"call": "images.generate", "with": {"prompt": "x"}},
    "files": {"call": "files.list", "with": {}},
    "file": {"call": "files.retrieve", "of": "models/lines"},
}
ROWS = {
    **{f"chat {model}": chat(model) for model in MODELS},
    **{f"stream {model}": chat(model, **STREAM) for model in MODELS},
    **{f"asked {model}": chat(model, **ASKED) for model in MODELS},
    **{f"declined {model}": chat(model, **DECLINED) for model in MODELS},
    **{f"retrieve {model}": {"call": "models.retrieve", "of": model} for model in MODELS},
    "retrieve sagemaker/nobody": {"call": "models.retrieve", "of": "sagemaker/nobody"},
    "list": {"call": "models.list", "with": {}},
    **{f"path {name}": row for name, row in PATHS.items()},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, regions, launch):
    """A gateway with containers of several kinds, under names that people give to models."""
    targets = "".join(
        launch.target(f"target-{at}", regions[0], endpoint, model=model, **FORMATS.get(model, {}))
        for at, (model, endpoint) in enumerate(MODELS.items())
    )
    running = launch.gateway(tmp_path_factory.mktemp("calls"), launch.pack(targets))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module", params=["python", "node"])
def told(request, gateway, see):
    """What one SDK saw of each row, under a request id of the client's own."""
    ids = {name: f"{request.param}/{name}" for name in ROWS}
    rows = [{"name": name, "headers": {"X-Client-Request-Id": ids[name]}, **row} for name, row in ROWS.items()]
    return ids, see(request.param, f"{gateway.url}/v1", rows)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_of_any_name_answers(told, gateway, model):
    """The text arrives; request_id finds the audit line, which has the client's own id as well."""
    ids, everything = told
    seen = everything[f"chat {model}"]
    assert (seen.get("raised"), seen["text"]) == (None, SAID)
    line = gateway.audited(seen["request_id"])
    assert (line["model"], line["client_request_id"]) == (model, ids[f"chat {model}"])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("how", "chunks"), [("stream", 0), ("declined", 0), ("asked", 1)])
def test_usage_comes_last_and_only_when_asked(told, model, how, chunks):
    """One chunk without choices for who asked; who did not finds a choice in every chunk, and all of the text."""
    _, everything = told
    seen = everything[f"{how} {model}"]
    assert (seen.get("raised"), seen["text"], seen["finish"]) == (None, SAID, ["stop"])
    assert seen["usages"] == chunks


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_found_by_its_name(told, model):
    """Both SDKs escape a name's slash in the path; it is read as it was meant."""
    _, everything = told
    seen = everything[f"retrieve {model}"]
    assert (seen.get("raised"), seen["text"]) == (None, model)
    assert seen["request_id"]


def test_models_are_listed(told):
    """Every name that may be asked for, once, in the order of the configuration."""
    _, everything = told
    assert everything["list"]["text"].split() == list(MODELS)


def test_an_unknown_model_is_not_found(told, gateway):
    """404 model_not_found, for a name with a slash too; nothing is tried again."""
    _, everything = told
    seen = everything["retrieve sagemaker/nobody"]
    assert (seen["raised"], seen["status"], seen["code"]) == ("NotFoundError", 404, "model_not_found")
    assert (seen["param"], seen["attempts"]) == ("model", 1)
    assert "sagemaker/nobody" in seen["message"]
    assert gateway.audited(seen["request_id"])["status"] == 404


@pytest.mark.parametrize("name", PATHS)
def test_what_the_gateway_does_not_serve_is_not_found(told, gateway, name):
    """404 unknown_url in OpenAI's shape, whatever the method, with an id that is on the trail."""
    ids, everything = told
    seen = everything[f"path {name}"]
    assert (seen["raised"], seen["status"], seen["code"]) == ("NotFoundError", 404, "unknown_url")
    assert (seen["type"], seen["attempts"]) == ("invalid_request_error", 1)
    assert gateway.audited(seen["request_id"])["client_request_id"] == ids[f"path {name}"]
