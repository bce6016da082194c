"""What no single field can say: names that must be unique, fields that go together, entries of the chain.

The checks read plain values, not the model, so that they speak even when other fields are wrong: all problems at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from extproc.config import auditing, broad, known, placing, references, reversible, sinks
from extproc.config.base_url import parse_base_url
from extproc.config.model.target import DEFAULT_TIMEOUT, ENVIRONMENT_NAME
from extproc.config.problem import Code, Path, Problem, Severity, did_you_mean, dotted
from extproc.config.provider import InvalidProvider, resolve
from extproc.policies.fuzzy import MOST_TERMS, too_short
from extproc.policies.table import KINDS

# Envoy's cluster of a target is called as the target is, and the workers' is "kt.workers".
_OURS = "kt."
_NOT_YET = "known in the format, not supported by this gateway yet"
# AKIA and ASIA begin access key ids: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_ACCESS_KEY_ID = re.compile(r"A[KS]IA[A-Z0-9]{16}")


def check(value: dict[str, Any]) -> Iterator[Problem]:
    """Every problem that the model cannot see, in no particular order."""
    yield from _empty(value, ())
    yield from _unsupported(value)
    yield from _pack(value.get("pack"))
    yield from _chain(value)
    yield from _targets(value)
    yield from _generations(value)
    yield from _rule_names(value)
    yield from placing.check(value.get("policy"))
    yield from reversible.check(value)
    yield from auditing.check(value)
    yield from sinks.check(value)
    for place in broad.PLACES:
        for path, pattern in _values(value, place):
            yield from broad.check(path, pattern)
    yield from _distances(value)
    yield from references.check(value)


# Settings that the two generations of the format spell differently: where all of them stand below `policy`.
_SAME = (
    (
        ("prompt-injection", "threshold"),
        ("prompt-injection", "embedding_threshold"),
        ("prompt-injection", "detection", "embedding_threshold"),
    ),
    (("prompt-injection", "action"), ("prompt-injection", "response", "action")),
    (("prompt-injection", "attack_patterns"), ("prompt-injection", "detection", "attack_patterns")),
)


def _empty(value: Any, path: Path) -> Iterator[Problem]:
    """A key with nothing after it is a mistake more often than a wish."""
    if path == ("testing",):
        return  # A message's content may be null.
    if value is None and path:
        # `null` as temperature means: leave it to the model. In the chain, `- kind:` says no more than `- kind`.
        if path[-2:] != ("options", "temperature") and not (path[:2] == ("policies", "chain") and len(path) == 4):
            yield Problem(Code.MISSING, path, "has no value", "give it one or remove the key", at_key=True)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _empty(inner, (*path, index))


def _unsupported(root: dict[str, Any]) -> Iterator[Problem]:
    """Keys of the wider format."""
    for place, names in known.KEYS.items():
        for path, section in _walk(root, place, ()):
            for name in section:
                if name in names:
                    yield Problem(Code.UNSUPPORTED, (*path, name), _NOT_YET, "remove it", at_key=True)
    for place, values in known.VALUES.items():
        for path, section in _walk(root, place[:-1], ()):
            value = section.get(place[-1])
            # By type as well: to Python, True is 1.
            if any(value == other and type(value) is type(other) for other in values):
                shown = str(value).lower() if isinstance(value, bool) else value
                yield Problem(Code.UNSUPPORTED, (*path, place[-1]), f"{shown} is {_NOT_YET}")
    policy = root.get("policy")
    for name in policy if isinstance(policy, dict) else ():
        if name in known.POLICY_KINDS:
            yield Problem(Code.UNSUPPORTED, ("policy", name), f"policy {_NOT_YET}", "remove it", at_key=True)


def _walk(value: Any, place: tuple[str, ...], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not place:
        if isinstance(value, dict):
            yield path, value
    elif place[0] == "[]":
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _walk(item, place[1:], (*path, index))
    elif isinstance(value, dict) and place[0] in value:
        yield from _walk(value[place[0]], place[1:], (*path, place[0]))


def _values(root: dict[str, Any], place: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    """What stands at a place: in a field of a section, or in a list there."""
    field = place[:-1] if place[-1] == "[]" else place
    for path, section in _walk(root, field[:-1], ()):
        value = section.get(field[-1])
        if field is place:
            yield (*path, field[-1]), value
        else:
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield (*path, field[-1], index), item


def _pack(pack: Any) -> Iterator[Problem]:
    if isinstance(pack, dict) and pack.get("enabled") is False:
        yield Problem(Code.DISABLED, ("pack", "enabled"), "all traffic is refused", severity=Severity.WARNING)


def _chain(root: dict[str, Any]) -> Iterator[Problem]:
    policies = root.get("policies")
    chain = policies.get("chain") if isinstance(policies, dict) else None
    if not isinstance(chain, list):
        return
    policy = root.get("policy", {})
    blocks = policy if isinstance(policy, dict) else {}
    first: dict[str, int] = {}
    for index, entry in enumerate(chain):
        path: Path = ("policies", "chain", index)
        kind = entry
        if isinstance(entry, dict):
            if len(entry) != 1:
                message = "an entry is a policy kind, or one kind with its conditions"
                yield Problem(Code.WRONG_TYPE, path, message, "one entry for each kind")
                continue
            ((kind, conditions),) = entry.items()
            yield from _conditions((*path, kind), conditions)
        if not isinstance(kind, str):
            continue
        if kind not in KINDS:
            yield _unknown_kind(path, kind)
        elif kind in first:
            yield Problem(Code.DUPLICATE, path, f"{kind} is already entry {first[kind]} of the chain", "remove one")
        else:
            first[kind] = index
            if kind not in blocks:
                message = f"{kind} has no settings under policy and runs with its defaults"
                yield Problem(Code.CHAIN_MISMATCH, path, message, severity=Severity.WARNING)
    for kind in blocks:
        if kind in KINDS and kind not in first:
            message = "not in policies.chain, so it does not run"
            yield Problem(
                Code.CHAIN_MISMATCH, ("policy", kind), message, "add it there", severity=Severity.WARNING, at_key=True
            )
    if not chain:
        message = "no policy runs: nothing is guarded and nothing is audited"
        yield Problem(Code.EMPTY_CHAIN, ("policies", "chain"), message, severity=Severity.WARNING)


def _conditions(path: Path, conditions: Any) -> Iterator[Problem]:
    if isinstance(conditions, dict):
        for name in conditions:
            if name in known.CHAIN_ENTRY_KEYS:
                yield Problem(Code.UNSUPPORTED, (*path, name), _NOT_YET, "remove it", at_key=True)
            else:
                advice = did_you_mean(name, known.CHAIN_ENTRY_KEYS)
                yield Problem(Code.UNKNOWN_KEY, (*path, name), "unknown key", advice, at_key=True)
    elif conditions is not None:
        yield Problem(
            Code.WRONG_TYPE, path, "settings of a policy stand under policy, not in the chain", "write the kind alone"
        )


def _unknown_kind(path: Path, kind: str) -> Problem:
    if kind in known.POLICY_KINDS:
        return Problem(Code.UNSUPPORTED, path, f"policy {kind} is {_NOT_YET}", f"expected one of [{', '.join(KINDS)}]")
    shown = repr(kind if len(kind) <= 40 else kind[:40] + "…")
    return Problem(Code.UNKNOWN_POLICY, path, f"unknown policy {shown}", did_you_mean(kind, KINDS))


def _targets(root: dict[str, Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for path, target in _walk(root, ("providers", "targets", "[]"), ()):
        index = int(path[-1])
        name = target.get("id")
        if isinstance(name, str):
            if name in first:
                message = f"{name[:128]!r} is already the id of providers.targets[{first[name]}]"
                yield Problem(Code.DUPLICATE, (*path, "id"), message, "ids are unique")
            first.setdefault(name, index)
            if name.startswith(_OURS):
                message = f"{name[:128]!r} begins with {_OURS!r}, as the gateway's own clusters do"
                yield Problem(Code.NOT_ALLOWED, (*path, "id"), message, "choose another")
        yield from _provider(path, target)
        yield from _base_url(path, target.get("base_url"))
        yield from _identity(path, target)
        yield from _addressing(path, target)
        yield from _times(path, target)


def _times(path: Path, target: dict[str, Any]) -> Iterator[Problem]:
    name = "first_byte_timeout_seconds"
    first, whole = target.get(name), target.get("timeout_seconds", DEFAULT_TIMEOUT)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (first, whole))
    if numbers and first >= whole:
        message = f"must be shorter than timeout_seconds, which is {whole:g}"
        yield Problem(Code.CONFLICT, (*path, name), message, "remove it, or lower it", at_key=True)


def _provider(path: Path, target: dict[str, Any]) -> Iterator[Problem]:
    provider, model, endpoint = (target.get(key) for key in ("provider", "model", "sagemaker_endpoint_name"))
    if not isinstance(provider, str) or not provider or not all(isinstance(x, str | None) for x in (model, endpoint)):
        return
    try:
        resolve(provider, forced=target.get("provider_type") == "sagemaker", model=model, endpoint_name=endpoint)
    except InvalidProvider as error:
        code = Code.UNSUPPORTED if "not supported" in error.message else Code.PROVIDER
        yield Problem(code, (*path, error.field), error.message, error.advice)


def _base_url(path: Path, url: Any) -> Iterator[Problem]:
    if not isinstance(url, str) or not url:
        return
    try:
        origin = parse_base_url(url)
    except ValueError as error:
        yield Problem(Code.NOT_ALLOWED, (*path, "base_url"), str(error), "for example https://localhost:8443")
        return
    if origin.exposed:
        message = "prompts, answers and session tokens travel in clear text"
        yield Problem(Code.CLEAR_TEXT, (*path, "base_url"), message, "use https", severity=Severity.WARNING)


def _identity(path: Path, target: dict[str, Any]) -> Iterator[Problem]:
    pair = ("aws_access_key_env", "aws_secret_key_env")
    for name, other in (pair, pair[::-1]):
        value = target.get(name)
        if value is None:
            continue
        if isinstance(value, str) and (_ACCESS_KEY_ID.fullmatch(value) or not re.fullmatch(ENVIRONMENT_NAME, value)):
            # The value is not repeated: it may be the secret itself.
            message = "must be the NAME of an environment variable, never the key itself"
            yield Problem(
                Code.NOT_ALLOWED,
                (*path, name),
                message,
                "for example PROD_AWS_ACCESS_KEY_ID" if name == pair[0] else "for example PROD_AWS_SECRET_ACCESS_KEY",
            )
        if other not in target:
            yield Problem(Code.CONFLICT, (*path, name), f"goes together with {other}", f"add {other}", at_key=True)
        if name == pair[0] and target.get("aws_profile") is not None:
            message = "a target signs with a profile or with keys from variables, not both"
            yield Problem(Code.CONFLICT, (*path, "aws_profile"), message, f"remove aws_profile or {name}", at_key=True)


# What SageMaker's OpenAI route has no place for: it refuses the one header that was tried there, whatever its value.
_INVOCATIONS_ONLY = (
    "target_model",
    "target_variant",
    "target_container",
    "custom_attributes",
    "inference_id",
    "accept_eula",
    "sessions",
)
_ROLE = ("aws_external_id", "aws_role_session_name")


def _addressing(path: Path, target: dict[str, Any]) -> Iterator[Problem]:
    """What of a target's address cannot go together."""
    if target.get("route") == "openai":
        for name in _INVOCATIONS_ONLY:
            if name in target:
                message = "the openai route does not carry it"
                yield Problem(Code.CONFLICT, (*path, name), message, "remove it or use route: invocations", at_key=True)
        if target.get("format", "openai") != "openai":
            message = "on the openai route a container is spoken to in format openai"
            yield Problem(Code.CONFLICT, (*path, "format"), message, "remove it or use route: invocations", at_key=True)
    if target.get("target_model") is not None and target.get("streaming") is True:
        message = "SageMaker cannot stream from a model of a multi-model endpoint"
        yield Problem(Code.CONFLICT, (*path, "streaming"), message, "remove it", at_key=True)
    if target.get("base_url") is not None:
        for name in ("use_fips", "use_dualstack"):
            if target.get(name) is True:
                message = "has no meaning beside base_url, which names the host"
                yield Problem(Code.CONFLICT, (*path, name), message, "remove one of them", at_key=True)
    for name in _ROLE:
        if name in target and "aws_role_arn" not in target:
            message = "goes together with aws_role_arn"
            yield Problem(Code.CONFLICT, (*path, name), message, "add aws_role_arn", at_key=True)


