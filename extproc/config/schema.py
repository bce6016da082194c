"""The JSON Schema of policy-config.yaml, for editors: made from the model, published as schema.json beside this file.

An editor with the YAML language server completes and checks a configuration whose first line is
`# yaml-language-server: $schema=<path or address of schema.json>`.
"""

from __future__ import annotations

import json
from typing import Any

from extproc.config.model.configuration import Configuration

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema: everything that one field can say; `kt policy lint` knows what fields say together."""
    return {
        "$schema": DIALECT,
        "title": "policy-config.yaml",
        **_tidy(Configuration.model_json_schema(by_alias=True, mode="validation")),
    }


def rendered() -> str:
    """The text of schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any, *, names: bool = False) -> Any:
    """Without titles that repeat a key's name, and without `null` for keys that may only be left out.

    `names`: the keys of this mapping are names of properties, not keywords.
    """
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _tidy(value) for key, value in node.items()}
    node = dict(node)
    node.pop("title", None)
    choices = node.get("anyOf")
    if choices is not None and node.get("default", ...) is None:
        # Optional in Python; in the file an absent key, never `key: null`.
        (only,) = [choice for choice in choices if choice != {"type": "null"}]
        del node["anyOf"], node["default"]
        node = {**only, **node}
    return {
        key: value
        if key in ("default", "examples", "enum", "const")
        else _tidy(value, names=key in ("properties", "$defs"))
        for key, value in node.items()
    }
