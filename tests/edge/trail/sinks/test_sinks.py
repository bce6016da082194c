"""Sinks are built from settings, each kind by its line in the table."""

import pytest

from extproc.config import sinks
from extproc.config.sink_settings import OtlpSettings, S3Settings, SinkSettings, StdoutSettings, WebhookSettings
from extproc.edge.trail.sinks import SINKS, build_sinks
from extproc.edge.trail.sinks.otlp import Otlp
from extproc.edge.trail.sinks.s3 import S3
from extproc.edge.trail.sinks.sink import Unusable
from extproc.edge.trail.sinks.stdout import Stdout
from extproc.edge.trail.sinks.webhook import Webhook

ALL = (
    StdoutSettings(name="stdout"),
    S3Settings(name="s3", bucket="audit"),
    OtlpSettings(name="otlp", endpoint="http://localhost:4318/v1/logs", headers_env="HEADERS"),
    WebhookSettings(name="webhook", url="https://audit.example.com/", secret_env="SECRET"),
)


def test_each_kind_of_settings_has_its_sink():
    """Every kind that a configuration can have is in the table, and is built in the order given."""
    kinds = {kind for kind in vars(sinks).values() if isinstance(kind, type) and issubclass(kind, SinkSettings)}
    assert set(SINKS) == kinds - {SinkSettings}
    built = build_sinks(ALL, {"HEADERS": "authorization=Bearer%20x", "SECRET": "s"})
    assert [type(sink) for sink in built] == [Stdout, S3, Otlp, Webhook]
    assert tuple(sink.settings for sink in built) == ALL


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"HEADERS": "a=b"}, "audit sink webhook: the environment variable SECRET is not set"),
        ({"SECRET": "x", "HEADERS": ""}, "audit sink otlp: the environment variable HEADERS is not set"),
        (
            {"SECRET": "x", "HEADERS": "se cret"},
            "audit sink otlp: the environment variable HEADERS does not hold headers",
        ),
    ],
)
def test_a_variable_that_is_missing_is_named(environ, text):
    """What a sink needs and has not got is said with the sink's name, and never with a variable's content."""
    with pytest.raises(Unusable) as raised:
        build_sinks(ALL, environ)
    assert str(raised.value).startswith(text)
    assert "se cret" not in str(raised.value)
