"""What users of both OpenAI SDKs see of every error: its class and fields, how often they try, and when again.

The SDKs are as installed, their retries at the default of two; only the pauses are shortened (sdk.py, sdk.mjs).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import pytest

# What must not reach a client: accounts, ARNs, hosts, error names, and names of endpoints and variants.
AWS_TEXT = re.compile(r"\d{12}|arn:|amazonaws|console|ErrorCode|Original|Exception|AllTraffic|primary|Traceback")
MESSAGES = [{"role": "user", "content": "hello there"}]
SECRET = "AKIAIOSFODNN7EXAMPLE"


@dataclass(frozen=True)
class Seen:
    """What is to be seen. `waits`: what retry-after says (seconds); None: the SDKs' own back-off.

    `sent`: requests that reach the endpoint for each of the client's; `call`, `extra` and the like: other than a chat.
    """

    raised: str
    status: int
    type: str
    code: str | None
    attempts: int
    waits: int | None = None
    sent: int = 1
    target: dict = field(default_factory=dict)
    row: dict = field(default_factory=dict)


def asked(**request) -> dict:
    """A chat with these fields."""
    return {"with": request}


def container(status: int, body: str) -> dict:
    """A chat that a container answers with this error."""
    return {"extra": {"emulator": {"original_status": status, "original_message": body}}}


BAD, SERVER = "invalid_request_error", "server_error"
# By the model asked for, which is the endpoint's name and so says what the endpoint does.
TABLE = {
    # SageMaker's own errors.
    "throttle": Seen("RateLimitError", 429, "rate_limit_error", "rate_limit_exceeded", 3, 2),
    "not-ready": Seen("InternalServerError", 503, SERVER, "model_not_ready", 3, 5),
    "no-capacity": Seen("InternalServerError", 503, SERVER, "model_not_ready", 3, 30),
    "internal": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "dependency": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "unavailable": Seen("InternalServerError", 503, SERVER, "service_unavailable", 3, 1),
    "service-unavailable": Seen("InternalServerError", 503, SERVER, "service_unavailable", 3, 1),
    "request-timeout": Seen("InternalServerError", 503, SERVER, "service_unavailable", 3, 1),
    "bad-gateway": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "redirect": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "gateway-timeout": Seen("InternalServerError", 504, SERVER, "timeout", 1),
    "too-large": Seen("APIStatusError", 413, BAD, "request_too_large", 1),
    "validation": Seen("BadRequestError", 400, BAD, None, 1),
    "missing": Seen("NotFoundError", 404, BAD, "model_not_found", 1),
    "component-missing": Seen("InternalServerError", 500, SERVER, "upstream_config", 1),
    "forbidden-expired": Seen("InternalServerError", 503, SERVER, "upstream_auth", 3),
    "forbidden-access": Seen("InternalServerError", 503, SERVER, "upstream_auth", 3),
    "forbidden-signature": Seen("InternalServerError", 500, SERVER, "gateway_misconfigured", 1),
    # The container's, which SageMaker wraps in a 424.
    "model-error-400": Seen("BadRequestError", 400, BAD, None, 1),
    "model-error-401": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "model-error-404": Seen("NotFoundError", 404, BAD, "model_not_found", 1),
    "model-error-408": Seen("InternalServerError", 504, SERVER, "timeout", 1),
    "model-error-413": Seen("APIStatusError", 413, BAD, "request_too_large", 1),
    "model-error-422": Seen("BadRequestError", 400, BAD, None, 1),
    "model-error-424": Seen(
        "InternalServerError", 502, SERVER, "model_error", 3,
        row=container(424, '{"error":"Request failed during generation","error_type":"generation"}'),
    ),
    "model-error-429": Seen("RateLimitError", 429, "rate_limit_error", "rate_limit_exceeded", 3, 1),
    "model-error-500": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "model-error-503": Seen("InternalServerError", 503, SERVER, "model_error", 3, 2),
    "model-error-0": Seen("InternalServerError", 504, SERVER, "timeout", 1),
    # No answer, or one that is none.
    "not-json": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "empty-body": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    "huge": Seen("InternalServerError", 502, SERVER, "model_error", 3),
    # A connection that broke before any answer is tried once more: AWS may have closed it while it was idle.
    "reset": Seen("InternalServerError", 503, SERVER, "service_unavailable", 3, 1, sent=2),
    "stall": Seen("InternalServerError", 504, SERVER, "timeout", 1, target={"timeout_seconds": 1}),
    # The gateway's: nothing is sent, but for an answer that is blocked.
    "input-blocked": Seen(
        "ConflictError", 409, "policy_violation", "input_blocked", 1, sent=0,
        row=asked(messages=[{"role": "user", "content": SECRET}]),
    ),
    "output-blocked": Seen(
        "ConflictError", 409, "policy_violation", "output_blocked", 1,
        row={"extra": {"emulator": {"text_codes": [*SECRET.encode()]}}},
    ),
    "no-messages": Seen("BadRequestError", 400, BAD, None, 1, sent=0, row=asked(messages=[])),
    "unsupported": Seen(
        "BadRequestError", 400, BAD, "unsupported_parameter", 1, sent=0,
        target={"format": "tgi", "prompt_template": "llama3"}, row=asked(n=2),
    ),
    "long": Seen(
        "BadRequestError", 400, BAD, "context_length_exceeded", 1, sent=0, target={"max_context_tokens": 100},
        row=asked(messages=[{"role": "user", "content": "many words " * 200}]),
    ),
    "large": Seen(
        "APIStatusError", 413, BAD, "request_too_large", 1, sent=0,
        row=asked(messages=[{"role": "user", "content": "many words " * 20_000}]),
    ),
    "headers": Seen(
        "APIStatusError", 431, BAD, "request_headers_too_large", 1, sent=0,
        row={"headers": {f"x-header-{number}": "1" for number in range(90)}},
    ),
    "nobody": Seen("NotFoundError", 404, BAD, "model_not_found", 1, sent=0),
    "nowhere": Seen(
        "NotFoundError", 404, BAD, "unknown_url", 1, sent=0, row={"call": "moderations.create", "with": {"input": "x"}}
    ),
    "method": Seen(
        "APIStatusError", 405, BAD, "method_not_allowed", 1, sent=0, row={"call": "models.delete", "of": "method"}
    ),
    "no-credentials": Seen(
        "InternalServerError", 503, SERVER, "gateway_unavailable", 3, 5, sent=0,
        target={"aws_access_key_env": "KT_TESTS_UNSET_KEY", "aws_secret_key_env": "KT_TESTS_UNSET_SECRET"},
    ),
}  # fmt: skip
WITHOUT_TARGET = {"nobody", "nowhere", "method"}
POLICIES = """
policies: {chain: [dlp-filter, audit-logger]}
policy:
  dlp-filter: {patterns: [{name: aws-access-key, regex: 'AKIA[A-Z0-9]{16}', action: block}]}
