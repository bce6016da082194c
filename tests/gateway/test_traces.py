"""Spans of a whole gateway, as a collector gets them: read with OpenTelemetry's own messages."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

POLICIES = """
policies: {chain: [prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  dlp-filter: {patterns: [{name: codeword, regex: sesame, action: block}]}
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self):
        self.requests = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                # Envoy sends it in chunks (RFC 9112, section 7.1).
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                collector.requests.append((self.path, self.headers["content-type"], body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def spans(self):
        """All of them, with the resource's service name."""
        found = []
        for path, kind, body in self.requests:
            assert (path, kind) == ("/v1/traces", "application/x-protobuf")
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert said(resource.resource)["service.name"] == "kt-gateway"
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found


def said(span):
    """Its attributes."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture
def collector():
    """One that listens."""
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


@pytest.fixture
def traced(gateways, launch, regions, collector):
    """Start a gateway of two targets that sends its spans there."""

    def start(*options):
        named = zip(("east", "west"), regions, strict=True)
        targets = "".join(launch.target(name, region, "chat", model="m") for name, region in named)
        return gateways(launch.pack(targets, POLICIES), "--workers", "1", "--traces", collector.url, *options)

    return start


def ask(gateway, text="hello", headers=(), **fields):
    """One chat."""
    document = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    return gateway.http().post("/v1/chat/completions", content=json.dumps(document).encode(), headers=dict(headers))


def exchanges(collector):
    """The spans of exchanges by their request id, those of probes left out."""
    servers = [span for span in collector.spans if span.kind == trace_pb2.Span.SPAN_KIND_SERVER]
    return {said(span)["kt.request_id"]: span for span in servers if "gen_ai.operation.name" in said(span)}


def below(collector, span):
    """The spans that belong to a span."""
    return [each for each in collector.spans if each.parent_span_id == span.span_id]


def test_an_exchange_is_a_span_and_each_attempt_one_below_it(traced, collector, launch, regions):
    """In the client's own trace, with what the audit record says; nothing of what was said in the messages."""
    gateway = traced()
    fault = json.dumps({"endpoint": "chat", "kind": "throttle", "times": 1}).encode()
    assert launch.get(f"{regions[0].url}/emulator/faults", method="POST", body=fault)[0] in (200, 204)
    answer = ask(gateway, "Write to jane@example.com", {"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert answer.status_code == 200
    identity = answer.headers["x-request-id"]
    launch.eventually(lambda: identity in exchanges(collector))
    span = exchanges(collector)[identity]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    told = said(span)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.sagemaker",
        "gen_ai.request.model": "m",
        "gen_ai.response.finish_reasons": "stop",
        "kt.target": "west",
        "kt.outcome": "served",
        "kt.verdict": "redact",
        "http.status_code": "200",
        "url.path": "/v1/chat/completions",
    }
    assert expected.items() <= told.items()
    usage = answer.json()["usage"]
    assert told["gen_ai.usage.input_tokens"] == str(usage["prompt_tokens"])
    assert told["gen_ai.usage.output_tokens"] == str(usage["completion_tokens"])
    launch.eventually(lambda: len(below(collector, span)) >= 2)
    # Whatever else Envoy would tell of would have come with them.
    assert ask(gateway).status_code == 200
    launch.eventually(lambda: len(exchanges(collector)) == 2)
    attempts = below(collector, span)
    assert sorted(each.name for each in attempts) == ["router east egress", "router west egress"]
    assert {each.kind for each in attempts} == {trace_pb2.Span.SPAN_KIND_CLIENT}
    assert {each.trace_id.hex() for each in attempts} == {TRACE}
    assert b"jane" not in b"".join(body for _, _, body in collector.requests)
    assert gateway.audited(identity)["target"] == "west"


def test_a_stream_and_a_refusal_have_their_spans_too(traced, collector, launch):
    """Tokens of the one, the policy of the other."""
    gateway = traced()
    stream, refused = ask(gateway, stream=True), ask(gateway, "sesame")
    assert (stream.status_code, refused.status_code) == (200, 409)
    ids = [answer.headers["x-request-id"] for answer in (stream, refused)]
    launch.eventually(lambda: set(ids) <= set(exchanges(collector)))
    first, second = (said(exchanges(collector)[each]) for each in ids)
    assert int(first["gen_ai.usage.output_tokens"]) > 0
    assert (first["kt.outcome"], first["kt.target"]) == ("served", "east")
    assert (second["kt.outcome"], second["kt.policy"], second["error.type"]) == (
        "blocked",
        "dlp-filter",
        "input_blocked",
    )
    assert "gen_ai.provider.name" not in second


def test_of_the_traces_that_begin_here_a_share_is_recorded(traced, collector, launch):
    """None at 0 percent; what the client's own trace records is recorded all the same."""
    gateway = traced("--traces-percent", "0")
    assert [ask(gateway).status_code for _ in range(5)] == [200] * 5
    answer = ask(gateway, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    launch.eventually(lambda: answer.headers["x-request-id"] in exchanges(collector))
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}


def test_a_collector_that_is_not_there_costs_no_exchange(gateways, launch, regions):
    """Spans are lost, requests are not."""
    options = ("--traces", f"http://127.0.0.1:{launch.free_port()}")
    gateway = gateways(launch.pack(launch.target("east", regions[0], "chat", model="m")), *options)
    assert [ask(gateway).status_code for _ in range(20)] == [200] * 20
