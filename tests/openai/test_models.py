"""GET /v1/models."""

from __future__ import annotations

from extproc.openai.models import listing, model


def test_models_are_listed_in_order() -> None:
    """The list has OpenAI's shape, and the order of the configuration."""
    listed = listing(["b", "a/x"], 1_700_000_000)
    assert listed["object"] == "list"
    assert [(item["id"], item["object"], item["created"]) for item in listed["data"]] == [
        ("b", "model", 1_700_000_000),
        ("a/x", "model", 1_700_000_000),
    ]


def test_one_model_is_told_as_in_the_list() -> None:
    """Retrieving a model gives the same object as listing it."""
    assert listing(["m"], 5)["data"] == [model("m", 5)]
