"""Every metric of the gateway, in one table.

Those that begin with `gen_ai` have the names, units and buckets of OpenTelemetry's semantic conventions for generative
AI, as Prometheus spells them; the gateway is the client there, SageMaker the provider. `target` is our own addition to
their labels. No label holds what a client may choose freely: an unknown model's name is "".
"""

from __future__ import annotations

from extproc.metrics.family import COUNTER, GAUGE, HIGHEST, HISTOGRAM, LOWEST, Family

# Seconds. The conventions' own go to 82; a long stream takes longer.
_OPERATION = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
    20.48,
    40.96,
    81.92,
    163.84,
    327.68,
    655.36,
)
_FIRST_CHUNK = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_PROCESSING = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_TOKENS = tuple(4.0**power for power in range(14))

_OPERATION_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "target")

# Exchanges.
EXCHANGES = Family(
    "kt_exchanges",
    COUNTER,
    "Exchanges that have ended, by what became of them and the status that the client got.",
    ("endpoint", "model", "target", "outcome", "status"),
)
EXCHANGE_SECONDS = Family(
    "kt_exchange_duration_seconds",
    HISTOGRAM,
    "From the request's headers to the exchange's end.",
    ("endpoint", "outcome"),
    _OPERATION,
)
PROCESSING_SECONDS = Family(
    "kt_processing_seconds",
    HISTOGRAM,
    "What a worker's own work took of a chat, completion or embedding: reading, policies, translation, signing.",
    ("phase",),
    _PROCESSING,
)
OPEN = Family("kt_exchanges_open", GAUGE, "Exchanges that the workers have open.")

# What was asked of SageMaker.
OPERATION_SECONDS = Family(
    "gen_ai_client_operation_duration_seconds",
    HISTOGRAM,
    "From the whole request to the end of the answer, with all attempts; error_type is empty where it was served.",
    (*_OPERATION_LABELS, "error_type"),
    _OPERATION,
)
FIRST_CHUNK_SECONDS = Family(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    HISTOGRAM,
    "From the whole request to the first content of a streamed answer.",
    _OPERATION_LABELS,
    _FIRST_CHUNK,
)
PER_TOKEN_SECONDS = Family(
    "gen_ai_server_time_per_output_token_seconds",
    HISTOGRAM,
    "Of a streamed answer, each token's time after the first one, on average.",
    _OPERATION_LABELS,
    _PER_TOKEN,
)
TOKENS = Family(
    "gen_ai_client_token_usage",
    HISTOGRAM,
    "Tokens of an exchange; estimated is true where the container reports none and they were counted by rule of thumb.",
    (*_OPERATION_LABELS, "gen_ai_token_type", "estimated"),
    _TOKENS,
)
ATTEMPTS = Family("kt_attempts", COUNTER, "Attempts at a target, by what they brought.", ("target", "region", "result"))

# Policies.
VERDICTS = Family("kt_policy_verdicts", COUNTER, "What each policy said of an exchange in all.", ("policy", "verdict"))
FINDINGS = Family("kt_policy_findings", COUNTER, "What policies found, redacted or not.", ("policy", "entity", "phase"))

# The processes.
WORKERS = Family("kt_workers", GAUGE, "Workers that run, and that are configured.", ("state",))
LOOP_LAG = Family(
    "kt_loop_lag_seconds",
    GAUGE,
    "By how much a worker's event loop was late, at the most, within the last seconds.",
    together=HIGHEST,
)
CREDENTIALS = Family(
    "kt_target_credentials",
    GAUGE,
    "1 while every worker has AWS credentials for a target.",
    ("target",),
    together=LOWEST,
)
BUILD = Family("kt_build_info", GAUGE, "1, for the gateway's version.", ("version",))
CONFIG = Family("kt_config_info", GAUGE, "1, for the configuration in use.", ("pack", "version", "hash"))
RELOADS = Family("kt_config_reloads", COUNTER, "Reloads of the configuration.", ("result",))

# The targets, as routing sees them.
IN_FLIGHT = Family("kt_target_in_flight", GAUGE, "Exchanges that wait for a target or are answered by it.", ("target",))
STATE = Family("kt_target_state", GAUGE, "1 for the state that a target's circuit breaker is in.", ("target", "state"))
STREAK = Family("kt_target_consecutive_failures", GAUGE, "Failures of a target, one after the other.", ("target",))

# The audit trail.
RECORDS = Family("kt_audit_records", COUNTER, "Records put on the audit trail.")
BATCHES = Family("kt_audit_batches", COUNTER, "Batches in which they were put there.")
COMMIT_SECONDS = Family("kt_audit_commit_seconds", COUNTER, "Seconds that it took to put the batches there.")
FAILURES = Family("kt_audit_write_failures", COUNTER, "Attempts to write to the audit trail that failed.")
LOST = Family(
    "kt_audit_records_lost", COUNTER, "Records that are not on the trail: the trail was down, or its queue full."
)
UNWRITABLE = Family(
    "kt_audit_unwritable",
    GAUGE,
    "1 while the audit trail cannot be written or a required sink is too far behind: with immutable, requests are "
    "refused unless --fail-mode allow.",
    together=HIGHEST,
)
SINK_LAG = Family("kt_audit_sink_lag_seconds", GAUGE, "Age of the oldest line a sink has not got.", ("sink",))
SINK_BACKLOG = Family("kt_audit_sink_backlog_bytes", GAUGE, "What a sink has not got yet.", ("sink",))
SINK_FAILURES = Family(
    "kt_audit_sink_consecutive_failures", GAUGE, "Deliveries that failed one after another.", ("sink",)
)

FAMILIES = (
    EXCHANGES, EXCHANGE_SECONDS, PROCESSING_SECONDS, OPEN,
    OPERATION_SECONDS, FIRST_CHUNK_SECONDS, PER_TOKEN_SECONDS, TOKENS, ATTEMPTS,
    VERDICTS, FINDINGS,
    WORKERS, LOOP_LAG, CREDENTIALS, BUILD, CONFIG, RELOADS,
    IN_FLIGHT, STATE, STREAK,
    RECORDS, BATCHES, COMMIT_SECONDS, FAILURES, LOST, UNWRITABLE, SINK_LAG, SINK_BACKLOG, SINK_FAILURES,
)  # fmt: skip
BY_NAME = {family.name: family for family in FAMILIES}
