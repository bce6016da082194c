"""vLLM's legacy completions, read by OpenAI's own type."""

from __future__ import annotations

import json

import pytest
from openai.types import Completion

from extproc.emulator.container import ContainerRefused
from extproc.emulator.knobs import DEFAULT, Knobs
from extproc.emulator.legacy_completions import chunks, complete, document, fits
from extproc.emulator.prompts import spell


def answer(asked, knobs=DEFAULT):
    """What the container makes of a request that fits."""
    assert fits(asked)
    return complete(asked, knobs, "my-endpoint", 1_790_000_000, 7)


def whole(asked, knobs=DEFAULT):
    """The whole answer as OpenAI's type, which knows nothing of a first token without a probability."""
    made = json.loads(document(answer(asked, knobs)))
    return Completion.construct(**made) if asked.get("echo") else Completion.model_validate(made)


def streamed(asked, knobs=DEFAULT):
    """The chunks as OpenAI's type."""
    return [json.loads(chunk) for chunk in chunks(answer({**asked, "stream": True}, knobs))]


ASKED = [
    {"prompt": "one two three"},
    {"prompt": "one two three", "max_tokens": 2, "echo": True},
    {"prompt": "one two three", "max_tokens": 0, "echo": True},
    {"prompt": ["a", "b c d", "e f"], "n": 2, "logprobs": 1},
    {"prompt": "one END two", "stop": ["END"], "logprobs": 0, "echo": True},
    {"prompt": "one END two", "stop": "END", "include_stop_str_in_output": True},
    {"prompt": "END", "stop": "END", "logprobs": 2},
    {"prompt": "Grüße 😀", "logprobs": 3, "echo": True},
    {"prompt": [[1, 2], [3]]},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_stream_says_what_the_document_says(asked) -> None:
    """Texts, log probabilities and reasons of every choice are the same, and a reason comes once."""
    parts = [choice for chunk in streamed(asked) for choice in chunk["choices"]]
    for choice in whole(asked).choices:
        own = [part for part in parts if part["index"] == choice.index]
        assert "".join(part["text"] for part in own) == choice.text
        assert [part["finish_reason"] for part in own if part["finish_reason"]] == [choice.finish_reason]
        if "logprobs" not in asked:
            assert choice.logprobs is None
            continue
        for name, values in choice.logprobs.model_dump().items():
            assert [value for part in own for value in part["logprobs"][name]] == values


@pytest.mark.parametrize(
    ("asked", "texts", "reasons"),
    [
        ({"prompt": "a b"}, ["a b"], ["stop"]),
        ({"prompt": "a b", "max_tokens": 1}, ["a"], ["length"]),
        ({"prompt": "a b", "max_tokens": None}, ["a b"], ["stop"]),
        ({"prompt": "word " * 20}, [("word " * 16).strip()], ["length"]),
        ({"prompt": "a b", "echo": True}, ["a ba b"], ["stop"]),
        ({"prompt": "a b", "echo": True, "max_tokens": 0}, ["a b"], ["length"]),
        ({"prompt": ["a", "b"], "n": 2}, ["a", "a", "b", "b"], ["stop"] * 4),
        ({"prompt": "a. b", "stop": [". "]}, ["a"], ["stop"]),
        ({"prompt": [5, 6]}, ["5 6"], ["stop"]),
        ({"prompt": [[5, 6], [7]]}, ["5 6", "7"], ["stop"] * 2),
        ({"prompt": spell("a secret")}, ["a secret"], ["stop"]),
    ],
    ids=str,
)
def test_a_prompt_is_answered_by_itself(asked, texts, reasons) -> None:
    """Choices are numbered prompt by prompt; the limit is 16 unless given, also where null is given."""
    made = whole(asked)
    assert [choice.text for choice in made.choices] == texts
    assert [choice.finish_reason for choice in made.choices] == reasons
    assert [choice.index for choice in made.choices] == list(range(len(texts)))


def test_which_stop_it_was_is_said() -> None:
    """In vLLM's own field, and null where the answer ended by itself."""
    made = json.loads(document(answer({"prompt": ["a STOP b", "c"], "stop": ["STOP"]})))
    assert [choice["stop_reason"] for choice in made["choices"]] == ["STOP", None]


def test_usage_counts_prompts_once_and_every_choice() -> None:
    """The same in the document and in the stream's last chunk, which comes when asked for."""
    asked = {"prompt": ["a b c", "d"], "n": 3, "max_tokens": 2}
    expected = {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}
    assert whole(asked).usage.model_dump(include=set(expected)) == expected
    last = streamed({**asked, "stream": True, "stream_options": {"include_usage": True}})[-1]
    assert last["choices"] == []
    assert {name: last["usage"][name] for name in expected} == expected
    assert all(chunk["usage"] is None for chunk in streamed(asked))


def test_log_probabilities_have_openais_four_lists() -> None:
    """One entry a token, offsets in characters, as many alternatives as asked for beside the token taken."""
    logprobs = whole({"prompt": "ab cd", "logprobs": 2, "echo": True}).choices[0].logprobs
    assert logprobs.tokens == ["ab", " cd", "ab", " cd"]
    assert logprobs.text_offset == [0, 2, 5, 7]
    assert logprobs.token_logprobs == [None, -0.25, -0.25, -0.25]
    assert [len(top) if top else None for top in logprobs.top_logprobs] == [None, 3, 3, 3]
    assert logprobs.top_logprobs[1][" cd"] == -0.25


def test_names_and_numbers() -> None:
    """The model is the request's or the endpoint's, the id the request's number."""
    made = whole({"prompt": "x"})
    assert (made.id, made.object, made.created, made.model) == (
        f"cmpl-{7:032x}",
        "text_completion",
        1_790_000_000,
        "my-endpoint",
    )
    assert whole({"prompt": "x", "model": "m"}).model == "m"


def test_knobs_replace_the_answer() -> None:
    """Text, number and size of tokens, and the finish reason, as in a chat."""
    made = whole({"prompt": "x"}, Knobs(text="abcde", token_chars=2, finish_reason="content_filter"))
    assert (made.choices[0].text, made.choices[0].finish_reason) == ("abcde", "content_filter")
    assert len(streamed({"prompt": "x"}, Knobs(text="abcde", token_chars=2))) == 3
    assert whole({"prompt": "x", "max_tokens": 100}, Knobs(tokens=30)).usage.completion_tokens == 30


def test_other_words_may_be_put_in() -> None:
    """Every choice says them."""
    made = json.loads(document(answer({"prompt": ["x", "y"]}).saying(("huge", " text"))))
    assert [choice["text"] for choice in made["choices"]] == ["huge text"] * 2


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"prompt": ""},
        {"prompt": []},
        {"prompt": 1},
        {"prompt": ["a", 1]},
        {"prompt": [1, -1]},
        {"prompt": [[1], "a"]},
        {"prompt": "x", "max_tokens": "1"},
        {"prompt": "x", "max_tokens": True},
        {"prompt": "x", "logprobs": True},
        {"prompt": "x", "n": 1.5},
        {"prompt": "x", "echo": 1},
        {"prompt": "x", "stop": [1]},
        {"prompt": "x", "stream_options": {"include_usage": True}},
    ],
    ids=str,
)
def test_what_vllms_schema_does_not_take(asked) -> None:
    """No text, or a field of another type, is no completion at all."""
    assert not fits(asked)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"prompt": "x", "suffix": "y"}, "suffix is not currently supported"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens must be at least 1, got 0."),
        ({"prompt": "x", "max_tokens": -1, "echo": True}, "max_tokens must be at least 1"),
        ({"prompt": "x", "logprobs": 21}, "greater than max allowed: 20"),
        ({"prompt": ["x", ""]}, "cannot be empty"),
        ({"prompt": "x", "stop": ""}, "empty string"),
        ({"prompt": "x", "stop": ["a", ""]}, "empty string"),
        ({"prompt": "x", "n": 0}, "n must be"),
    ],
    ids=str,
)
def test_what_vllm_refuses_is_refused(asked, words) -> None:
    """In vLLM's shape."""
    with pytest.raises(ContainerRefused) as refused:
        answer(asked)
    error = json.loads(refused.value.body)["error"]
    assert (refused.value.status, error["type"]) == (400, "BadRequestError")
    assert words in error["message"]