def _generations(root: dict[str, Any]) -> Iterator[Problem]:
    """Two spellings of one setting may both be given, but not with two values."""
    for spellings in _SAME:
        first: tuple[Path, Any] | None = None
        for *place, name in spellings:
            for path, section in _walk(root, ("policy", *place), ()):
                if name not in section:
                    continue
                here: Path = (*path, name)
                if first is None:
                    first = here, section[name]
                elif section[name] != first[1]:
                    message = f"differs from {dotted(first[0])}, which is the same setting"
                    yield Problem(Code.CONFLICT, here, message, "keep one", at_key=True)


def _rule_names(root: dict[str, Any]) -> Iterator[Problem]:
    """A rule's name stands in refusals and audit records: two rules of one name could not be told apart."""
    first: dict[str, int] = {}
    for path, rule in _walk(root, ("policy", "dlp-filter", "patterns", "[]"), ()):
        name = rule.get("name")
        if isinstance(name, str) and first.setdefault(name, int(path[-1])) != path[-1]:
            message = f"{name[:100]!r} is already the name of patterns[{first[name]}]"
            yield Problem(Code.DUPLICATE, (*path, "name"), message, "names are unique")


def _distances(root: dict[str, Any]) -> Iterator[Problem]:
    """A short term with many edits allowed would be found in every other word."""
    for path, section in _walk(root, ("policy", "dlp-filter"), ()):
        distance = section.get("max_distance", 1)
        if section.get("fuzzy_matching") is not True:
            if "max_distance" in section:
                message = "has no effect without fuzzy_matching: true"
                yield Problem(Code.CONFLICT, (*path, "max_distance"), message, "add it or remove this", at_key=True)
            continue
        terms = section.get("blocked_terms")
        if not isinstance(distance, int) or not isinstance(terms, list):
            continue
        if distance > 2 and len(terms) > MOST_TERMS:
            message = f"max_distance {distance} is for at most {MOST_TERMS} terms, found {len(terms)}"
            yield Problem(Code.NOT_ALLOWED, (*path, "blocked_terms"), message, "lower it to 2", at_key=True)
        for index, term in enumerate(terms):
            if isinstance(term, str) and (reason := too_short(term, distance)):
                advice = "lower max_distance, or make it one of patterns"
                yield Problem(Code.NOT_ALLOWED, (*path, "blocked_terms", index), reason, advice)
