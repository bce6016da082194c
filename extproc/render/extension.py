"""The shape that every Envoy extension has in a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]


def typed(type_name: str, fields: Mapping[str, object] | None = None) -> Document:
    """A google.protobuf.Any of Envoy's: `type_name` without the common prefix."""
    return {"@type": f"type.googleapis.com/envoy.{type_name}", **(fields or {})}


def extension(name: str, type_name: str, fields: Mapping[str, object] | None = None) -> Document:
    """envoy.config.core.v3.TypedExtensionConfig, also the shape of a filter."""
    return {"name": name, "typed_config": typed(type_name, fields)}


def seconds(value: float) -> str:
    """google.protobuf.Duration in JSON: at most nine decimals, never an exponent."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"
