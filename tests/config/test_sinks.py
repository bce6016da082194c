"""Sinks checked and compiled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import TypeAdapter

from extproc.config import sinks, validate
from extproc.config.model.audit_sinks import AuditSink
from extproc.config.sinks import (
    OtlpSettings,
    S3Settings,
    StdoutSettings,
    WebhookSettings,
    compile_sinks,
)

if TYPE_CHECKING:
    from extproc.config.sink_settings import SinkSettings

LOGS, HOOK = "https://otel.example.com/v1/logs", "https://audit.example.com/ingest?tenant=7"


def compiled(*documents: dict[str, Any], days: int = 365, hold: bool = False) -> tuple[SinkSettings, ...]:
    """The settings of sinks given as in a file."""
    models = TypeAdapter(list[AuditSink]).validate_python(list(documents))
    return compile_sinks(models, retention_days=days, legal_hold=hold)


def said(*documents: object) -> list[tuple[tuple[str | int, ...], str]]:
    """What the check says: where below `sinks`, and what."""
    found = sinks.check({"policy": {"audit-logger": {"sinks": list(documents)}}})
    return [(problem.path[3:], problem.message) for problem in found]


def test_defaults() -> None:
    """Each kind of sink as it is when the file says the least."""
    assert compiled(
        {"type": "stdout"},
        {"type": "s3", "bucket": "archive"},
        {"type": "otlp", "endpoint": LOGS},
        {"type": "webhook", "url": HOOK},
    ) == (
        StdoutSettings(name="stdout"),
        S3Settings(name="s3", bucket="archive", interval=60.0, batch_bytes=8_388_608, batch_records=10_000_000),
        OtlpSettings(
            name="otlp", endpoint=LOGS, resource={"service.name": "kt-gateway"}, interval=1.0, batch_records=512
        ),
        WebhookSettings(name="webhook", url=HOOK, interval=1.0, batch_records=1000),
    )


def test_every_field_arrives() -> None:
    """What the file says is what the sink goes by; retention and legal hold are those of the trail."""
    common = {"required": False, "max_lag_seconds": 900, "interval_seconds": 5, "batch_bytes": 5000}
    runtime = {"required": False, "max_lag": 900.0, "interval": 5.0, "batch_bytes": 5000}
    assert compiled(
        {
            "type": "s3",
            "name": "archive",
            "bucket": "archive",
            "prefix": "kt/",
            "region": "eu-central-1",
            "endpoint_url": "http://localhost:9000",
            "aws_profile": "audit",
            "object_lock": "governance",
            "timeout_seconds": 7,
            **common,
        },
        {
            "type": "otlp",
            "endpoint": LOGS,
            "headers_env": "H",
            "resource": {"service.name": "mine", "a": "b"},
            "batch_records": 9,
            "timeout_seconds": 7,
            **common,
        },
        {
            "type": "webhook",
            "url": HOOK,
            "secret_env": "S",
            "headers_env": "H",
            "batch_records": 9,
            "timeout_seconds": 7,
            **common,
        },
        {"type": "s3", "name": "open", "bucket": "archive", "object_lock": "none"},
        days=2555,
        hold=True,
    ) == (
        S3Settings(
            name="archive",
            bucket="archive",
            prefix="kt/",
            region="eu-central-1",
            endpoint_url="http://localhost:9000",
            aws_profile="audit",
            object_lock="GOVERNANCE",
            retention_days=2555,
            legal_hold=True,
            timeout=7.0,
            batch_records=10_000_000,
            **runtime,
        ),
        OtlpSettings(
            name="otlp",
            endpoint=LOGS,
            headers_env="H",
            resource={"service.name": "mine", "a": "b"},
            batch_records=9,
            timeout=7.0,
            **runtime,
        ),
        WebhookSettings(
            name="webhook", url=HOOK, secret_env="S", headers_env="H", batch_records=9, timeout=7.0, **runtime
        ),
        S3Settings(
            name="open",
            bucket="archive",
            object_lock="",
            retention_days=2555,
            legal_hold=True,
            interval=60.0,
            batch_bytes=8_388_608,
            batch_records=10_000_000,
        ),
    )


@pytest.mark.parametrize(
    "document",
    [
        {"type": "stdout", "max_lag_seconds": 1},
        {"type": "webhook", "url": "https://a.example.com:8443/x/T0/B1?token=a"},
        {"type": "webhook", "url": "http://collector:8080/"},
        {"type": "otlp", "endpoint": "http://127.0.0.1:4318/v1/logs"},
        {"type": "otlp", "endpoint": "http://[::1]:4318/v1/logs"},
        {"type": "s3", "endpoint_url": "http://10.0.0.7:9000"},
        {"type": "s3", "interval_seconds": 149},
        {"type": "s3", "interval_seconds": "soon", "url": 3},
        "no section",
    ],
)
def test_what_is_right_is_passed(document: object) -> None:
    """No false alarms, and what the model refuses is left to it."""
    assert said(document) == []


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        ({"type": "webhook", "url": "ftp://a.example.com/"}, "url", "a URL begins with https:// or http://"),
        ({"type": "webhook", "url": "https:///x"}, "url", "the host is missing or no host name"),
        ({"type": "webhook", "url": "https://a.example.com:x/"}, "url", "the host or the port cannot be read"),
        ({"type": "webhook", "url": "https://[::1/"}, "url", "the host or the port cannot be read"),
        ({"type": "webhook", "url": "https://a.example.com/ x"}, "url", "no spaces"),
        ({"type": "webhook", "url": "https://a.example.com/#x"}, "url", "a fragment is never sent"),
        ({"type": "webhook", "url": "https://me:secret@a.example.com/"}, "url", "no user name or password"),
        ({"type": "webhook", "url": "http://a.example.com/?token=secret"}, "url", "in clear text: use https"),
        ({"type": "s3", "endpoint_url": "http://8.8.8.8/"}, "endpoint_url", "in clear text: use https"),
        ({"type": "otlp", "endpoint": "https://a.example.com/secret"}, "endpoint", "OTLP's path for logs is /v1/logs"),
        ({"type": "s3", "interval_seconds": 150}, "interval_seconds", "would soon be late by 300 s"),
        ({"type": "s3", "max_lag_seconds": 60}, "max_lag_seconds", "would soon be late by 60 s"),
        ({"type": "otlp", "max_lag_seconds": 2}, "max_lag_seconds", "would soon be late by 2 s"),
    ],
)
def test_what_is_wrong_is_told(document: dict[str, Any], field: str, message: str) -> None:
    """Where and what, and never what a URL holds."""
    ((path, text),) = said({"type": "stdout"}, document)
    assert path == (1, field)
    assert message in text
    assert "secret" not in text


def test_names_are_unique() -> None:
    """Two sinks of one type need names; a name may not be another's type."""
    assert said({"type": "stdout"}, {"type": "stdout"}) == [((1, "type"), "stdout is the name of sink 0 already")]
    assert said({"type": "s3", "name": "a"}, {"type": "s3", "name": "a"})[0][0] == (1, "name")
    assert said({"type": "s3", "name": "a"}, {"type": "s3"}, {"type": 7}) == []
    assert said({"type": "stdout"}, {"type": "s3", "name": "stdout"})[0][0] == (1, "name")


