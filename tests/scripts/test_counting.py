"""What scripts/quality counts."""

from __future__ import annotations

import pytest

from extproc.policies.verdict import Finding


def finding(entity, start, end):
    """A finding of the PII detector."""
    return Finding("pii-detector", entity, start, end)


def test_tallies(program):
    """A label pairs with one overlapping finding of its entity; what is left is missed or wrong."""
    tallies = program("counting").Tallies(["EMAIL", "SSN"])
    tallies.add(
        [("EMAIL", 0, 5), ("EMAIL", 6, 9), ("SSN", 20, 30)],
        [finding("EMAIL", 2, 8), finding("EMAIL", 2, 8), finding("EMAIL", 10, 12), finding("SSN", 30, 40)],
    )
    tallies.add([("SSN", 0, 4)], [finding("SSN", 0, 4), finding("VIN", 5, 9)])
    email, ssn = tallies.by_entity["EMAIL"], tallies.by_entity["SSN"]
    assert (email.found, email.missed, email.wrong) == (2, 0, 1)
    assert (ssn.found, ssn.missed, ssn.wrong) == (1, 1, 1)
    assert (email.recall, email.precision) == (1.0, 2 / 3)
    assert (ssn.recall, ssn.precision) == (0.5, 0.5)


def test_nothing_to_find(program):
    """Where nothing is labelled or found, nothing is missed or wrong."""
    tally = program("counting").Tally()
    assert (tally.recall, tally.precision) == (1.0, 1.0)


def test_families(program):
    """A family is unknown when only generic rules find it, or none does."""
    rows = [
        ("github", frozenset({"github-token"})),
        ("github", frozenset({"named"})),
        ("acme", frozenset({"named"})),
        ("acme", frozenset()),
        ("zeta", frozenset()),
    ]
    everything, unknown, alone = program("counting").families(rows, frozenset({"named"}))
    assert (everything.found, everything.missed) == (3, 2)
    assert (unknown.found, unknown.missed) == (1, 2)
    assert (alone.found, alone.missed) == (2, 3)


@pytest.mark.parametrize(
    ("disguise", "value", "expected"),
    [
        ("full-width", "12-a", "\uff11\uff12\uff0d\uff41"),
        ("zero-width", "1234567", "123\u200b456\u200b7"),
        ("no-break", "1 2-3", "1\u00a02\u20113"),
        ("no-break", "1234", "12\u00ad34"),
        ("at/dot", "a@b.co.uk", "a [at] b [dot] co [dot] uk"),
    ],
)
def test_disguises(program, disguise, value, expected):
    """A value is disguised in place, and its label covers all of it."""
    label = ("EMAIL", 2, 2 + len(value))
    text, (entity, start, end) = program("counting").disguised(f"x {value}.", label, disguise)
    assert text == f"x {expected}."
    assert (entity, text[start:end]) == ("EMAIL", expected)


def test_disguise_that_does_not_apply(program):
    """Only an address is spelled with "at"."""
    assert program("counting").disguised("123-45-6789", ("SSN", 0, 11), "at/dot") is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, 0.0), ([3.0], 99, 3.0), ([4.0, 1.0, 3.0, 2.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentile(program, values, percent, expected):
    """A percentile is the smallest value that so many per cent do not exceed."""
    assert program("counting").percentile(values, percent) == expected
