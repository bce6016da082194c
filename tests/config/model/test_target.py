"""The "Provider Fields" table of the integration page, row by row, and the further fields it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from extproc.config.load import load_runtime
from extproc.config.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
pack: {{name: fields, version: 1.0.0, enabled: true}}
providers:
  targets:
    - id: only
      {lines}
policies: {{chain: [audit-logger]}}
policy: {{audit-logger: {{}}}}
"""
PROVIDER = "provider: sagemaker:chat:my-endpoint"
REGION = "aws_region: eu-west-1"


def resolved(tmp_path: Path, *lines: str) -> Any:
    """The compiled target with these lines."""
    file = tmp_path / "policy-config.yaml"
    file.write_text(TEXT.format(lines="\n      ".join(lines)))
    return load_runtime(file, environ={"KEY": "k", "SECRET": "s"}).targets[0]


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        ([PROVIDER, REGION], "endpoint", "my-endpoint"),
        ([PROVIDER, REGION], "kind", "chat"),
        (["provider: sagemaker", "model: my-endpoint", REGION], "endpoint", "my-endpoint"),
        (["provider: sagemaker", "sagemaker_endpoint_name: my-endpoint", REGION], "endpoint", "my-endpoint"),
        ([PROVIDER, "sagemaker_endpoint_name: other", REGION], "endpoint", "other"),
        (["provider: sagemaker:chat:jumpstart-mistral-7b", REGION], "max_context_tokens", 32_768),
        ([PROVIDER, REGION], "region", "eu-west-1"),
        ([PROVIDER, REGION, "aws_profile: prod"], "identity.profile", "prod"),
        ([PROVIDER, REGION], "identity.profile", None),
        (["provider: my-endpoint", "provider_type: sagemaker", REGION], "endpoint", "my-endpoint"),
        (["provider: chat:my-endpoint", "provider_type: sagemaker", REGION], "endpoint", "my-endpoint"),
        ([PROVIDER, REGION, "format: openai"], "format", "openai"),
        ([PROVIDER, REGION], "format", "openai"),
        ([PROVIDER, REGION, "format: tgi", "prompt_template: llama3"], "format", "tgi"),
        ([PROVIDER, REGION, "format: lmi", "prompt_template: chatml"], "prompt_template", "chatml"),
        ([PROVIDER, REGION, "format: auto"], "prompt_template", None),
        ([PROVIDER, REGION, "format: jumpstart-llama2", "accept_eula: true"], "accept_eula", True),
        ([PROVIDER, REGION], "accept_eula", False),
        ([PROVIDER, REGION, "base_url: http://localhost:8080"], "authority", "localhost:8080"),
        ([PROVIDER, REGION], "authority", "runtime.sagemaker.eu-west-1.amazonaws.com"),
        ([PROVIDER, REGION, "max_context_tokens: 4096"], "max_context_tokens", 4096),
        ([PROVIDER, REGION], "max_context_tokens", None),
        ([PROVIDER, REGION, "timeout_seconds: 120"], "timeout_seconds", 120.0),
        ([PROVIDER, REGION, "timeout_seconds: 0.5"], "timeout_seconds", 0.5),
        ([PROVIDER, REGION], "timeout_seconds", 60.0),
        ([PROVIDER, REGION, "first_byte_timeout_seconds: 5"], "first_byte_timeout_seconds", 5.0),
        ([PROVIDER, REGION], "first_byte_timeout_seconds", None),
        ([PROVIDER, REGION, "first_byte_timeout_seconds: 5"], "patience", 5.0),
        ([PROVIDER, REGION], "patience", 60.0),
        ([PROVIDER, REGION, "retry_model_timeouts: true"], "retry_model_timeouts", True),
        ([PROVIDER, REGION, "options: {max_tokens: 512}"], "max_tokens", 512),
        ([PROVIDER, REGION], "max_tokens", None),
        ([PROVIDER, REGION, "options: {temperature: 2}"], "temperature", 2.0),
        ([PROVIDER, REGION, "options: {temperature: 0}"], "temperature", 0.0),
        ([PROVIDER, REGION, "options: {temperature: null}"], "temperature", None),
        ([PROVIDER, REGION], "temperature", 0.3),
        ([PROVIDER, REGION, "aws_access_key_env: KEY", "aws_secret_key_env: SECRET"], "identity.access_key_env", "KEY"),
        (
            [PROVIDER, REGION, "aws_access_key_env: KEY", "aws_secret_key_env: SECRET"],
            "identity.secret_key_env",
            "SECRET",
        ),
    ],
)
def test_field(tmp_path: Path, lines: list[str], field: str, value: object) -> None:
    """Each documented field, given and left out, does what the table says."""
    found: Any = resolved(tmp_path, *lines)
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "-a"),
        ("id", "a/b"),
        ("id", "a\n"),
        ("id", "x" * 129),
        ("provider", ""),
        ("model", ""),
        ("model", " a"),
        ("model", "a\nb"),
        ("model", "é"),
        ("sagemaker_endpoint_name", "a_b"),
        ("sagemaker_endpoint_name", "a-"),
        ("sagemaker_endpoint_name", "a" * 64),
        ("aws_region", "eu-west"),
        ("aws_region", "us-esat-1"),
        ("aws_region", "US-EAST-1"),
        ("aws_profile", ""),
        ("aws_access_key_env", "A-B"),
        ("aws_secret_key_env", "1A"),
        ("max_context_tokens", 0),
        ("timeout_seconds", 0),
        ("first_byte_timeout_seconds", 0),
        ("options", {"max_tokens": 0}),
        ("options", {"temperature": -0.1}),
        ("options", {"temperature": 2.1}),
        ("options", {"top_p": 1}),
    ],
)
def test_limits(field: str, value: object) -> None:
    """Values outside a field's form or range are refused."""
    with pytest.raises(ValidationError) as raised:
        Target.model_validate({"id": "a", "provider": "sagemaker:chat:x", field: value})
    assert raised.value.errors()[0]["loc"][0] == field
