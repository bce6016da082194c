"""Overlapping redactions, settled by a rule that only looks at one cluster of them.

A cluster is a set of spans connected by overlap (sharing a character; touching is not overlapping). Its union is
replaced by the marker of one of them: the policy that comes first in the chain, there the longest span, then the
leftmost, then the entity's name. Nothing outside the cluster has a say, so a stream that waits until a cluster is
complete writes the same text as the unary path. Of each policy the cluster keeps one finding, chosen the same way: a
card number that also looks like a telephone number is reported once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from extproc.policies.escape import Markers
from extproc.policies.verdict import Finding


@dataclass(frozen=True, slots=True)
class Cluster:
    """A settled cluster: [start, end) becomes `marker`; `findings` are those that are reported, the winner first."""

    start: int
    end: int
    marker: str
    findings: tuple[Finding, ...]


def clusters(findings: Iterable[Finding], order: Mapping[str, int]) -> Iterator[Cluster]:
    """Settle redacting findings (`replacement` not None) of one text, from left to right.

    `order` is the chain's order: policy kind to position.
    """
    group: list[Finding] = []
    end = 0
    for finding in sorted(findings, key=lambda item: item.start):
        if group and finding.start >= end:
            yield _settle(group, end, order)
            group = []
        group.append(finding)
        end = max(end, finding.end) if len(group) > 1 else finding.end
    if group:
        yield _settle(group, end, order)


def rewrite(text: str, settled: Iterable[Cluster], *, in_json: bool = False) -> str:
    """The text with every cluster replaced by its marker."""
    markers = Markers() if in_json else None
    pieces: list[str] = []
    position = 0
    for cluster in settled:
        before, hidden = text[position : cluster.start], text[cluster.start : cluster.end]
        if markers is None:
            pieces += (before, cluster.marker)
        else:
            pieces += (markers.read(before), markers.open(cluster.marker))
            markers.read(hidden)
            pieces.append(markers.close())
        position = cluster.end
    return "".join([*pieces, text[position:]])


def _settle(group: list[Finding], end: int, order: Mapping[str, int]) -> Cluster:
    ranked = sorted(group, key=lambda item: (order[item.policy], item.start - item.end, item.start, item.entity))
    marker = ranked[0].replacement or ""
    kept = [ranked[0], *(later for earlier, later in pairwise(ranked) if earlier.policy != later.policy)]
    reported = tuple(replace(item, replacement=marker) for item in kept)
    return Cluster(group[0].start, end, marker, reported)
