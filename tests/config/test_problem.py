"""Problems as text: paths, places, advice."""

from __future__ import annotations

import pytest

from extproc.config.problem import (
    Code,
    ConfigurationError,
    Position,
    Problem,
    Severity,
    did_you_mean,
    dotted,
    nearest,
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("pack", "name"), "pack.name"),
        (("providers", "targets", 0, "aws_region"), "providers.targets[0].aws_region"),
        (("policy", "dlp-filter"), "policy.dlp-filter"),
        (("a b", "c.d"), "'a b'.'c.d'"),
        (("x\ny",), "'x?y'"),
        (("k" * 50 + " ",), "'" + "k" * 40 + "…'"),
    ],
)
def test_dotted_path(path: tuple[str | int, ...], text: str) -> None:
    """A path is written as people write it; odd keys are quoted, cut and kept on one line."""
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("word", "expected"),
    [("aws-regoin", "aws_region"), ("AWS_REGION", "aws_region"), ("zzz", ""), ("", ""), ("a" * 100_000, "")],
)
def test_nearest(word: str, expected: str) -> None:
    """The nearest name is found across case and the two kinds of dash; noise has none."""
    assert nearest(word, ["aws_region", "model"]) == expected


def test_advice_without_a_near_name_lists_all() -> None:
    """Where no name is near, all of them are offered."""
    assert did_you_mean("zzz", ["redact", "block"]) == "expected one of [redact, block]"


def test_problem_renders_as_one_clickable_line() -> None:
    """File, line and column come first, the code last."""
    problem = Problem(Code.UNKNOWN_KEY, ("pack", "nam"), "unknown key", "did you mean name?", position=Position(2, 3))
    assert problem.render("a.yaml") == "a.yaml:2:3: pack.nam: unknown key; did you mean name? [E002]"


def test_warning_says_so_and_a_problem_of_the_file_has_no_place() -> None:
    """A warning is marked; what concerns the whole file stands after its name alone."""
    problem = Problem(Code.DISABLED, (), "all traffic is refused", severity=Severity.WARNING)
    assert problem.render("a.yaml") == "a.yaml: warning: all traffic is refused [W106]"


def test_error_prints_every_problem_and_tells_errors_apart() -> None:
    """The exception's text is one line a problem; `errors` leaves warnings out."""
    error = Problem(Code.SYNTAX, (), "the file is empty")
    warning = Problem(Code.EMPTY_CHAIN, (), "no policy runs", severity=Severity.WARNING)
    raised = ConfigurationError((error, warning), "f")
    assert str(raised) == "f: the file is empty [E009]\nf: warning: no policy runs [W103]"
    assert raised.errors == (error,)


def test_codes_are_unique_and_warnings_begin_with_w() -> None:
    """Every code stands for one kind of problem."""
    values = [code.value for code in Code]
    assert len(set(values)) == len(values) == len(Code.__members__)
    assert all(value[0] in "EW" and value[1:].isdigit() for value in values)


def test_every_code_is_documented() -> None:
    """The docstring lists each code once, in order."""
    listed = [
        line.split()[0]
        for line in (Code.__doc__ or "").splitlines()
        if line.startswith("    ") and "  " in line.strip()
    ]
    assert listed == [code.value for code in Code]
