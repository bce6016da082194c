"""Document to Configuration: every problem of both, placed and in the file's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from extproc.config.check import check
from extproc.config.document import Document, parse
from extproc.config.model.configuration import Configuration
from extproc.config.one_of import NOT_ONE_OF
from extproc.config.problem import Code, Path, Problem, Severity, did_you_mean, nearest
from extproc.config.regex import REFUSED

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# Fields whose value may be a secret put there by mistake: it is never repeated.
_NEVER_SHOWN = frozenset({"aws_access_key_env", "aws_secret_key_env", "base_url"})


def validate(data: bytes) -> tuple[Configuration | None, Document, tuple[Problem, ...]]:
    """Parse and validate one file's bytes.

    Returns the configuration (None when there is any error), the document that places paths, and all problems.

    Raises:
        Unreadable: the bytes are no YAML document at all.
    """
    document = parse(data)
    problems = [*document.problems]
    if not isinstance(document.value, dict):
        message = f"a configuration is a mapping of sections, found {_kind_of(document.value)}"
        problems.append(Problem(Code.WRONG_TYPE, (), message, f"begin with {', '.join(_fields(Configuration))}"))
        return None, document, placed(problems, document)
    problems += check(document.value)
    configuration = None
    try:
        configuration = Configuration.model_validate(document.value)
    except ValidationError as error:
        told = {problem.path for problem in problems if problem.severity is Severity.ERROR}
        for details in error.errors(include_url=False):
            problem = _translate(details)
            if not _told_already(problem, told):
                problems.append(problem)
    if any(problem.severity is Severity.ERROR for problem in problems):
        configuration = None
    return configuration, document, placed(problems, document)


def refused(error: ValidationError, at: Path) -> list[Problem]:
    """What is wrong with a value that was validated by itself, as if it stood at `at`; paths count from the value."""
    problems = [_translate({**details, "loc": (*at, *details["loc"])}) for details in error.errors(include_url=False)]
    return [replace(problem, path=problem.path[len(at) :]) for problem in problems]


def placed(problems: Sequence[Problem], document: Document) -> tuple[Problem, ...]:
    """The problems with their places, in the file's order."""
    found = [
        problem
        if problem.position is not None
        else replace(problem, position=document.place(problem.path, at_key=problem.at_key))
        for problem in problems
    ]
    return tuple(sorted(found, key=_order))


def _order(problem: Problem) -> tuple[int, int]:
    return (0, 0) if problem.position is None else (problem.position.line, problem.position.column)


def _told_already(problem: Problem, told: set[Path]) -> bool:
    """Whether a check has said it better: of the same path, or of what a refused chain entry holds."""
    if problem.path in told:
        return True
    if problem.path[:2] == ("policies", "chain"):
        return any(path[: len(problem.path)] == problem.path for path in told)
    return False


def _translate(details: ErrorDetails) -> Problem:
    """One of pydantic's errors in the words of the format."""
    location: Path = details["loc"]
    path = _untagged(location)
    at_key = False
    kind = details["type"]
    value = details["input"]
    context = details.get("ctx", {})
    if path[-1:] == ("[key]",):
        path, at_key = path[:-1], True
    if kind == "missing":
        return Problem(Code.MISSING, path, "is required", _example(location), at_key=True)
    if kind == "extra_forbidden":
        return Problem(
            Code.UNKNOWN_KEY, path, "unknown key", did_you_mean(str(path[-1]), keys_at(location[:-1])), at_key=True
        )
    if kind == "union_tag_not_found":
        return Problem(Code.MISSING, (*path, _TAG), "is required", at_key=True)
    if kind == "union_tag_invalid":
        tags = [tag.strip("'") for tag in context["expected_tags"].split(", ")]
        return _not_one_of((*path, _TAG), value[_TAG], tags, at_key=False)
    if kind == "literal_error":
        expected = str(context["expected"]).replace(" or ", ", ").split(", ")
        return _not_one_of(path, value, [name.strip("'") for name in expected], at_key=at_key)
    if kind == NOT_ONE_OF:
        return _not_one_of(path, value, context["names"], at_key=at_key)
    if kind in _BOUNDS:
        return Problem(Code.NOT_ALLOWED, path, _BOUNDS[kind].format(**context))
    if kind == "string_pattern_mismatch":
        shown = "" if path[-1] in _NEVER_SHOWN else f"{_shown(value)} "
        return Problem(Code.NOT_ALLOWED, path, f"{shown}does not have the required form", _example(location))
    if kind == REFUSED:
        return Problem(Code.PATTERN, path, f"not a pattern that can be run: {details['msg']}")
    wanted = _TYPES.get(kind)
    if wanted is None:
        # A kind of error that the model does not use today: pydantic's own words, which never hold the input.
        return Problem(Code.NOT_ALLOWED, path, details["msg"])
    advice = "put it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
    return Problem(Code.WRONG_TYPE, path, f"expected {wanted}, found {_kind_of(value)}", advice)


