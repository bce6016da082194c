"""A regular expression of the user's: compiled while the file is read, so that its fault has the file's position."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from extproc.policies.scan import compile_pattern
from extproc.policies.syntax import PatternError

# The error type that validate.py knows; its context is {"reason", "at"}.
REFUSED = "pattern_refused"


def _compiled(source: str) -> str:
    try:
        compile_pattern(source)
    except PatternError as error:
        where = "" if error.position is None else f" (character {error.position + 1} of the pattern)"
        raise PydanticCustomError(REFUSED, "{reason}{at}", {"reason": error.message, "at": where}) from None
    return source


Regex = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_compiled)]
