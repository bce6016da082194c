"""Overlapping redactions: deterministic, local, and nothing of a span is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.overlap import clusters, rewrite
from extproc.policies.verdict import Finding

ORDER = {"first": 0, "second": 1}


def finding(policy, entity, start, end):
    return Finding(policy, entity, start, end, f"<{entity}>")


@pytest.mark.parametrize(
    ("findings", "expected", "kept"),
    [
        pytest.param([("first", "A", 0, 2), ("first", "B", 2, 4)], "<A><B>456789", ["A", "B"], id="touching is apart"),
        pytest.param([("second", "B", 1, 9), ("first", "A", 2, 4)], "0<A>9", ["A", "B"], id="the chain's order first"),
        pytest.param([("first", "A", 1, 4), ("first", "B", 2, 8)], "0<B>89", ["B"], id="then the longest"),
        pytest.param([("first", "B", 2, 4), ("first", "A", 1, 3)], "0<A>456789", ["A"], id="then the leftmost"),
        pytest.param([("first", "B", 1, 3), ("first", "A", 1, 3)], "0<A>3456789", ["A"], id="then the name"),
        pytest.param(
            [("first", "A", 0, 3), ("first", "B", 2, 6), ("first", "C", 5, 9)], "<B>9", ["B"], id="a chain of overlaps"
        ),
    ],
)
def test_settlement(findings, expected, kept):
    """A cluster becomes one marker, and reports one finding for each policy with that marker."""
    settled = list(clusters([finding(*each) for each in findings], ORDER))
    assert rewrite("0123456789", settled) == expected
    assert [item.entity for cluster in settled for item in cluster.findings] == kept
    for cluster in settled:
        assert {item.replacement for item in cluster.findings} == {cluster.marker}


SPANS = st.tuples(st.sampled_from(["first", "second"]), st.sampled_from("ABC"), st.integers(0, 18), st.integers(1, 6))


@given(st.lists(SPANS, max_size=8), st.randoms())
def test_order_of_finding_does_not_matter(spans, random):
    """Any order of the same findings gives the same text, in which no character of any span is left."""
    text = "".join(chr(ord("a") + at) for at in range(24))
    findings = [finding(policy, entity, start, start + length) for policy, entity, start, length in spans]
    written = rewrite(text, clusters(findings, ORDER))
    random.shuffle(findings)
    assert rewrite(text, clusters(findings, ORDER)) == written
    covered = {at for each in findings for at in range(each.start, each.end)}
    assert [c for c in written if c.islower()] == [c for at, c in enumerate(text) if at not in covered]
