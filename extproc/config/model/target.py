"""`providers.targets[]`: the SageMaker endpoints that requests may go to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.data_policy import DataPolicy
from extproc.config.model.health_check import HealthCheck
from extproc.config.model.section import Section
from extproc.config.one_of import OneOf
from extproc.sagemaker.templates import TEMPLATES
from extproc.translate import TRANSLATORS

# API_runtime_InvokeEndpoint: EndpointName is at most 63 characters of [a-zA-Z0-9](-*[a-zA-Z0-9])*.
ENDPOINT_NAME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
# Partition prefixes and compass words, as AWS has named every region so far: a typing error should not pass, a new
# region of a known kind should.
REGION = (
    r"^(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso[a-z]?|eu-iso[a-z]?|eusc-[a-z]{2})"
    r"-(central|(north|south)(east|west)?|east|west)-[1-9][0-9]?$"
)
# The same form has an inference component, a variant and a container's host name.
NAME = ENDPOINT_NAME
# TargetModelHeader: \A\S[\p{Print}]*\z, 1 to 1024. Spaces at an end would not survive HTTP.
PRINTABLE = r"^[!-~]+( +[!-~]+)*$"
# API_AssumeRole: RoleArn, ExternalId and RoleSessionName.
ROLE_ARN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$"
EXTERNAL_ID = r"^[A-Za-z0-9_+=,.@:/-]+$"
ROLE_SESSION_NAME = r"^[A-Za-z0-9_+=,.@-]+$"
DEFAULT_TIMEOUT = 60
ENVIRONMENT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Options(Section):
    """What the gateway adds to a request that does not say it itself."""

    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Most tokens in the completion, when the client names no limit. Default: the model's own.",
        examples=[1024],
    )
    input_type: str | None = Field(
        default=None,
        pattern=r"^[a-z_.-]{1,64}$",
        description=(
            "What texts to be embedded are for, when the client does not say: `search_document` or `search_query` "
            "(cohere; default `search_document`), `document` or `query` (voyage), a task (jina)."
        ),
        examples=["search_query"],
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description=(
            "How a text's vector is made of its tokens' where the container does not do it (huggingface): their mean, "
            "or the first token's."
        ),
        examples=["cls"],
    )
    temperature: float | None = Field(
        default=0.3,
        ge=0,
        le=2,
        description="Sampling temperature, when the client names none. `null` leaves it to the model.",
        examples=[0.3],
    )


class Pricing(Section):
    """What a million tokens cost, in any one currency."""

    input: float = Field(ge=0, description="A million tokens of prompts.", examples=[0.9])
    output: float = Field(ge=0, description="A million tokens of answers.", examples=[0.9])


class Target(Section):
    """One SageMaker real-time endpoint, in one region, reached with one identity.

    Targets that serve the same model are a failover group, in the file's order.
    """

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=128,
        description=(
            "Unique name of this target; clients may send it as `model`. When no region is set anywhere in the "
            "target, an AWS region at the end of the id is used: `llama-us-west-2`."
        ),
        examples=["sagemaker-us-east-1"],
    )
    provider: str = Field(
        min_length=1,
        max_length=300,
        description=(
            "`sagemaker:chat:<endpoint or JumpStart alias>`, `sagemaker:completion:<...>`, "
            "`sagemaker:embedding:<...>`, or bare `sagemaker` together with `model` or `sagemaker_endpoint_name`."
        ),
        examples=["sagemaker:chat:jumpstart-llama-3-3-70b"],
    )
    model: str | None = Field(
        default=None,
        pattern=r"^[!-~]+( [!-~]+)*$",
        max_length=256,
        description=(
            "The name clients send as `model`; also the endpoint's name unless `sagemaker_endpoint_name` gives it. "
            "Default: the last part of `provider`."
        ),
        examples=["my-finetuned-llama-endpoint"],
    )
    sagemaker_endpoint_name: str | None = Field(
        default=None,
        pattern=ENDPOINT_NAME,
        max_length=63,
        description="The endpoint's exact name in SageMaker, when it differs from the model's name or alias.",
        examples=["llama-70b-prod-2024"],
    )
    aws_region: str | None = Field(
        default=None,
        pattern=REGION,
        description=(
            "Region of the endpoint. Default: an AWS region at the end of `id`, else AWS_REGION, else "
            "AWS_DEFAULT_REGION, else the profile's region."
        ),
        examples=["us-east-1"],
    )
    aws_profile: str | None = Field(
        default=None,
        pattern=r"^[!-~]+( [!-~]+)*$",
        max_length=256,
        description="Named profile of ~/.aws/config whose credentials sign. Default: the standard credential chain.",
        examples=["sagemaker-inference-role"],
    )
    aws_access_key_env: str | None = Field(
        default=None,
        pattern=ENVIRONMENT_NAME,
        max_length=256,
        description="Name of the environment variable that holds the access key id; goes with `aws_secret_key_env`.",
        examples=["PROD_AWS_ACCESS_KEY_ID"],
    )
    aws_secret_key_env: str | None = Field(
        default=None,
        pattern=ENVIRONMENT_NAME,
        max_length=256,
        description="Name of the environment variable that holds the secret key; goes with `aws_access_key_env`.",
        examples=["PROD_AWS_SECRET_ACCESS_KEY"],
    )
    aws_role_arn: str | None = Field(
        default=None,
        pattern=ROLE_ARN,
        min_length=20,
        max_length=2048,
        description=(
            "Role whose credentials sign, assumed with the target's other credentials: an endpoint of another account."
        ),
        examples=["arn:aws:iam::123456789012:role/sagemaker-invoke"],
    )
    aws_external_id: str | None = Field(
        default=None,
        pattern=EXTERNAL_ID,
        min_length=2,
        max_length=1224,
        description="External id that the role's trust policy asks for; goes with `aws_role_arn`.",
        examples=["partner-7f3a"],
    )
    aws_role_session_name: str | None = Field(
        default=None,
        pattern=ROLE_SESSION_NAME,
        min_length=2,
        max_length=64,
        description="Name of the role's session in CloudTrail; goes with `aws_role_arn`. Default: `kt-gateway`.",
        examples=["kt-gateway"],
    )
    use_fips: bool | None = Field(
        default=None,
        description=(
            "Connect to the region's FIPS host. The name follows AWS's rule and may not exist in every region. "
            "Default: AWS_USE_FIPS_ENDPOINT, else `false`."
        ),
        examples=[True],
    )
    use_dualstack: bool | None = Field(
        default=None,
        description=(
            "Connect to the region's dual-stack host, which has IPv6 addresses too. Default: "
            "AWS_USE_DUALSTACK_ENDPOINT, else `false`."
        ),
        examples=[True],
    )
    route: Literal["invocations", "openai"] = Field(
        default="invocations",
        description=(
            "`invocations`: InvokeEndpoint, signed with SigV4. `openai`: SageMaker's /openai/v1/chat/completions with "
            "a bearer token, for containers that serve OpenAI's API; needs `sagemaker:CallWithBearerToken` too."
        ),
        examples=["openai"],
    )
    streaming: bool | None = Field(
        default=None,
        description=(
            "`false` for endpoints that cannot stream, serverless ones: a stream is then made of the whole answer. "
            "Default: `true`, but `false` with `target_model`."
        ),
        examples=[False],
    )
    inference_component: str | None = Field(
        default=None,
        pattern=NAME,
        max_length=63,
        description="Inference component of the endpoint, or an adapter's.",
        examples=["llama-3-3-70b-copy"],
    )
    target_model: str | None = Field(
        default=None,
        pattern=PRINTABLE,
        max_length=1024,
        description="Artifact of a multi-model endpoint. Such endpoints do not stream.",
        examples=["team-a/model.tar.gz"],
    )
    target_variant: str | None = Field(
        default=None,
        pattern=NAME,
        max_length=63,
        description="Production variant, instead of the one that SageMaker would choose by weight.",
        examples=["variant-b"],
    )
    target_container: str | None = Field(
        default=None,
        pattern=NAME,
        max_length=63,
        description="Host name of the container, on multi-container endpoints with direct invocation.",
        examples=["second-container"],
    )
    custom_attributes: str | None = Field(
        default=None,
        pattern=PRINTABLE,
        max_length=1024,
        description="Passed to the container as X-Amzn-SageMaker-Custom-Attributes.",
        examples=["accept_eula=true"],
    )
    inference_id: Literal["request_id"] | None = Field(
        default=None,
        description=(
            "`request_id` sends the exchange's x-request-id as InferenceId: SageMaker's data capture and the "
            "container's log then name it."
        ),
        examples=["request_id"],
    )
    sessions: bool = Field(
        default=False,
        description=(
            "The model is stateful: clients may send `x-sagemaker-session-id: new`, and then the session that a "
            "response named in that header. The container must open a session on an ordinary request; where it wants a "
            "request of its own for that (LMI, vLLM), open it elsewhere and name it `<target id>:<session>`."
        ),
        examples=[True],
    )
    provider_type: Literal["sagemaker"] = Field(
        default="sagemaker",
        description="Forces the SageMaker runtime. Needed only when `provider` does not begin with `sagemaker`.",
    )
    format: Annotated[str, OneOf(sorted({dialect for _, dialect in TRANSLATORS}))] = Field(
        default="openai",
        description=(
            "What the endpoint's container speaks. Chat and completion: `openai` (vLLM, SGLang, LMI and TGI with "
            "messages), `tgi` or `lmi` (`inputs` and `parameters`), `lmi-dynamic-batch`, `jumpstart-llama2` (dialogs), "
            "`bedrock-marketplace`; `auto` asks as `openai` does and reads any answer. JumpStart's model servers speak "
            "`openai`. Embedding: `openai` (vLLM), `tei`, `lmi`, `huggingface` (inference toolkit), `jumpstart` "
            "(`text_inputs`), `cohere`, `jina`, `voyage`."
        ),
    )
    upstream_model: str | None = Field(
        default=None,
        pattern=r"^[!-~]+( [!-~]+)*$",
        max_length=256,
        description=(
            "`model` in what the container is sent, for those that want their own name for it or an adapter's "
            "(vLLM, LMI, TGI). Default: none, which is right for a container with one model."
        ),
        examples=["my-lora-adapter"],
    )
    prompt_template: Annotated[str, OneOf(sorted(TEMPLATES))] | None = Field(
        default=None,
        description=(
            "How a chat model is prompted when its container takes one text instead of messages: needed by the formats "
            "`tgi`, `lmi`, `lmi-dynamic-batch` and `bedrock-marketplace`. `plain` is for models without roles."
        ),
        examples=["llama3"],
    )
    accept_eula: bool = Field(
        default=False,
        description=(
            "Accepts the model's end-user licence on every call, as JumpStart's Llama 2 models demand "
            "(`accept_eula=true` among the custom attributes)."
        ),
    )
    base_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description=(
            "Where to connect instead of https://runtime.sagemaker.{aws_region}.amazonaws.com: a VPC endpoint's own "
            "name, a proxy or an emulator. A path in it comes before the operation's, and is signed with it."
        ),
        examples=["https://vpce-0a1b-2c3d.runtime.sagemaker.us-east-1.vpce.amazonaws.com"],
    )
    max_body_bytes: int | None = Field(
        default=None,
        ge=1,
        le=1_073_741_824,
        description=(
            "Largest request body that the endpoint takes (4 MB on serverless ones); a larger request goes to the "
            "group's other targets, or is refused. Default: `size_limits.max_body_bytes`."
        ),
        examples=[4194304],
    )
    max_context_tokens: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description=(
            "Longest prompt plus answer, in tokens; a longer request is refused before SageMaker is called. Default: "
            "the context window of the JumpStart alias; no check for other models."
        ),
        examples=[131072],
    )
    timeout_seconds: float = Field(
        default=DEFAULT_TIMEOUT,
        gt=0,
        le=3600,
        description=(
            "Seconds allowed for one attempt's complete answer. Use 120 or more for long streams of 70B models."
        ),
        examples=[60],
    )
    first_byte_timeout_seconds: float | None = Field(
        default=None,
        gt=0,
        le=3600,
        description=(
            "Seconds that a streamed attempt may be silent before its first content; then the next target is tried. "
            "Shorter than `timeout_seconds`. A request has one such time: the longest of the targets planned for it. "
            "Whole answers are not bound by it, as nothing of them comes before the model has said all. Default: "
            "`timeout_seconds`."
        ),
        examples=[20],
    )
    retry_model_timeouts: bool = Field(
        default=False,
        description=(
            "`true` sends a request to the next target when SageMaker's own limit of time has ended it (60 seconds; "
            "424 with original status 0). The container goes on with what it began, so that the work is done twice."
        ),
    )
    health_check: HealthCheck | None = Field(
        default=None,
        description="Look after the target also while nobody asks it. Default: `providers.health_check`, else not.",
        examples=[{"interval_seconds": 5}],
    )
    weight: float = Field(
        default=1,
        ge=0,
        le=1_000_000,
        description="Share of the requests, with the strategies `weighted` and `sticky`; with 0 it comes last.",
        examples=[3],
    )
    priority: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Targets of the lowest priority are tried first, whatever the strategy; then those of the next.",
        examples=[1],
    )
    pricing: Pricing | None = Field(
        default=None, description="What tokens cost, for the strategy `cost`.", examples=[{"input": 0.9, "output": 0.9}]
    )
    data_policy: DataPolicy | None = Field(
        default=None,
        description="What the provider promises about data, for `data-routing-policy`.",
        examples=[{"zero_data_retention": True, "training_opt_out": True}],
    )
    zdr: bool | None = Field(default=None, description="Short for `data_policy.zero_data_retention`.", examples=[True])
    data_collection: Literal["allow", "deny"] | None = Field(
        default=None, description="`deny` is short for `data_policy.training_opt_out: true`.", examples=["deny"]
    )
    options: Options = Field(default=Options(), description="Defaults for parameters that the client does not send.")
