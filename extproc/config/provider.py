"""The `provider` string of a target: which kind of endpoint, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from extproc.config import known
from extproc.config.model.target import ENDPOINT_NAME
from extproc.config.problem import nearest

KINDS = ("chat", "completion", "embedding")
SAGEMAKER = "sagemaker"

_ENDPOINT_NAME = re.compile(ENDPOINT_NAME)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a target is called: `model` by clients, `name` by SageMaker."""

    kind: str
    model: str
    name: str


class InvalidProvider(Exception):
    """The target does not say which endpoint it means. `field` is the key at fault, `advice` what to write."""

    def __init__(self, field: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.advice = advice


def resolve(provider: str, *, forced: bool, model: str | None, endpoint_name: str | None) -> Endpoint:
    """The endpoint that a target's fields name together.

    Args:
        provider: `sagemaker`, `sagemaker:<kind>` or `sagemaker:<kind>:<name>`.
        forced: `provider_type: sagemaker` stands in the file, so that `provider` may begin with any other word, or
            with the kind, or be the endpoint's name alone.
        model: the target's `model`.
        endpoint_name: the target's `sagemaker_endpoint_name`.

    Raises:
        InvalidProvider: with the key at fault.
    """
    kind, named = _split(provider, forced=forced, elsewhere=bool(model or endpoint_name))
    if named is not None and model is not None and named != model:
        message = f"says {model!r} where provider says {named!r}"
        raise InvalidProvider("model", message, "keep one; sagemaker_endpoint_name may give the endpoint another name")
    chosen = named or model or endpoint_name
    if chosen is None:
        raise InvalidProvider(
            "provider",
            "names no endpoint",
            f"write {SAGEMAKER}:{kind}:<endpoint>, or add model or sagemaker_endpoint_name",
        )
    name = endpoint_name or chosen
    if len(name) > 63 or not _ENDPOINT_NAME.fullmatch(name):
        field = "model" if model is not None else "provider"
        raise InvalidProvider(field, *_bad_name(name))
    return Endpoint(kind, chosen, name)


def _split(provider: str, *, forced: bool, elsewhere: bool) -> tuple[str, str | None]:
    """Kind, and the name if the string holds one."""
    parts = provider.split(":", 2)
    if parts[0] != SAGEMAKER:
        if not forced:
            raise InvalidProvider("provider", *_other_provider(parts[0]))
        if parts[0] in KINDS:
            parts = [SAGEMAKER, *provider.split(":", 1)]
        elif len(parts) == 1:
            # A word alone: a label when the endpoint is named elsewhere, else the endpoint itself.
            return "chat", None if elsewhere else provider
    if len(parts) == 1:
        return "chat", None
    if parts[1] not in KINDS:
        if len(parts) == 2 and _ENDPOINT_NAME.fullmatch(parts[1]) and not nearest(parts[1], KINDS):
            raise InvalidProvider("provider", "does not say the kind", f"write {SAGEMAKER}:chat:{parts[1]}")
        found = nearest(parts[1], KINDS)
        advice = f"did you mean {found}?" if found else f"expected one of [{', '.join(KINDS)}]"
        raise InvalidProvider("provider", f"{_shown(parts[1])} is no kind of endpoint", advice)
    if len(parts) == 3 and not parts[2]:
        raise InvalidProvider("provider", "ends before the endpoint's name", f"write {SAGEMAKER}:{parts[1]}:<endpoint>")
    return parts[1], parts[2] if len(parts) == 3 else None


def _other_provider(word: str) -> tuple[str, str]:
    if word in known.PROVIDERS:
        return (
            f"{word} is known in the format, but not supported by this gateway yet",
            f"it serves {SAGEMAKER}:chat:<endpoint>",
        )
    if nearest(word, (SAGEMAKER,)):
        return f"{_shown(word)} is no provider", f"did you mean {SAGEMAKER}?"
    return (
        f"{_shown(word)} is no provider of this gateway",
        f"write {SAGEMAKER}:chat:<endpoint>, or add provider_type: {SAGEMAKER}",
    )


def _bad_name(name: str) -> tuple[str, str]:
    message = f"{_shown(name)} is no SageMaker endpoint name"
    if name.startswith("arn:"):
        return "an ARN is no SageMaker endpoint name", "write only what follows endpoint/ in it"
    if len(name) > 63:
        return f"{message}: {len(name)} characters, and 63 are allowed", "shorten it or set sagemaker_endpoint_name"
    return message, "letters, digits and inner hyphens only; set sagemaker_endpoint_name if the model has another name"


def _shown(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "…")
