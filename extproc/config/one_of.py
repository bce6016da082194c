"""Text that must be one of some names, where the names come from a table elsewhere: the table stays the only list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

# The error type that validate.py knows; its context is {"names"}.
NOT_ONE_OF = "not_one_of"


class OneOf:
    """Metadata for `Annotated[str, OneOf(names)]`: checked like a Literal, and an `enum` in the JSON Schema."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.names)}

    def _checked(self, value: str) -> str:
        if value not in self.names:
            raise PydanticCustomError(NOT_ONE_OF, "expected one of {names}", {"names": list(self.names)})
        return value
