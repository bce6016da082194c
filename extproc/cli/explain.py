"""`kt explain`: the way one request would take: its policies, its targets, and what each of them would be sent."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.runtime import Runtime
    from extproc.errors import GatewayError
    from extproc.routing.row import Row
    from extproc.routing.targets import Target
    from extproc.trial.explanation import Attempt, Explanation
    from extproc.trial.witness import Found, Said

SENT = 0
REFUSED = 1
UNUSABLE = 2
_ENDPOINTS = ("chat", "completions", "embeddings")
# For the admin listener's answer.
ADMIN_SECONDS = 10.0
# Why a target does not stand where it else would, in words.
_REASONS = {
    "open": "its circuit breaker is open",
    "half_open": "its circuit breaker is half-open, and its probes are under way",
    "probe": "its circuit breaker is half-open: this request would probe it",
    "resting": "throttled, and left alone for a while",
    "asleep": "no running copy, as it said last",
}


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "explain",
        help="show what becomes of one request, without sending it",
        description="Show what the policies say of a request, which targets it would go to and why not to the others, "
        "and what each would be sent. Nothing is sent, no credentials are looked up, and what a policy found is not "
        "printed. Exit status: 0 the request would go upstream, 1 it is refused, 2 the configuration or the file is "
        "unusable.",
    )
    parser.add_argument("--policy-config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--request", default="-", metavar="FILE", help="the JSON body; - for standard input (default)")
    parser.add_argument("--endpoint", choices=_ENDPOINTS, default="chat", help="where it comes to (default chat)")
    parser.add_argument(
        "--fail-mode", choices=("block", "allow"), default="block", help="as of the gateway (default block)"
    )
    parser.add_argument(
        "--admin",
        metavar="HOST:PORT",
        help="order the targets by what the gateway whose admin listener is there knows of them now; a strategy that "
        "goes by turn or by chance is shown as for the first of many requests",
    )
    parser.add_argument("--show-text", action="store_true", help="print what was found, too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """`kt explain`: 0 when the request would go upstream, 1 when it is refused, 2 when nothing can be said of it."""
    from extproc.config.load import ConfigurationError, load_runtime
    from extproc.openai import chat, completions, embeddings
    from extproc.routing.ledger import Unobserved
    from extproc.trial.explanation import explain

    endpoint = {"chat": chat, "completions": completions, "embeddings": embeddings}[arguments.endpoint]
    try:
        body = sys.stdin.buffer.read() if arguments.request == "-" else Path(arguments.request).read_bytes()
        runtime = load_runtime(arguments.policy_config, fail_open=arguments.fail_mode == "allow")
        seen = {} if arguments.admin is None else _seen(arguments.admin)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        print(f"kt explain: {arguments.request}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    except ValueError as error:
        print(f"kt explain: {error}", file=sys.stderr)
        return UNUSABLE
    explanation = explain(body, endpoint=endpoint, runtime=runtime, now=time.time(), observer=Unobserved(seen))
    report = _report(explanation, runtime, endpoint.PATH, show_text=arguments.show_text)
    report["notes"] = list(_notes(runtime, len(body)))
    print(json.dumps(report, indent=2) if arguments.json else "\n".join(_as_text(report)))
    return SENT if explanation.refusal is None and not report["notes"] else REFUSED


def _seen(admin: str) -> dict[str, Row]:
    """What a running gateway knows of its targets.

    Raises:
        ValueError: nobody there tells it; the text says so.
    """
    import urllib.error
    import urllib.request

    from extproc.routing.report import rows

    url = f"http://{admin}/keeptrusts/providers/metrics"
    try:
        with urllib.request.urlopen(url, timeout=ADMIN_SECONDS) as answer:
            return rows(json.load(answer))
    except (OSError, urllib.error.URLError) as error:
        raise ValueError(f"--admin {admin}: no answer ({getattr(error, 'reason', error)})") from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ValueError(f"--admin {admin}: the answer is none of a gateway's admin listener") from None


def _report(explanation: Explanation, runtime: Runtime, path: str, *, show_text: bool) -> dict[str, Any]:
    """All that is to be told, as a JSON object: the text says the same."""
    from extproc.trial.discretion import masked, masks

    hidden = {} if show_text else masks(explanation.found)
    left_out = {target.id: why for target, why in explanation.left_out}
    order = [attempt.target for attempt in explanation.attempts]
    others = [target for target in explanation.group if target.id in left_out]
    report = {
        "path": path,
        "model": explanation.model,
        "outcome": "sent" if explanation.refusal is None else "refused",
        "error": None if explanation.refusal is None else _error(explanation.refusal),
        "policies": [_policy(said, hidden, show_text=show_text) for said in explanation.said],
        "routing": {name: value for name, value in explanation.routing.items() if value} or None,
        "targets": [_target(target) for target in order],
        "left_out": [{**_target(target), "reason": left_out[target.id]} for target in others],
        "models": sorted({target.models[0] for target in runtime.targets}),
        "request": explanation.body,
        "attempts": [_attempt(attempt) for attempt in explanation.attempts],
    }
    return {**report, **{name: masked(report[name], hidden) for name in ("request", "attempts")}}


def _notes(runtime: Runtime, size: int) -> Iterator[str]:
    """What the gateway refuses before it asks any of this."""
    if not runtime.pack.enabled:
        yield "pack.enabled is false: the gateway refuses all traffic, this request too"
    if size > runtime.limits.max_body_bytes:
        yield f"the body has {size} bytes, more than size_limits.max_body_bytes: the gateway refuses it unread"


def _error(refusal: GatewayError) -> dict[str, Any]:
    return {
        "status": refusal.http_status,
        "type": refusal.type,
        "code": refusal.openai_code,
        "param": refusal.param,
        "message": refusal.message,
        "policy": refusal.policy,
        "detail": refusal.detail or None,
    }


def _policy(said: Said, hidden: dict[str, str], *, show_text: bool) -> dict[str, Any]:
    return {
        "policy": said.policy,
        "verdict": said.verdict,
        "rule": said.rule or None,
        "score": said.score,
        "findings": [_finding(found, hidden, show_text=show_text) for found in said.found],
    }


def _finding(found: Found, hidden: dict[str, str], *, show_text: bool) -> dict[str, Any]:
    from extproc.config.problem import dotted
    from extproc.trial.discretion import masked

    finding = found.finding
    told = {
        "entity": finding.entity,
        # A key can be what was found.
        "path": dotted(tuple(masked(step, hidden) for step in found.place.path)),
        "role": found.place.role,
        "kind": found.place.kind,
        "start": finding.start,
        "end": finding.end,
        "replacement": finding.replacement,
    }
    return {**told, "text": found.matched} if show_text else told


def _target(target: Target) -> dict[str, Any]:
    variables = (target.identity.access_key_env, target.identity.secret_key_env)
    return {
        "id": target.id,
        "kind": target.kind,
        "format": target.format,
        "region": target.region,
        "credentials": target.identity.name,
        "missing": [name for name in variables if name and not os.environ.get(name)],
        "max_context_tokens": target.max_context_tokens,
        "timeout_seconds": target.timeout_seconds,
        "first_byte_timeout_seconds": target.first_byte_timeout_seconds,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "target": attempt.target.id,
        "method": attempt.method,
        "url": attempt.url,
        "headers": dict(attempt.headers),
        "canonical_request": attempt.canonical or None,
        "body": json.loads(attempt.body),
    }


def _as_text(report: Mapping[str, Any]) -> Iterator[str]:
    error = report["error"]
    yield f"POST {report['path']}" + (f", model {json.dumps(report['model'])}" if report["model"] else "")
    if error is None:
        yield f"goes upstream, to {report['targets'][0]['id']} first"
    else:
        code = f" {error['code']}" if error["code"] else ""
        yield f"is refused with {error['status']} {error['type']}{code}: {error['message']}"
        if error["detail"]:
            yield f"  in the record: {error['detail']}"
    yield from (f"but {note}" for note in report["notes"])
    if report["policies"]:
        yield "\nPolicies, in the order they judge:"
    for policy in report["policies"]:
        yield from _policy_lines(policy)
    routing = report["routing"] or {}
    if report["model"]:
        by = f" (strategy {routing['strategy']})" if routing.get("strategy", "ordered") != "ordered" else ""
        yield f"\nTargets, in the order they are tried{by}:" if report["targets"] else "\nTargets of the model:"
    for number, target in enumerate(report["targets"], 1):
        why = routing.get("reasons", {}).get(target["id"])
        yield f"  {number}. {_target_line(target)}" + (f"; {_REASONS.get(why, why)}" if why else "")
    for target in report["left_out"]:
        same = error is not None and target["reason"] == error["message"]
        yield f"  -  {_target_line(target)}: {'refused as above' if same else 'left out: ' + target['reason']}"
    if report["model"] and not report["targets"] and not report["left_out"]:
        yield f"  none; models that are served: {', '.join(report['models'])}"
    if report["request"] is not None:
        yield "\nThe request as the policies leave it:"
        yield _pretty(report["request"])
    for attempt in report["attempts"]:
        yield f"\nTo {attempt['target']}:"
        yield f"  {attempt['method']} {attempt['url']}"
        yield from (f"  {name}: {value}" for name, value in attempt["headers"].items())
        yield _pretty(attempt["body"])
        if attempt["canonical_request"]:
            yield "  as it is signed:"
            yield from (f"    {line}" for line in attempt["canonical_request"].splitlines())


def _policy_lines(policy: Mapping[str, Any]) -> Iterator[str]:
    rule = f" by rule {policy['rule']}" if policy["rule"] else ""
    score = "" if policy["score"] is None else f", score {policy['score']:g}"
    yield f"  {policy['policy']:<17} {policy['verdict']}{rule}{score}"
    for found in policy["findings"]:
        became = "left as it is" if found["replacement"] is None else f"becomes {found['replacement']}"
        became = "refused" if found["entity"] == policy["rule"] else became
        text = f" {json.dumps(found['text'], ensure_ascii=False)}" if "text" in found else ""
        place = f"{found['path']} [{found['start']}:{found['end']}] ({found['role']})"
        yield f"    {found['entity']} at {place}{text}: {became}"


def _target_line(target: Mapping[str, Any]) -> str:
    missing = target["missing"]
    unset = f" ({', '.join(missing)} not set here: unavailable without)" if missing else ""
    what = f"{target['id']} ({target['kind']}, {target['format']}, {target['region']})"
    return f"{what}, signed with {target['credentials']}{unset}"


def _pretty(value: Any) -> str:
    # A surrogate that stands alone cannot be printed.
    lines = json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return "\n".join(f"  {line}" for line in lines.splitlines())