@pytest.mark.parametrize("root", [{}, {"policy": None}, {"policy": {"audit-logger": []}}])
def test_without_sinks_there_is_nothing_to_say(root: dict[str, Any]) -> None:
    """Whatever stands in their place."""
    assert list(sinks.check(root)) == []


def test_the_example_of_the_readme() -> None:
    """It is right as it is printed, and has one sink of each kind."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "sinks:" in block]
    root = yaml.safe_load(block)
    assert list(sinks.check(root)) == []
    settings = compiled(*root["policy"]["audit-logger"]["sinks"], days=2555)
    assert [each.required for each in settings] == [True, False, True, False]
    assert {type(each) for each in settings} == {S3Settings, OtlpSettings, WebhookSettings, StdoutSettings}


TEXT = b"""\
pack: {name: t, version: 1.0.0, enabled: true}
providers: {targets: [{id: a, provider: "sagemaker:chat:big", aws_region: us-east-1}]}
policies: {chain: [audit-logger]}
policy:
  audit-logger:
    sinks:
      - %s
"""


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (b"{type: s4}", "7:16: .type: expected one of [stdout, s3, otlp, webhook], found 's4'"),
        (b"{type: 3}", "7:16: .type: expected one of [stdout, s3, otlp, webhook], found the number 3"),
        (b"{bucket: audit}", "7:9: .type: is required"),
        (b"stdout", "7:9: : expected a section of keys and values, found text"),
        (b"{type: s3}", "7:9: .bucket: is required; for example audit-archive"),
        (b"{type: s3, buckt: abc, bucket: abc}", "7:20: .buckt: unknown key; did you mean bucket?"),
        (
            b"{type: otlp, endpoint: https://c.example/v1/logs, resource: {a: 1}}",
            "7:73: .resource.a: expected text, found the number 1",
        ),
        (
            b"{type: otlp, endpoint: https://c.example/v1/logs, resource: {a b: c}}",
            "7:75: .resource.'a b': 'a b' does not have the required",
        ),
    ],
)
def test_problems_are_placed(entry: bytes, problem: str) -> None:
    """A sink of several possible kinds has its problems where they stand, in the words of the kind that it says."""
    found = [
        each.render("").removeprefix(":").replace("policy.audit-logger.sinks[0]", "")
        for each in validate.validate(TEXT % entry)[2]
    ]
    assert len(found) == 1
    assert found[0].startswith(problem)
