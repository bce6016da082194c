"""What scripts/bench --peers says: everybody's figures, the goals beside what was measured, and a drawing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import report
from bars import Panel, drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from report import Figures

OURS = "enterprise.yaml"
# Requests/s of the gateway with enterprise.yaml as a multiple of each other's, at 16 connections: at least.
GOALS = {"LiteLLM": 50.0, "Portkey": 3.0, "bare Envoy": 0.4}
COMPARED = {
    "bare Envoy": "SageMaker's API as it is, one route, no filter; signed by the client",
    "no policies": "OpenAI's API, translated and signed",
    "enterprise.yaml": "the same, with injection, PII and DLP policies both ways and the audit trail synced to disk",
    "LiteLLM": "OpenAI's API, translated and signed (sagemaker_chat); no guardrails, no database, as many workers",
    "Portkey": "SageMaker's API, signed, passed on untranslated (frames damaged); an uncounted Envoy fixes the host",
}
# How the drawing calls what is ours.
LABELS = {"no policies": "kt, no policies", "enterprise.yaml": "kt, enterprise"}
# Row of the report → title, and whether less is better.
PANELS = {
    "unary": (
        ("requests/s", "whole answers, requests/s", False),
        ("p50 ms", "whole answers, p50, ms", True),
        ("all CPU us/exchange", "CPU of all processes, µs per whole answer", True),
    ),
    "stream": (
        ("tokens/s", "streams, tokens/s", False),
        ("all CPU us/token", "CPU of all processes, µs per token", True),
        ("all MiB", "resident memory of all processes, MiB", True),
    ),
}


def goals(results: Mapping[str, Mapping[str, Figures]]) -> dict[str, tuple[float, float]]:
    """Against whom → how many times its requests/s ours were, and how many times are aimed at."""
    rate = {name: row["requests/s"] for name, row in report.rows(results, "unary").items()}
    return {name: (round(rate[OURS] / rate[name], 2) if rate[name] else 0.0, goal) for name, goal in GOALS.items()}


def as_text(results: Mapping[str, Mapping[str, Figures]], settings: Mapping[str, Any]) -> str:
    """The tables of scripts/bench, what each one does, and the goals."""
    lines = [report.as_text(results, settings), "", "What is compared"]
    lines += [f"  {name:18}{what}" for name, what in COMPARED.items()]
    lines += ["", f"Requests/s of {OURS}"]
    for name, (times, goal) in goals(results).items():
        lines.append(
            f"  against {name:12}{times:>8g}x   goal >= {goal:g}x   {'reached' if times >= goal else 'missed'}"
        )
    return "\n".join(lines)


def as_json(results: Mapping[str, Mapping[str, Figures]], settings: Mapping[str, Any]) -> str:
    """The document of scripts/bench with what is compared and the goals."""
    document = json.loads(report.as_json(results, settings))
    document["compared"] = COMPARED
    document["goals"] = {name: {"times": times, "goal": goal} for name, (times, goal) in goals(results).items()}
    return json.dumps(document, indent=2)


def as_svg(results: Mapping[str, Mapping[str, Figures]], settings: Mapping[str, Any]) -> str:
    """The figures as bars, a panel for each."""
    panels = []
    for kind, shown in PANELS.items():
        table = report.rows(results, kind)
        for key, title, less in shown:
            panels.append(
                Panel(
                    f"{title} ({'less' if less else 'more'} is better)",
                    {LABELS.get(name, name): row[key] for name, row in table.items()},
                )
            )
    text = (
        f"{settings['connections']} connections, prompts of {settings['prompt_bytes']:,} bytes, whole answers of "
        f"{settings['answer_tokens']} tokens, streams of {settings['stream_tokens']}; peers without guardrails"
    )
    return drawn(panels, text, emphasised=LABELS[OURS])
