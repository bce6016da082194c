"""Which settings go with which kind of endpoint: a setting that has no effect is a misunderstanding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.config.problem import Code, Path, Problem
from extproc.sagemaker.prompt import PROMPTED
from extproc.translate import TRANSLATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.config.model.target import Target

_OF_GENERATION = ("max_tokens", "temperature")
# Settings of embeddings → the formats that have a use for them.
_OF_EMBEDDING = {"input_type": ("cohere", "jina", "voyage"), "pooling": ("huggingface",)}


def check(target: Target, kind: str, path: Path) -> Iterator[Problem]:
    """What of a target's settings does not fit its kind ("chat", "completion" or "embedding").

    Args:
        target: as it stands in the file.
        kind: what its provider says.
        path: where it stands.
    """
    if (kind, target.format) not in TRANSLATORS:
        formats = ", ".join(sorted(dialect for served, dialect in TRANSLATORS if served == kind))
        message = f"no {kind} endpoint is spoken to in format {target.format}"
        yield Problem(Code.CONFLICT, (*path, "format"), message, f"expected one of [{formats}]")
        return
    yield from _prompt_template(target, kind, path)
    if target.upstream_model is not None and target.format not in ("openai", "auto"):
        yield _without_effect((*path, "upstream_model"), kind, target)
    options, given = (*path, "options"), target.options.model_fields_set
    for name in _OF_GENERATION:
        if kind == "embedding" and name in given:
            yield _without_effect((*options, name), kind, target)
    for name, formats_of in _OF_EMBEDDING.items():
        if name in given and not (kind == "embedding" and target.format in formats_of):
            yield _without_effect((*options, name), kind, target)
    for name in ("streaming", "first_byte_timeout_seconds"):
        if kind == "embedding" and getattr(target, name) is not None:
            yield _without_effect((*path, name), kind, target)
    if kind != "chat" and target.route == "openai":
        message = "SageMaker's OpenAI route serves chat completions only"
        yield Problem(Code.CONFLICT, (*path, "route"), message, "remove it or use route: invocations", at_key=True)


def _prompt_template(target: Target, kind: str, path: Path) -> Iterator[Problem]:
    prompted = kind == "chat" and target.format in PROMPTED
    if prompted and target.prompt_template is None:
        message = f"format {target.format} takes one text, and nothing says how the model is prompted"
        yield Problem(Code.CONFLICT, (*path, "format"), message, "add prompt_template: llama3, for example")
    elif target.prompt_template is not None and not prompted:
        yield _without_effect((*path, "prompt_template"), kind, target)


def _without_effect(path: Path, kind: str, target: Target) -> Problem:
    message = f"has no meaning for {kind} requests in format {target.format}"
    return Problem(Code.CONFLICT, path, message, "remove it", at_key=True)
