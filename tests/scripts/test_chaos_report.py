"""What scripts/chaos makes of the answers: their moment, the added latency, and what is not as it should be."""

from __future__ import annotations

import json

import pytest

# It is struck at 9.5 s, breaks at 10 s and is mended at 20 s.
BROKE, MENDED = 10.0, 20.0
CALM = [(5.0, "whole", 400.0, ""), (5.0, "stream", 400.0, "")]
BROKEN = [(12.0, "whole", 450.0, ""), (12.0, "stream", 600.0, "")]
BACK = [(21.5, "whole", 400.0, ""), (21.0, "whole", 400.0, "503 x"), (22.0, "stream", 400.0, "")]


@pytest.fixture
def modules(program):
    """The report's module, the cases' and the clients', each loaded once."""
    return program("chaos_report"), program("chaos_cases"), program("clients")


def observed(modules, rows, *, case="throttle", audited=1, **more):
    """A run of a case; a row is when it was asked, kind, how long it took, and its failure."""
    report, cases, clients = modules
    answers = [
        clients.Answer(asked, kind, whole / 4, whole, failure, f"{case}-east" if asked > MENDED else "", f"r{at}")
        for at, (asked, kind, whole, failure) in enumerate(rows)
    ]
    return report.Observed(
        case=next(each for each in cases.CASES if each.name == case),
        struck=BROKE - 0.5,
        broke=BROKE,
        mended=MENDED,
        answers=answers,
        received={"east": 1, "west": 3},
        attempts={"east": 1, "west": 1},
        details={"r0": "failed [east 400]"},
        audited=dict.fromkeys((answer.request_id for answer in answers), audited),
        **more,
    )


def test_each_answer_belongs_to_one_moment(modules):
    """What was under way when it broke is neither of the calm nor of those that were asked for while it was broken."""
    run = observed(modules, [*CALM, (9.6, "whole", 50.0, ""), (9.2, "whole", 400.0, ""), *BROKEN, *BACK])
    counts = [len(part) for part in (run.before(), run.open(), run.during(), run.after())]
    assert counts == [2, 2, 2, 3]


def test_a_row_adds_to_the_calm_and_tells_shares_and_the_way_back(modules, monkeypatch):
    """Latencies are differences; the way back is the first good answer of the mended region."""
    monkeypatch.setattr(modules[0], "ENOUGH", 1)
    run = observed(modules, [*CALM, *BROKEN, *BACK])
    row = run.row(modules[0].calm([run]))
    assert row == {
        "asked": 2,
        "failed": 1,
        "cut": 0,
        "whole p50": 50,
        "whole p99": 50,
        "first p50": 50,
        "first p99": 50,
        "share": 25.0,
        "tried": 50.0,
        "back s": 1.5,
    }


def test_where_few_succeed_no_latency_is_made_up(modules):
    """A column with hardly a good answer is empty, not a gain."""
    failed = [(12.0, kind, 5.0, "504 timeout") for kind in ("whole", "stream")]
    run = observed(modules, [*CALM * 5, *failed, BROKEN[0]], case="inner-0")
    row = run.row(modules[0].calm([run]))
    assert (row["whole p50"], row["first p99"], row["failed"]) == (None, None, 2)


@pytest.mark.parametrize(
    ("case", "rows", "problems"),
    [
        ("throttle", [*CALM, *BROKEN, (21.0, "whole", 1.0, "")], []),
        ("throttle", [(5.0, "whole", 1.0, "503 x"), *BROKEN, (21.0, "whole", 1.0, "")], ["failed before"]),
        ("throttle", [*BROKEN, (12.0, "whole", 1.0, "503 x"), (21.0, "whole", 1.0, "")], ["whole: 1 times 503 x"]),
        ("throttle", [*BROKEN, (9.9, "whole", 400.0, "503 x"), (21.0, "whole", 1.0, "")], ["under way: 1"]),
        ("throttle", [*BROKEN, *BACK], ["afterwards: 1 times 503 x"]),
        ("throttle", BROKEN, ["not used again"]),
        ("throttle", [BROKEN[0], BACK[0]], ["stream: nothing was asked"]),
        ("refused", [*BROKEN, (9.9, "stream", 400.0, "connection closed in mid-answer"), BACK[0]], []),
        ("inner-0", [*BROKEN, BACK[0]], ["whole: nothing failed", "stream: nothing failed"]),
        ("calm", BROKEN, []),
        ("dns", BROKEN, []),
        (
            "drain",
            [(9.9, "whole", 400.0, ""), (9.9, "stream", 400.0, ""), (12.0, "whole", 1.0, "connection refused")],
            [],
        ),
        (
            "drain",
            [(9.9, "whole", 400.0, ""), (9.9, "stream", 400.0, "event x")],
            ["stream under way: 1 times event x"],
        ),
    ],
)
def test_what_is_not_as_the_case_says_is_a_problem(modules, case, rows, problems):
    """Failures where there may be none, none where there are said to be, and a region that stays away."""
    found = observed(modules, rows, case=case).problems()
    assert len(found) == len(problems)
    assert all(expected in problem for expected, problem in zip(problems, found, strict=True))


@pytest.mark.parametrize("lines", [0, 2])
def test_an_answer_without_its_line_of_audit_is_a_problem(modules, lines):
    """None, or two of them."""
    assert "4 answers have not exactly one line" in str(
        observed(modules, [*CALM, *BROKEN], case="calm", audited=lines).problems()
    )


def test_the_calm_is_the_median_of_all_cases(modules, monkeypatch):
    """One case that began beside a busy neighbour does not make the others look fast."""
    monkeypatch.setattr(modules[0], "ENOUGH", 1)
    slow = [(5.0, "whole", 4000.0, ""), (5.0, "stream", 4000.0, "")]
    runs = [observed(modules, rows) for rows in (CALM, slow, CALM, BROKEN)]
    assert modules[0].calm(runs) == modules[0].latencies(runs[0].answers)
    assert set(modules[0].calm([]).values()) == {None}


def test_both_forms_say_the_same(modules, monkeypatch):
    """The JSON has what the table has, and every failure with what the audit trail says of it."""
    report = modules[0]
    monkeypatch.setattr(report, "ENOUGH", 1)
    calm = observed(modules, [*CALM, *BROKEN], case="calm")
    run = observed(modules, [(12.0, "whole", 9.0, "503 x"), *BROKEN, *BACK[:1]])
    document = json.loads(report.as_json([calm, run], {"clients": 2}))
    assert document["calm ms"] == {"whole p50": 400.0, "whole p99": 400.0, "first p50": 100.0, "first p99": 100.0}
    assert document["cases"]["throttle"]["causes"] == {"whole, 503 x <- failed [east 400]": 1}
    assert document["cases"]["throttle"]["failures"]["during"] == {"whole": {"503 x": 1}, "stream": {}}
    text = report.as_text([calm, run], {"clients": 2})
    row = next(line for line in text.splitlines() if line.startswith("throttle 400"))
    assert row.split()[2:5] == ["3", "1", "0"]
    assert row.split()[-1] == "1.5"
    assert "whole, 503 x <- failed [east 400]" in text
    assert "UNEXPECTED whole: 1 times 503 x" in text
