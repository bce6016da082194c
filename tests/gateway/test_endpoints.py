"""/v1/completions and /v1/embeddings through a real Envoy with the SDKs of both languages, policies on both.

What each container can is shown by test_containers.py; this is about the endpoints themselves.
"""

import base64
import json
import struct

import openai
import pytest

from extproc.emulator.vectors import vector

# Embedding container → the target's format.
EMBEDDING = {
    "vllm-embedding": "openai",
    "tei": "tei",
    "lmi-embedding": "lmi",
    "hf-embedding": "huggingface",
    "jumpstart-embedding": "jumpstart",
    "cohere": "cohere",
    "jina": "jina",
    "voyage": "voyage",
}
WRONG = ("vector-missing", "vectors-text", "error-200", "not-json", "empty-body")
COMPLETING = {"chat-completing": "openai", "tgi-completing": "tgi", "lmi-completing": "lmi"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory, regions, launch):
    """A gateway with every policy, in front of containers that embed and that complete, right and wrong."""
    east, west = regions

    def target(kind, endpoint, **fields):
        return launch.target(endpoint, east, endpoint, **{"provider": f"sagemaker:{kind}", **fields})

    targets = "".join(target("embedding", name, format=dialect) for name, dialect in EMBEDDING.items())
    for name, dialect in EMBEDDING.items():
        targets += "".join(target("embedding", f"{name}-{fault}", format=dialect) for fault in WRONG)
    targets += target("embedding", "vllm-embedding-vectors-shuffled")
    targets += target("embedding", "hf-embedding-cls", format="huggingface", options={"pooling": "cls"})
    targets += "".join(target("completion", name, format=dialect) for name, dialect in COMPLETING.items())
    # One model, one name: a chat and a completion target of the same endpoint.
    targets += launch.target("both-chat", east, "chat-both", model="both", provider="sagemaker:chat")
    targets += launch.target("both-completion", east, "chat-both", model="both", provider="sagemaker:completion")
    # Groups that fail over, from one container to another.
    targets += launch.target("vectors-a", east, "throttle", model="vectors", provider="sagemaker:embedding")
    targets += launch.target("vectors-b", west, "tei", model="vectors", provider="sagemaker:embedding", format="tei")
    targets += launch.target("texts-a", east, "throttle", model="texts", provider="sagemaker:completion")
    targets += launch.target("texts-b", west, "lmi", model="texts", provider="sagemaker:completion", format="lmi")
    gateway = launch.gateway(tmp_path_factory.mktemp("endpoints"), launch.pack(targets, launch.ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0


# Embeddings.


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
@pytest.mark.parametrize("kind", EMBEDDING)
def test_a_batch_keeps_its_order(serving, kind, encoding):
    """Each text has its own vector at its own index, in the form that was asked for."""
    texts = ["zulu", "alpha bravo", "zulu", "日本語 🙂", "x"]
    body = {"model": kind, "input": texts, **({"encoding_format": encoding} if encoding else {})}
    received = serving.http().post("/v1/embeddings", json=body)
    assert received.status_code == 200, received.text
    document = received.json()
    found = [entry["embedding"] for entry in document["data"]]
    if encoding == "base64":
        found = [list(struct.unpack(f"<{len(packed) // 4}f", packed)) for packed in map(base64.b64decode, found)]
    assert found == [vector(text) for text in texts]
    assert [entry["index"] for entry in document["data"]] == list(range(len(texts)))
    assert {entry["object"] for entry in document["data"]} == {"embedding"}
    assert (document["object"], document["model"]) == ("list", kind)
    assert document["usage"]["prompt_tokens"] == document["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("given", ["one text", ["one text"]], ids=["text", "list"])
@pytest.mark.parametrize("kind", EMBEDDING)
def test_one_text_has_one_vector(serving, kind, given):
    """A text alone is a batch of one, however the container writes that."""
    answer = serving.client().embeddings.create(model=kind, input=given)
    assert [entry.embedding for entry in answer.data] == [vector("one text")]


def test_both_sdks_get_the_same_numbers(serving, node):
    """Python's and Node's, with the base64 that they ask for on their own, and completions whole and streamed."""
    models = (json.dumps(list(EMBEDDING)), json.dumps(list(COMPLETING)))
    told = node("embeddings.mjs", f"{serving.url}/v1", *models)
    client = serving.client()
    for kind in EMBEDDING:
        seen = told["embeddings"][kind]
        mine = client.embeddings.create(model=kind, input=["one", "two words"])
        assert seen["unasked"] == [entry.embedding for entry in mine.data] == [vector("one"), vector("two words")]
        assert (seen["index"], seen["floats"]) == ([0, 1], vector("one"))
        assert seen["usage"] == mine.usage.total_tokens
    for kind in COMPLETING:
        seen = told["completions"][kind]
        assert (seen["whole"], seen["streamed"]) == ("alpha bravo", "alpha bravo")
        assert (seen["object"], seen["finishes"]) == ("text_completion", ["stop"])


@pytest.mark.parametrize("kind", EMBEDDING)
def test_what_is_embedded_has_been_judged(serving, regions, kind):
    """Personal data is redacted in every text of a batch, and a secret in one of them refuses it all."""
    regions[0].reset()
    raw = serving.client().embeddings.with_raw_response.create(model=kind, input=["mail bob@example.com", "fine"])
    assert raw.parse().data[0].embedding == vector("mail [EMAIL_REDACTED]")
    assert "bob@" not in json.dumps(regions[0].bodies())
    line = serving.audited(raw.headers["x-request-id"])
    assert (line["verdict"], line["path"]) == ("redact", "/v1/embeddings")
    regions[0].reset()
    with pytest.raises(openai.ConflictError) as refused:
        serving.client().embeddings.create(model=kind, input=["fine", "AKIAIOSFODNN7EXAMPLE"])
    assert refused.value.code == "input_blocked"
    assert regions[0].requests() == []


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("kind", EMBEDDING)
def test_a_wrong_answer_is_none(serving, kind, fault):
    """A vector too few, words for numbers, an error with status 200, no JSON: 502, never a wrong vector."""
    raw = {"model": f"{kind}-{fault}", "input": ["one", "two"]}
    received = serving.http().post("/v1/embeddings", json=raw)
    assert received.status_code == 502, received.text
    assert received.json()["error"]["message"]
    assert serving.audited(received.headers["x-request-id"])["outcome"] in ("failed", "rejected")


def test_shuffled_vectors_go_by_their_index(serving):
    """A container may answer in any order, as long as it says so."""
    answer = serving.client().embeddings.create(model="vllm-embedding-vectors-shuffled", input=["a", "b", "c"])
    assert [entry.embedding for entry in answer.data] == [vector("a"), vector("b"), vector("c")]


def test_a_target_says_how_tokens_are_pooled(serving):
    """The first token's vector is another than their mean."""
    answer = serving.client().embeddings.create(model="hf-embedding-cls", input="one")
    assert answer.data[0].embedding == [number + 1 for number in vector("one")]


def test_dimensions_reach_the_container(serving):
    """By whatever name it has for them; where it has none, they are refused by name."""
    client = serving.client()
    for kind in ("vllm-embedding", "tei", "cohere", "jina", "voyage"):
        assert client.embeddings.create(model=kind, input="one", dimensions=4).data[0].embedding == vector("one", 4)
    for kind in ("lmi-embedding", "hf-embedding", "jumpstart-embedding"):
        with pytest.raises(openai.BadRequestError) as refused:
            client.embeddings.create(model=kind, input="one", dimensions=4)
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "dimensions")


def test_a_batch_that_is_too_large_for_the_container_is_told_so(serving):
    """TEI's own words reach the client: how many it takes."""
    with pytest.raises(openai.APIStatusError) as refused:
        serving.client().embeddings.create(model="tei", input=["a"] * 33)
    assert (refused.value.status_code, refused.value.code) == (413, "request_too_large")
    assert "maximum allowed batch size 32" in refused.value.message


def test_tokens_are_refused(serving, regions):
    """Numbers of a model's own are nothing that a policy can read; the message says what to send instead."""
    regions[0].reset()
    for given in ([1, 2, 3], [[1, 2], [3]]):
        with pytest.raises(openai.BadRequestError) as refused:
            serving.client().embeddings.create(model="vllm-embedding", input=given)
        assert refused.value.param == "input"
        with pytest.raises(openai.BadRequestError) as refused:
            serving.client().completions.create(model="chat-completing", prompt=given)
        assert "token ids" in refused.value.message
    assert regions[0].requests() == []


# Completions.


def test_prompts_are_choices_in_their_order(serving):
    """Several prompts, several answers to each: numbered prompt by prompt."""
    answer = serving.client().completions.create(model="chat-completing", prompt=["alpha", "bravo"], n=2)
    assert [(choice.index, choice.text) for choice in answer.choices] == [
        (0, "alpha"),
        (1, "alpha"),
        (2, "bravo"),
        (3, "bravo"),
    ]
    stream = serving.client().completions.create(model="chat-completing", prompt=["alpha", "bravo"], n=2, stream=True)
    joined = dict.fromkeys(range(4), "")
    for chunk in stream:
        for choice in chunk.choices:
            joined[choice.index] += choice.text
    assert joined == {0: "alpha", 1: "alpha", 2: "bravo", 3: "bravo"}


@pytest.mark.parametrize("kind", COMPLETING)
def test_probabilities_come_in_the_older_form(serving, kind):
    """As lists over the tokens, in whole answers and in streams."""
    client = serving.client()
    whole = client.completions.create(model=kind, prompt="alpha bravo", logprobs=0).choices[0].logprobs
    assert whole.tokens == ["alpha", " bravo"]
    assert (whole.token_logprobs, whole.text_offset) == ([-0.25, -0.25], [0, 5])
    chunks = client.completions.create(model=kind, prompt="alpha bravo", logprobs=0, stream=True)
    pieces = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
    assert [token for piece in pieces for token in piece.tokens] == ["alpha", " bravo"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_blocked_answer_is_refused(serving, answer, stream):
    """Whole with a 409, in mid-stream with an error event; in neither is anything of it."""
    raw = {
        "model": "chat-completing",
        "prompt": "x",
        "stream": stream,
        "emulator": answer("one AKIAIOSFODNN7EXAMPLE two"),
    }
    received = serving.http().post("/v1/completions", json=raw)
    assert received.status_code == (200 if stream else 409)
    assert b"AKIA" not in received.content
    assert b"output_blocked" in received.content
    assert b"[DONE]" not in received.content


def test_one_name_serves_chats_and_completions(serving):
    """Each by the target of its kind."""
    client = serving.client()
    chat = client.chat.completions.with_raw_response.create(model="both", messages=[{"role": "user", "content": "a b"}])
    completion = client.completions.with_raw_response.create(model="both", prompt="a b")
    assert chat.parse().choices[0].message.content == completion.parse().choices[0].text == "a b"
    targets = (chat.headers["x-kt-target"], completion.headers["x-kt-target"])
    assert targets == ("both-chat", "both-completion")


def test_a_model_of_another_kind_is_told_where_it_is(serving):
    """404 model_not_found with the path that serves it."""
    with pytest.raises(openai.NotFoundError) as refused:
        serving.client().chat.completions.create(model="tei", messages=[{"role": "user", "content": "x"}])
    assert (refused.value.code, "/v1/embeddings" in refused.value.message) == ("model_not_found", True)


def test_a_request_cannot_pose_as_another(serving, regions):
    """What LMI would read before `messages`, or vLLM before `input`, is refused with the field at fault."""
    regions[0].reset()
    posing = [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "prompt": [1, 2]}, "prompt"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "inputs": "y"}, "inputs"),
        ("/v1/embeddings", {"input": "x", "messages": [{"role": "user", "content": "y"}]}, "messages"),
        ("/v1/completions", {"prompt": "x", "prompt_embeds": "QUJD"}, "prompt_embeds"),
    ]
    for path, fields, param in posing:
        received = serving.http().post(path, json={"model": "both", **fields})
        assert (received.status_code, received.json()["error"]["param"]) == (400, param)
    assert regions[0].requests() == []


# Both.


@pytest.mark.parametrize("model", ["vectors", "texts"])
def test_both_fail_over_to_another_container(serving, model):
    """A throttle moves on, to a container that is asked in its own words."""
    client = serving.client()
    if model == "vectors":
        raw = client.embeddings.with_raw_response.create(model=model, input=["one", "two"])
        assert [entry.embedding for entry in raw.parse().data] == [vector("one"), vector("two")]
    else:
        raw = client.completions.with_raw_response.create(model=model, prompt="alpha bravo")
        assert raw.parse().choices[0].text == "alpha bravo"
    assert raw.headers["x-kt-target"] == f"{model}-b"
    line = serving.audited(raw.headers["x-request-id"])
    assert [attempt["status"] for attempt in line["attempts"]] == [400, 200]


def test_models_of_every_kind_are_listed(serving):
    """Each under its first name."""
    names = {model.id for model in serving.client().models.list()}
    assert {"tei", "cohere", "chat-completing", "both", "vectors"} <= names
