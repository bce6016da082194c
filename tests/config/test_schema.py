"""The JSON Schema: current, complete, and of one mind with the loader."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from extproc.config.schema import json_schema, rendered

DATA = Path(__file__).parent.parent / "data" / "configs"
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_published_file_is_current() -> None:
    """schema.json is what `kt policy schema` prints now; if not: kt policy schema > extproc/config/schema.json."""
    assert resources.files("extproc.config").joinpath("schema.json").read_text(encoding="utf-8") == rendered()


def test_it_is_a_schema() -> None:
    """It is valid under the dialect that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(rendered()) == SCHEMA
    assert SCHEMA["title"] == "policy-config.yaml"


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_printed_configurations_are_valid(file: Path) -> None:
    """An editor finds nothing wrong with the printed configurations."""
    assert list(VALIDATOR.iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"packs": {}},
        {"pack": {"name": "x", "version": "1", "enabled": True}},
        {"pack": {"name": "x", "version": "1.0.0", "enabled": "yes"}},
        {"policies": {"chain": ["rbac"]}},
        {"policy": {"pii-detector": {"entities": ["IBN"]}}},
        {"policy": {"pii-detector": {"redaction": {"custom_markers": {"EMIAL": "x"}}}}},
        {"policy": {"audit-logger": {"retention_days": 0}}},
        {"providers": {"targets": [{"id": "a", "provider": "sagemaker", "aws_region": "us-east"}]}},
        {"providers": {"targets": [{"id": "a", "provider": "sagemaker", "aws_profile": None}]}},
        {"providers": {"targets": [{"id": "a", "provider": "sagemaker", "format": "tgi-v0"}]}},
    ],
)
def test_it_refuses_what_the_loader_refuses(change: dict[str, Any]) -> None:
    """What one field can say wrongly, an editor marks."""
    document = {**yaml.safe_load((DATA / "minimal.yaml").read_text(encoding="utf-8")), **change}
    assert not VALIDATOR.is_valid(document)


def properties(node: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every property of the schema with its description of itself."""
    if isinstance(node, list):
        return [found for item in node for found in properties(item)]
    if not isinstance(node, dict):
        return []
    own = [*node.get("properties", {}).items()] if isinstance(node.get("properties"), dict) else []
    return own + [found for key, value in node.items() if key != "examples" for found in properties(value)]


def test_every_key_is_described() -> None:
    """Each key has a description that an editor can show: the reference manual."""
    keys = properties(SCHEMA)
    assert len(keys) > 50
    # A description equal to its section's own stands only there.
    sections = {f"#/$defs/{name}": section["description"] for name, section in SCHEMA["$defs"].items()}
    described = {name: schema.get("description") or sections[schema["$ref"]] for name, schema in keys}
    assert [name for name, description in described.items() if not description.endswith((".", "`"))] == []


def test_null_is_offered_only_for_the_temperature() -> None:
    """A key is left out, never null; a temperature may be null."""
    nullable = [name for name, schema in properties(SCHEMA) if {"type": "null"} in schema.get("anyOf", [])]
    assert nullable == ["temperature"]
