"""`policy.audit-logger.sinks` checked beyond its form, and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from extproc.config.base_url import parse_base_url
from extproc.config.model.audit_sinks import OtlpSink, S3Sink, StdoutSink, WebhookSink
from extproc.config.problem import Code, Path, Problem
from extproc.config.sink_settings import (
    OtlpSettings,
    S3Settings,
    SinkSettings,
    StdoutSettings,
    WebhookSettings,
)

PLACE: Path = ("policy", "audit-logger", "sinks")
_URLS = ("endpoint", "url", "endpoint_url")


def compile_sinks(
    models: Iterable[StdoutSink | S3Sink | OtlpSink | WebhookSink], *, retention_days: int, legal_hold: bool
) -> tuple[SinkSettings, ...]:
    """The settings of each sink, in the file's order; the last two are `audit-logger`'s."""
    return tuple(_compiled(model, retention_days, legal_hold=legal_hold) for model in models)


def _compiled(
    model: StdoutSink | S3Sink | OtlpSink | WebhookSink, retention_days: int, *, legal_hold: bool
) -> SinkSettings:
    common: dict[str, Any] = {
        "name": model.name or model.type,
        "required": model.required,
        "max_lag": float(model.max_lag_seconds),
    }
    if isinstance(model, StdoutSink):
        return StdoutSettings(**common)
    common |= {"interval": float(model.interval_seconds), "batch_bytes": model.batch_bytes}
    timeout = float(model.timeout_seconds)
    if isinstance(model, S3Sink):
        return S3Settings(
            **{**common, "batch_records": 10_000_000},  # an object may hold any number of lines
            bucket=model.bucket,
            prefix=model.prefix,
            region=model.region,
            endpoint_url=model.endpoint_url,
            aws_profile=model.aws_profile,
            object_lock="" if model.object_lock == "none" else model.object_lock.upper(),
            retention_days=retention_days,
            legal_hold=legal_hold,
            timeout=timeout,
        )
    common["batch_records"] = model.batch_records
    if isinstance(model, OtlpSink):
        resource = {"service.name": "kt-gateway", **model.resource}
        return OtlpSettings(
            **common, endpoint=model.endpoint, headers_env=model.headers_env, resource=resource, timeout=timeout
        )
    return WebhookSettings(
        **common, url=model.url, secret_env=model.secret_env, headers_env=model.headers_env, timeout=timeout
    )


def check(root: Mapping[str, Any]) -> Iterator[Problem]:
    """Every problem that the model cannot see: names that are not unique, URLs, times that contradict each other."""
    value: Any = root
    for part in PLACE:
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return
    sinks = [(index, sink) for index, sink in enumerate(value) if isinstance(sink, dict)]
    yield from _names(sinks)
    for index, sink in sinks:
        for name in _URLS:
            if isinstance(sink.get(name), str) and sink[name]:
                yield from _url((*PLACE, index, name), sink[name], logs=name == "endpoint")
        interval, lag = sink.get("interval_seconds", 60 if sink.get("type") == "s3" else 1), sink.get("max_lag_seconds")
        if _number(interval) and _number(lag if lag is not None else 300.0):
            most = 300.0 if lag is None else lag
            if sink.get("type") != "stdout" and most <= 2 * interval:
                message = f"lines that wait {interval:g} s for their batch would soon be late by {most:g} s"
                place = "interval_seconds" if lag is None else "max_lag_seconds"
                yield Problem(Code.CONFLICT, (*PLACE, index, place), message, "more than twice interval_seconds")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(sinks: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, sink in sinks:
        key = "name" if "name" in sink else "type"
        name = sink.get(key)
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"{name} is the name of sink {first[name]} already"
            yield Problem(Code.DUPLICATE, (*PLACE, index, key), message, "give it a name of its own")
        first.setdefault(name, index)


def _url(path: Path, url: str, *, logs: bool) -> Iterator[Problem]:
    """A sink's URL; what is said never repeats it: it may hold a token."""
    try:
        _refuse(url)
    except ValueError as error:
        yield Problem(Code.NOT_ALLOWED, path, str(error), "for example https://audit.example.com/v1/logs")
        return
    if logs and not urlsplit(url).path.endswith("/v1/logs"):
        yield Problem(Code.NOT_ALLOWED, path, "OTLP's path for logs is /v1/logs", "write the whole URL")


def _refuse(url: str) -> None:
    """Raises ValueError, with a text to show, for what is no URL or would send the trail over the Internet readable."""
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("a URL has no spaces, control characters or letters beyond ASCII")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("not a URL: the host or the port cannot be read") from None
    if "@" in parts.netloc:
        raise ValueError("no user name or password may stand in it; put them into a header (headers_env)")
    if parts.fragment:
        raise ValueError("a fragment is never sent")
    if parse_base_url(f"{parts.scheme}://{parts.netloc}").exposed:
        raise ValueError("the trail would cross a public network in clear text: use https")
