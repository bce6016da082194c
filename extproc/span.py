"""What a span says of an exchange beside what Envoy knows itself: made from its record, as the audit line is.

The names are those of OpenTelemetry's semantic conventions for generative AI, as far as there are any; ours begin with
`kt`. No text of a message is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.openai.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from extproc.record import ExchangeRecord

# The namespace of dynamic metadata in which Envoy finds them.
SPAN = "kt.span"

# No value of the conventions stands for SageMaker; they allow for one's own.
PROVIDER = "aws.sagemaker"
# The conventions' names of what our endpoints do, by path.
OPERATIONS = dict(zip(ENDPOINTS, ("chat", "text_completion", "embeddings"), strict=True))

ATTRIBUTES = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.response.finish_reasons",
    "error.type",
    # Envoy's http.url is that of the last attempt.
    "url.path",
    "kt.request_id",
    "kt.target",
    "kt.outcome",
    "kt.verdict",
    "kt.policy",
)


def attributes(record: ExchangeRecord) -> dict[str, str]:
    """Those that are known by now, by name; Envoy tells text only."""
    usage = (record.prompt_tokens, record.completion_tokens)
    tokens = ["" if count is None else str(count) for count in usage]
    ended = record.finished is not None
    values = (
        OPERATIONS.get(record.path, ""),
        PROVIDER if record.asked is not None else "",
        record.model,
        *tokens,
        ",".join(record.finish_reasons),
        record.error_code or record.error_type,
        record.path,
        record.request_id,
        record.target,
        record.outcome,
        record.verdict if ended and record.judged else "",
        record.block[1] if record.block is not None else "",
    )
    return {name: value for name, value in zip(ATTRIBUTES, values, strict=True) if value}
