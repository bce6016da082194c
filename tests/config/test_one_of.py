"""Names out of a table, checked like a Literal."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from extproc.config.one_of import NOT_ONE_OF, OneOf

COLOUR = TypeAdapter(Annotated[str, OneOf({"red": 1, "blue": 2})])


def test_names_pass_and_others_do_not() -> None:
    """A name of the table passes; another is an error that carries the names."""
    assert COLOUR.validate_python("red") == "red"
    with pytest.raises(ValidationError) as raised:
        COLOUR.validate_python("green")
    (error,) = raised.value.errors()
    assert (error["type"], error["ctx"]) == (NOT_ONE_OF, {"names": ["red", "blue"]})


def test_only_text_is_a_name() -> None:
    """Another type is an error of type, not of choice."""
    with pytest.raises(ValidationError, match="valid string"):
        COLOUR.validate_python(3)


def test_schema_lists_the_names() -> None:
    """Editors are offered the names."""
    assert COLOUR.json_schema() == {"type": "string", "enum": ["red", "blue"]}
