"""The ext_proc filter: what is sent to the workers, what they may change, what happens when they cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.extension import Document, extension, seconds
from extproc.render.filter_state import PATH_AND_QUERY
from extproc.render.versions import CLIENT_SPAN, NEWEST, Version
from extproc.render.workers import WORKERS
from extproc.span import SPAN

if TYPE_CHECKING:
    from extproc.render.settings import Settings

HEALTH_PATH = "/healthz"
NAME = "envoy.filters.http.ext_proc"
PLAN = "kt.plan"
ATTEMPTS = "kt.attempts"
BODIES = "kt.bodies"
OUTCOMES = "kt.outcomes"
AUDIT = "kt.audit"
ENCLOSED = "kt.enclosed"
ANSWER = "kt.answer"

REQUEST_ATTRIBUTES = ("source.address",)
RESPONSE_ATTRIBUTES = ("xds.cluster_name", "upstream.request_attempt_count", "response.code_details")

# Everything that a worker sets or removes on the request or the answer, and nothing else: by default a processor may
# forge x-forwarded-for, and may not touch x-envoy-* (measured). Matched whole, in lower case.
WRITABLE = (
    # request
    "content-length",
    "content-type",
    "x-envoy-max-retries",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    # answer
    ":status",
    "cache-control",
    "content-encoding",
    "etag",
    "last-modified",
    "retry-after",
    "x-accel-buffering",
    "x-request-id",
    "x-sagemaker-session-id",
    "x-should-retry",
    "x-kt-.*",
    "x-amz-.*",
    "x-amzn-.*",
)


def processor_filter(settings: Settings, version: Version = NEWEST) -> Document:
    """The ext_proc filter, for every exchange that has a request to be judged.

    A local reply passes through all filters on its way out, and a worker would be asked about it. Two kinds must not:
    Envoy's refusal of a head that it cannot parse, for the connection is closed before any worker could have answered
    and the client would get nothing (measured); and /healthz, which tells of Envoy and not of the workers.
    """
    no_request = {"not_matcher": _when({"safe_regex": {"google_re2": {}, "regex": ".+"}})}
    # The very condition on which the health_check filter answers: nothing else goes past the workers.
    probe = _when({"exact": HEALTH_PATH})
    skip = {"action": extension("skip", "extensions.filters.common.matcher.action.v3.SkipFilter")}
    matchers = [{"predicate": predicate, "on_match": skip} for predicate in (no_request, probe)]
    return extension(
        NAME,
        "extensions.common.matching.v3.ExtensionWithMatcher",
        {"extension_config": _processor(settings, version), "xds_matcher": {"matcher_list": {"matchers": matchers}}},
    )


def _when(value: Document) -> Document:
    # Filter state, for the request's headers are not to be had on an answer's way out.
    source = extension(
        "envoy.matching.inputs.filter_state",
        "extensions.matching.common_inputs.network.v3.FilterStateInput",
        {"key": PATH_AND_QUERY},
    )
    return {"single_predicate": {"input": source, "value_match": value}}


def _processor(settings: Settings, version: Version) -> Document:
    received = [PLAN, ATTEMPTS, BODIES, AUDIT, ANSWER, *(() if settings.collector is None else (SPAN,))]
    allowed = f"^({'|'.join(WRITABLE)})$"
    return extension(
        NAME,
        "extensions.filters.http.ext_proc.v3.ExternalProcessor",
        {
            "grpc_service": {
                "envoy_grpc": {"cluster_name": WORKERS, "skip_envoy_headers": True},
                # On GrpcService: the one inside envoy_grpc is ignored. previous_hosts keeps a retry off the process
                # that just failed; the back-off of 25 to 250 ms by default would cost up to a second.
                "retry_policy": {
                    "num_retries": 3,
                    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,reset",
                    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.02s"},
                    "retry_host_predicate": [
                        extension(
                            "envoy.retry_host_predicates.previous_hosts",
                            "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                        )
                    ],
                    "host_selection_retry_max_attempts": 5,
                },
            },
            # 200 ms by default.
            "message_timeout": seconds(settings.message_timeout),
            "failure_mode_allow": False,
            "status_on_error": {"code": 503},
            "processing_mode": {
                "request_header_mode": "SEND",
                # Whole, always: streamed request bodies and retries have open bugs in Envoy.
                "request_body_mode": "BUFFERED",
                "request_trailer_mode": "SKIP",
                "response_header_mode": "SEND",
                # The worker overrides this with FULL_DUPLEX_STREAMED for streams. Not the other way round: BUFFERED by
                # override hangs until the route's timeout when the answer is over the limit (measured); this is a 502.
                "response_body_mode": "BUFFERED",
                "response_trailer_mode": "SKIP",
            },
            "allow_mode_override": True,
            # The worker clears it with its plan: the route was picked before there was one.
            "route_cache_action": "DEFAULT",
            # Nothing of ours reads them.
            "forward_rules": {"disallowed_headers": {"patterns": [{"exact": "cookie"}]}},
            "request_attributes": list(REQUEST_ATTRIBUTES),
            "response_attributes": list(RESPONSE_ATTRIBUTES),
            "metadata_options": {
                "receiving_namespaces": {"untyped": received},
                "forwarding_namespaces": {"untyped": [OUTCOMES, ENCLOSED]},
            },
            "mutation_rules": {"disallow_all": True, "allow_expression": {"regex": allowed}},
            # A worker's part of an exchange is no call of its own: its span would end as canceled, each time.
            **({} if settings.collector is None or version < CLIENT_SPAN else {"emit_client_span": False}),
        },
    )
