"""The seven configurations of the integration page run as printed, with credentials from the standard AWS chain."""

from pathlib import Path

import pytest

PRINTED = Path(__file__).parent.parent / "data" / "configs"
MODELS = {
    "custom-endpoint.yaml": ["my-finetuned-llama-endpoint"],
    "enterprise.yaml": ["jumpstart-llama-3-3-70b"],
    "minimal.yaml": ["jumpstart-llama-3-3-70b"],
    "mistral.yaml": ["jumpstart-mistral-7b"],
    "multi-region.yaml": ["jumpstart-llama-3-3-70b"],
    "named-profile.yaml": ["jumpstart-llama-3-3-70b"],
    "timeouts-by-model.yaml": ["jumpstart-mistral-7b", "jumpstart-llama-3-3-70b"],
}


def test_all_that_are_printed_are_tried():
    """The table above names every file, so that none is left out."""
    assert sorted(MODELS) == sorted(path.name for path in PRINTED.glob("*.yaml"))


@pytest.mark.parametrize("name", MODELS)
def test_a_printed_configuration_serves(gateways, regions, launch, tmp_path, name):
    """Not a byte of it is changed: region, endpoint and keys come from AWS's own variables and files."""
    keys = launch.CREDENTIALS
    env = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": regions[0].url, **keys}
    if name == "named-profile.yaml":
        profiles = tmp_path / "profiles"
        profiles.write_text(
            f"[profile sagemaker-inference-role]\naws_access_key_id={keys['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key={keys['AWS_SECRET_ACCESS_KEY']}\nregion=us-east-1\n"
        )
        env = {
            "AWS_PROFILE": "sagemaker-inference-role",
            "AWS_CONFIG_FILE": str(profiles),
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": regions[0].url,
            "HOME": "/nonexistent",
        }
    regions[0].reset()
    gateway = gateways((PRINTED / name).read_text(), env=env)
    for model in MODELS[name]:
        raw = gateway.client().chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": "alpha bravo"}], max_tokens=1024, temperature=0.2
        )
        assert raw.parse().choices[0].message.content == "alpha bravo"
        assert gateway.audited(raw.headers["x-request-id"])["outcome"] == "served"
    assert [entry["endpoint"] for entry in regions[0].requests()] == MODELS[name]
    assert {model.id for model in gateway.client().models.list()} == set(MODELS[name])
