"""The options by which spans are sent to a collector."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.render.tracing import Collector


def add_traces(command: argparse.ArgumentParser) -> None:
    """Add them."""
    command.add_argument(
        "--traces",
        type=_url,
        metavar="URL",
        help="let Envoy send spans to this OpenTelemetry collector by OTLP over HTTP, http://collector:4318 say "
        "(default: none are made)",
    )
    command.add_argument(
        "--traces-percent",
        type=_percent,
        default=100.0,
        metavar="P",
        help="of the traces that begin here; of others their `traceparent` decides (default 100)",
    )


def collector(arguments: argparse.Namespace) -> Collector | None:
    """What they say."""
    from dataclasses import replace

    return None if arguments.traces is None else replace(arguments.traces, percent=arguments.traces_percent)


def _url(text: str) -> Collector:
    from extproc.render.tracing import Collector

    try:
        return Collector.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _percent(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage, 0 to 100")
    return number