size_limits: {max_body_bytes: 200000, max_response_bytes: 1000000}
"""


def rows(sdk: str) -> list[dict]:
    """Every row of the table as the programs read it; X-Client-Request-Id tells them apart on the audit trail."""
    made = []
    for name, expected in TABLE.items():
        row = {"name": name, "call": "chat.completions.create", **expected.row}
        if "of" not in row:
            row["with"] = {"model": name, "messages": MESSAGES, **row.get("with", {})}
        if row["call"] == "moderations.create":
            del row["with"]["messages"]
        made.append({**row, "headers": {**row.get("headers", {}), "X-Client-Request-Id": f"{sdk}-{name}"}})
    return made


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, regions, launch):
    """A gateway with one target for each row, none with another to fail over to."""
    targets = "".join(
        launch.target(name, regions[0], name, **expected.target)
        for name, expected in TABLE.items()
        if name not in WITHOUT_TARGET
    )
    gateway = launch.gateway(tmp_path_factory.mktemp("faulty"), launch.pack(targets, POLICIES))
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="module", params=["python", "node"])
def told(request, faulty, regions, see):
    """What one SDK saw, row by row, and how many requests each endpoint got meanwhile."""
    regions[0].reset()
    seen = see(request.param, f"{faulty.url}/v1", rows(request.param))
    return request.param, seen, Counter(entry["endpoint"] for entry in regions[0].requests())


@pytest.mark.parametrize("name", TABLE)
def test_an_error_is_what_it_is_and_tried_again_where_that_helps(told, name):
    """Class, status, type and code; as many attempts as make sense, with the pauses that retry-after asks for."""
    sdk, everything, sent = told
    expected, seen = TABLE[name], everything[name]
    raised = "APIError" if (sdk, expected.raised) == ("node", "APIStatusError") else expected.raised
    assert [seen["raised"], seen["status"]] == [raised, expected.status]
    assert [seen["type"], seen["code"]] == [expected.type, expected.code]
    assert seen["attempts"] == expected.attempts
    assert sent[name] == expected.attempts * expected.sent
    assert len(seen["waits"]) == expected.attempts - 1
    if expected.waits is None:
        # Twice as long each time, a quarter less at most: the SDKs' own, as no header of ours says otherwise.
        assert all(0.375 * 2**at <= wait <= 0.5 * 2**at for at, wait in enumerate(seen["waits"]))
    else:
        assert set(seen["waits"]) == {expected.waits}


@pytest.mark.parametrize("name", TABLE)
def test_an_error_tells_what_happened_and_nothing_of_aws(told, name):
    """The message has words of its own, in either SDK, and none of AWS's."""
    _, everything, _ = told
    message = everything[name]["message"]
    assert len(re.findall(r"[a-z]{2,}", message.partition("message")[2] or message)) >= 3
    assert not AWS_TEXT.search(message)


@pytest.mark.parametrize("name", TABLE)
def test_an_error_has_the_id_of_its_audit_line(told, faulty, name):
    """request_id, which both SDKs give, finds the line of the last attempt."""
    sdk, everything, _ = told
    line = faulty.audited(everything[name]["request_id"])
    assert line["status"] == TABLE[name].status
    assert line.get("client_request_id", f"{sdk}-{name}") == f"{sdk}-{name}"


@pytest.mark.parametrize("name", [name for name in TABLE if name != "headers"])
def test_each_attempt_has_its_audit_line(told, faulty, launch, name):
    """A caller's X-Client-Request-Id, the same in all attempts, finds as many lines."""
    sdk, _, _ = told

    def lines():
        return [line for line in faulty.audit() if line.get("client_request_id") == f"{sdk}-{name}"]

    assert launch.eventually(lambda: len(lines()) >= TABLE[name].attempts)
    assert len(lines()) == TABLE[name].attempts
