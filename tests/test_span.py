"""What a span says of an exchange."""

from extproc.errors import PolicyRefusal
from extproc.policies.verdict import Block, Finding, Phase
from extproc.record import BLOCKED, SERVED, ExchangeRecord
from extproc.span import ATTRIBUTES, attributes


def record(**fields):
    """A chat that has been asked for."""
    return ExchangeRecord(
        **{"started": 1.0, "config": {}, "request_id": "r", "path": "/v1/chat/completions", "model": "m"} | fields
    )


def test_what_is_known_early_is_said_early():
    """A client may leave before anything else is."""
    assert attributes(record(asked=1.5, judged=True)) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.sagemaker",
        "gen_ai.request.model": "m",
        "url.path": "/v1/chat/completions",
        "kt.request_id": "r",
    }


def test_the_end_says_all():
    """As text, since Envoy tells text only; of what was found, only that it was."""
    made = record(
        asked=1.5, target="east", prompt_tokens=0, completion_tokens=7, finish_reasons=("stop", "length"), attempts=()
    )
    made.found(Phase.REQUEST, [Finding("pii-detector", "EMAIL", 0, 3, "[EMAIL_REDACTED]")])
    made.end(SERVED, 200, 2.0)
    told = attributes(made)
    assert told["gen_ai.usage.input_tokens"] == "0"
    assert told["gen_ai.usage.output_tokens"] == "7"
    assert told["gen_ai.response.finish_reasons"] == "stop,length"
    assert (told["kt.target"], told["kt.outcome"], told["kt.verdict"]) == ("east", "served", "redact")
    assert told.keys() <= set(ATTRIBUTES)


def test_a_refusal_names_the_policy():
    """Nothing was asked of SageMaker."""
    made = record()
    made.blocked(Phase.REQUEST, Block("dlp-filter", "codeword", "no"))
    made.failed(PolicyRefusal("no", code="input_blocked", policy="dlp-filter"))
    made.end(BLOCKED, 409, 2.0)
    told = attributes(made)
    assert (told["error.type"], told["kt.policy"], told["kt.verdict"]) == ("input_blocked", "dlp-filter", "block")
    assert "gen_ai.provider.name" not in told


def test_a_path_that_is_not_ours_is_no_operation():
    """The path is told."""
    assert attributes(record(path="/etc/passwd", model="", request_id="")) == {"url.path": "/etc/passwd"}
