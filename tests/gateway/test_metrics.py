"""What a whole gateway counts: read by Prometheus' own parser from its admin listener."""

import json
import os
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from extproc.metrics.families import BY_NAME, FAMILIES

POLICIES = """
policies: {chain: [prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  dlp-filter: {patterns: [{name: codeword, regex: sesame, action: block}]}
"""
CHAT = {"endpoint": "chat/completions", "model": "m"}
OPERATION = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "aws.sagemaker", "gen_ai_request_model": "m"}


class Scraped:
    """A gateway and what its admin listener tells."""

    def __init__(self, gateway, launch, admin):
        self.gateway, self._launch, self._admin = gateway, launch, admin

    def text(self, path="/metrics"):
        """A page of counts."""
        status, text = self._launch.get(f"http://{self._admin}{path}")
        assert status == 200
        return text.decode()

    def value(self, name, **labels):
        """The sum of the samples that have these labels."""
        samples = (sample for family in text_string_to_metric_families(self.text()) for sample in family.samples)
        return sum(
            sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def eventually(self, expected, name, **labels):
        """Wait until it is so: workers tell of themselves once a second."""
        self._launch.eventually(lambda: self.value(name, **labels) == expected)

    def ask(self, text="hello", **fields):
        """One chat: the status."""
        document = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
        return self.gateway.http().post("/v1/chat/completions", content=json.dumps(document).encode()).status_code


@pytest.fixture
def scraped(gateways, launch, regions):
    """A gateway of two workers and two targets."""
    targets = launch.target("east", regions[0], "chat", model="m") + launch.target(
        "west", regions[1], "chat", model="m"
    )
    admin = f"127.0.0.1:{launch.free_port()}"
    return Scraped(gateways(launch.pack(targets, POLICIES), "--workers", "2", "--admin", admin), launch, admin)


def test_traffic_is_counted(scraped):
    """Chats and streams, what policies did, what the client did wrong, and what Envoy refused by itself."""
    assert [scraped.ask() for _ in range(3)] == [200] * 3
    assert scraped.ask("Write to jane@example.com", stream=True) == 200
    assert scraped.ask("sesame") == 409
    assert scraped.ask(model="nobody's") == 404
    assert scraped.gateway.http().get("/etc/passwd").status_code == 404
    scraped.eventually(4, "kt_exchanges_total", **CHAT, target="east", outcome="served", status="200")
    scraped.eventually(1, "kt_exchanges_total", **CHAT, target="", outcome="blocked", status="409")
    scraped.eventually(1, "kt_exchanges_total", endpoint="chat/completions", model="", outcome="rejected", status="404")
    scraped.eventually(1, "kt_exchanges_total", endpoint="other", outcome="rejected", status="404")
    assert scraped.value("gen_ai_client_operation_duration_seconds_count", **OPERATION, target="east") == 4
    assert scraped.value("gen_ai_client_operation_time_to_first_chunk_seconds_count", **OPERATION) == 1
    assert scraped.value("gen_ai_client_token_usage_count", **OPERATION, gen_ai_token_type="output") == 4
    assert scraped.value("gen_ai_client_token_usage_sum", **OPERATION, gen_ai_token_type="input", estimated="false") > 0
    assert scraped.value("kt_attempts_total", target="east", region="us-east-1", result="success") == 4
    assert scraped.value("kt_policy_verdicts_total", policy="pii-detector", verdict="redact") == 1
    assert scraped.value("kt_policy_verdicts_total", policy="dlp-filter", verdict="block") == 1
    assert scraped.value("kt_policy_findings_total", policy="pii-detector", entity="EMAIL", phase="request") == 1
    assert scraped.value("kt_processing_seconds_count", phase="request") == 6
    assert scraped.value("kt_processing_seconds_sum", phase="response") > 0


def test_a_failover_is_seen_in_the_attempts(scraped, launch, regions):
    """The exchange is the target's that served it."""
    fault = json.dumps({"endpoint": "chat", "kind": "throttle", "times": 1}).encode()
    assert launch.get(f"{regions[0].url}/emulator/faults", method="POST", body=fault)[0] in (200, 204)
    assert scraped.ask() == 200
    scraped.eventually(1, "kt_exchanges_total", **CHAT, target="west", outcome="served")
    assert scraped.value("kt_attempts_total", target="east", result="throttled") == 1
    assert scraped.value("kt_attempts_total", target="west", result="success") == 1


def test_counts_outlive_workers_and_configurations(scraped):
    """A worker that is killed, and a reload: the sums go on from where they were."""
    assert [scraped.ask() for _ in range(4)] == [200] * 4
    scraped.eventually(4, "kt_exchanges_total", **CHAT, outcome="served")
    os.kill(scraped.gateway.workers()[0], signal.SIGKILL)
    scraped.eventually(2, "kt_workers", state="running")
    assert scraped.value("kt_exchanges_total", **CHAT, outcome="served") == 4
    before = scraped.gateway.workers()
    scraped.gateway.process.send_signal(signal.SIGHUP)
    scraped.eventually(1, "kt_config_reloads_total", result="accepted")
    scraped._launch.eventually(lambda: not set(before) & set(scraped.gateway.workers()))
    assert scraped.ask() == 200
    scraped.eventually(5, "kt_exchanges_total", **CHAT, outcome="served")


def test_the_gateway_tells_of_itself(scraped):
    """Workers, configuration, credentials, targets, the trail; and every name is in the table."""
    scraped.ask()
    assert scraped.value("kt_workers", state="configured") == 2
    assert scraped.value("kt_config_info", pack="tests", version="1.0.0") == 1
    scraped.eventually(1, "kt_target_credentials", target="west")
    scraped.eventually(1, "kt_target_state", target="east", state="closed")
    scraped.eventually(0, "kt_exchanges_open")
    found = {family.name: family for family in text_string_to_metric_families(scraped.text())}
    assert found.keys() <= BY_NAME.keys()
    for name, family in found.items():
        assert (family.type, family.documentation) == (BY_NAME[name].kind, BY_NAME[name].help)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= set(BY_NAME[name].labels)
    assert len(found) > len(FAMILIES) // 2


def test_envoys_own_counts_are_there_too(scraped):
    """Of its admin endpoint nothing else is."""
    scraped.ask()
    text = scraped.text("/stats/prometheus")
    assert 'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="kt"}' in text
    assert scraped._launch.get(f"http://{scraped._admin}/stats")[0] == 404