# The key by which a section of several kinds says which it is.
_TAG = "type"
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a section of keys and values",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
}
_BOUNDS = {
    "greater_than_equal": "expected {ge:g} or more",
    "greater_than": "expected more than {gt:g}",
    "less_than_equal": "expected {le:g} or less",
    "string_too_short": "must not be empty",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "expected at most {max_length} entries",
}


def _not_one_of(path: Path, value: Any, names: Sequence[str], *, at_key: bool) -> Problem:
    # A Literal of Python's booleans.
    names = [name.lower() if name in ("True", "False") else name for name in names]
    if not isinstance(value, str):
        message = f"expected one of [{', '.join(names)}], found {_kind_of(value)}"
        return Problem(Code.WRONG_TYPE, path, message)
    found = nearest(value, names)
    # With the right one at hand, fifty names would only hide it.
    listed = [*names[:6], "..."] if found and len(names) > 20 else names
    message = f"expected one of [{', '.join(listed)}], found {_shown(value)}"
    return Problem(Code.NOT_ALLOWED, path, message, f"did you mean {found}?" if found else "", at_key=at_key)


def _example(path: Path) -> str:
    section = _section_at(path[:-1])
    info = None if section is None else _fields(section).get(str(path[-1]))
    if info is None or not info.examples:
        return ""
    return f"for example {info.examples[0]}"


def keys_at(location: Path) -> tuple[str, ...]:
    """The keys that the section there may have; none if there is no such section.

    A location is a path with, behind what is of several kinds, the kind: (..., "sinks", 0, "s3").
    """
    section = _section_at(location)
    return () if section is None else tuple(_fields(section))


def _fields(section: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info for name, info in section.model_fields.items()}


def _section_at(location: Path) -> type[BaseModel] | None:
    return _walk(location)[0]


def _untagged(location: Path) -> Path:
    return _walk(location)[1]


def _walk(location: Path) -> tuple[type[BaseModel] | None, Path]:
    """The section at a location, and the path as it is in the file."""
    section: type[BaseModel] | None = Configuration
    path: list[str | int] = []
    tagged: dict[str, type[BaseModel]] = {}
    for part in location:
        if part in tagged:
            section, tagged = tagged[str(part)], {}
            continue
        path.append(part)
        if isinstance(part, int):
            continue
        info = None if section is None else _fields(section).get(part)
        inner = () if info is None else tuple(_sections(info.annotation))
        tagged = _tagged(inner)
        section = inner[0] if inner else None
    return section, tuple(path)


def _tagged(sections: tuple[type[BaseModel], ...]) -> dict[str, type[BaseModel]]:
    """The kinds of a section by what each calls itself; none if there is only one."""
    if len(sections) < 2 or not all(_TAG in section.model_fields for section in sections):
        return {}
    return {get_args(section.model_fields[_TAG].annotation)[0]: section for section in sections}


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a section"


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "…")
