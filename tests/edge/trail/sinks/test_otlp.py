"""OTLP: what a real server receives, read with OpenTelemetry's own messages."""

import gzip
import json

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.logs.v1 import logs_pb2
from structlog.testing import capture_logs

from extproc.config.sink_settings import OtlpSettings
from extproc.edge.trail.piece import read
from extproc.edge.trail.sinks.otlp import Otlp, log_record
from extproc.edge.trail.sinks.sink import Undelivered


@pytest.fixture
def sink(receiver):
    """A sink with a header and a resource."""
    resource = {"service.name": "kt-gateway", "deployment.environment.name": "prod"}
    settings = OtlpSettings(name="otlp", endpoint=f"{receiver.url}/v1/logs", headers_env="H", resource=resource)
    return Otlp(settings, {"H": "api-key=k"})


@pytest.fixture
def piece(trail, directory):
    """A piece with exchanges."""
    writing = trail.Writing(directory)
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    writing.batch(
        2, status=200, model="big", target="east", request_id="r-1", verdict="redact", usage=usage, text="é\n"
    )
    return read(writing.paths[0], 0, 1_000_000, 1000)


def values(attributes):
    """Attributes as a dict."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def exported(receiver):
    """The one request, as OpenTelemetry's library reads it."""
    ((path, headers, body),) = receiver.requests
    assert (path, headers["content-type"], headers["content-encoding"]) == ("/v1/logs", "application/json", "gzip")
    assert headers["api-key"] == "k"
    return json_format.Parse(gzip.decompress(body), ExportLogsServiceRequest())


def test_each_line_is_a_log_record(receiver, sink, piece):
    """Bodies are the lines as they stand; times are exact; what lines hold stands in attributes too."""
    sink.prepare()
    assert sink.deliver(piece) == len(piece.data)
    (resource_logs,) = exported(receiver).resource_logs
    assert values(resource_logs.resource.attributes) == {
        "service.name": "kt-gateway",
        "deployment.environment.name": "prod",
    }
    (scope_logs,) = resource_logs.scope_logs
    assert scope_logs.scope.name == "kt.audit"
    records = scope_logs.log_records
    lines = piece.data.splitlines()
    assert [record.body.string_value.encode() for record in records] == lines
    assert [record.event_name for record in records] == [
        "kt.audit.opened",
        "kt.audit.exchange",
        "kt.audit.exchange",
        "kt.audit.seal",
    ]
    assert {record.time_unix_nano for record in records} == {1_770_120_000_000_000_000}
    assert all(record.observed_time_unix_nano for record in records)
    exchange = json.loads(lines[1])
    assert values(records[1].attributes) == {
        "kt.audit.chain": exchange["chain"],
        "kt.audit.seq": 1,
        "kt.audit.event": "exchange",
        "kt.request_id": "r-1",
        "kt.outcome": "served",
        "kt.verdict": "redact",
        "kt.target": "east",
        "gen_ai.request.model": "big",
        "http.response.status_code": 200,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5,
    }


@pytest.mark.parametrize("count", [1, 13, 14, 15, 30, 200])
def test_pieces_of_any_length_arrive_whole(trail, directory, receiver, sink, count):
    """A request that is made in parts is one document, with every line once and in order."""
    writing = trail.Writing(directory)
    writing.batch(count)
    sink.deliver(read(writing.paths[0], 0, 1_000_000, 1000))
    ((scope_logs,),) = [each.scope_logs for each in exported(receiver).resource_logs]
    assert [record.body.string_value.encode() for record in scope_logs.log_records] == writing.written().splitlines()


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ({"event": "exchange", "outcome": "served"}, "INFO"),
        ({"event": "exchange", "outcome": "blocked"}, "WARN"),
        ({"event": "exchange", "outcome": "rejected"}, "WARN"),
        ({"event": "exchange", "outcome": "aborted"}, "WARN"),
        ({"event": "exchange", "outcome": "failed"}, "ERROR"),
        ({"event": "dropped", "count": 3}, "ERROR"),
        ({"event": "checkpoint"}, "INFO"),
    ],
)
def test_severity(line, severity):
    """How bad it is, by how the exchange ended; lost lines are errors."""
    made = json_format.ParseDict(log_record(json.dumps(line).encode(), "1"), logs_pb2.LogRecord())
    assert made.severity_text == severity
    assert logs_pb2.SeverityNumber.Name(made.severity_number) == f"SEVERITY_NUMBER_{severity}"
    assert made.time_unix_nano == 0


def test_times_keep_their_microseconds():
    """No float rounds them."""
    assert log_record(b'{"time":"2026-02-03T12:00:00.123457Z"}', "1")["timeUnixNano"] == "1770120000123457000"


def test_a_partial_success_is_counted_and_not_repeated(receiver, sink, piece):
    """What the collector rejects for good is delivered all the same, and told; a warning without rejects is not."""
    answer = ExportLogsServiceResponse()
    answer.partial_success.error_message = "secret"
    receiver.answers.append((200, {}, json_format.MessageToJson(answer).encode()))
    answer.partial_success.rejected_log_records = 2
    receiver.answers.append((200, {}, json_format.MessageToJson(answer).encode()))
    with capture_logs() as logged:
        assert [sink.deliver(piece), sink.deliver(piece)] == [len(piece.data)] * 2
    assert sink.rejected == 2
    assert [(line["sink"], line["records"]) for line in logged] == [("otlp", 2)]
    assert "secret" not in str(logged)


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"no json", b"[]", b'{"partialSuccess":null}', b'{"partialSuccess":{}}']
)
def test_any_other_2xx_is_a_full_success(receiver, sink, piece, answer):
    """Collectors answer with little or nothing."""
    receiver.answers = [(200, {}, answer)]
    assert sink.deliver(piece) == len(piece.data)
    assert sink.rejected == 0


@pytest.mark.parametrize(("status", "seconds"), [(429, 4.0), (503, 9.0)])
def test_a_collector_may_ask_for_time(receiver, sink, piece, status, seconds):
    """Retry-After is handed on; nothing counts as delivered."""
    receiver.answers = [(status, {"retry-after": f"{seconds:g}"}, b"")]
    with pytest.raises(Undelivered) as raised:
        sink.deliver(piece)
    assert (raised.value.kind, raised.value.retry_after) == (f"http {status}", seconds)
