"""The kinds of sinks: one file each, and one line in this table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from extproc.config.sink_settings import OtlpSettings, S3Settings, SinkSettings, StdoutSettings, WebhookSettings
from extproc.edge.trail.sinks.otlp import Otlp
from extproc.edge.trail.sinks.s3 import S3
from extproc.edge.trail.sinks.sink import Sink, Unusable
from extproc.edge.trail.sinks.stdout import Stdout
from extproc.edge.trail.sinks.webhook import Webhook

SINKS: Mapping[type[SinkSettings], Callable[[Any, Mapping[str, str]], Sink]] = {
    StdoutSettings: Stdout,
    S3Settings: S3,
    OtlpSettings: Otlp,
    WebhookSettings: Webhook,
}


def build_sinks(settings: Iterable[SinkSettings], environ: Mapping[str, str]) -> tuple[Sink, ...]:
    """The sinks, in order; nothing is connected to yet.

    Raises:
        Unusable: a variable that one of them needs is not set.
    """
    built = []
    for each in settings:
        try:
            built.append(SINKS[type(each)](each, environ))
        except Unusable as error:
            raise Unusable(f"audit sink {each.name}: {error}") from None
    return tuple(built)
