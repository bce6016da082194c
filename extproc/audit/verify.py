"""Whether a trail is whole: that nothing was changed, taken out, put in, moved or cut off since it was written.

Every line must follow the one before (`links`), every batch be sealed by its session's key, every session key be
vouched for by a public key that the auditor has (`walk`), everything that a chain says of another be so (`claims`), and
what is gone have been removed when its time was over (`removals`). What that cannot show: that a trail which was put
back as a whole to an older state is not the newest one. An auditor who wants to know keeps checkpoints (`expected`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.audit import checkpoint
from extproc.audit.claims import Claim, Claims
from extproc.audit.merge import begin, side_by_side
from extproc.audit.removals import Removals
from extproc.audit.report import Place, Report
from extproc.audit.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from extproc.audit.checkpoint import Head
    from extproc.audit.source import Source
    from extproc.audit.walk import Told


def verify(
    sources: Iterable[Source],
    keys: Collection[bytes] = (),
    *,
    closed: bool = False,
    expected: Iterable[tuple[Head, Place]] = (),
    report: Report | None = None,
) -> Report:
    """Read a whole trail, once, and say what is wrong with it.

    `keys` are the public keys (32 bytes) that vouch for session keys; without any, a chain is held only against its own
    key. `closed`: every chain must have come to its end. `expected`: heads that must be there, and where they stand.
    `report` may hold what was found before, when the files were listed. What `sources` raise goes through.
    """
    report = report or Report()
    chains: dict[str, list[Source]] = {}
    for source in sources:
        chains.setdefault(source.segment.chain, []).append(source)
    if not chains:
        report.find("empty", ".", "there is no segment")
    walks = {chain: Walk(chain, listed, keys, report) for chain, listed in chains.items()}
    report.totals.chains = len(walks)
    removals = Removals(report)
    claims = Claims(walks, removals, report)
    for head, place in expected:
        claims.add(Claim(head, place))
    for chain, seal in side_by_side({chain: (begin(walk.sources[0]), walk.seals()) for chain, walk in walks.items()}):
        if seal is None:
            claims.ended(chain)
            continue
        claims.sealed(chain, seal)
        if walks[chain].trusted:
            for told in seal.told:
                _hear(walks[chain], told, claims, removals, report)
    removals.finish(walks)
    claims.finish()
    for walk in walks.values():
        _judge_end(walk, claims, report, closed=closed)
    if not keys:
        text = "no public key was given: the trail's own keys were used, for which nobody vouches"
        report.note("no-public-key", ".", text)
    return report


def _hear(walk: Walk, told: Told, claims: Claims, removals: Removals, report: Report) -> None:
    """Take in what a line tells."""
    line, place = told.document, told.place
    match line["event"]:
        case "checkpoint":
            try:
                heads = checkpoint.heads(line)
            except ValueError as error:
                report.find("checkpoint", place.file, str(error), line=place.line)
                return
            for head in heads if told.asked else ():
                claims.add(Claim(head, place))
        case "pruned":
            removals.add(line, place, 0 if walk.opened is None else walk.opened.retention_days)
        case "dropped":
            count = line.get("count")
            report.totals.lost += count if type(count) is int else 0
            report.note("dropped", str(place), f"{count} records did not fit the queue, and were not written")
        case "opened" if walk.opened is not None and place.line == 1:
            _hear_opened(walk, told, claims, report)


def _hear_opened(walk: Walk, told: Told, claims: Claims, report: Report) -> None:
    opened = walk.opened
    if opened is None or told.document.get("segment") != opened.segment:
        return
    if opened.supervisor and told.asked:
        claims.supervised(opened.supervisor, told.place)
    if opened.resumed is not None:
        if told.asked:
            claims.continued(Claim(opened.resumed, told.place))
        report.totals.lost += opened.lost
        text = f"continues chain {opened.resumed.chain} after a write that failed; {opened.lost} records were lost"
        report.note("resumed", str(told.place), text)


def _judge_end(walk: Walk, claims: Claims, report: Report, *, closed: bool) -> None:
    tail, final = walk.tail, claims.is_final(walk.chain)
    name = walk.sources[-1].name
    if walk.closed and tail is not None:
        report.find(
            "after-closed", tail.source.name, f"{tail.size} bytes after the chain was closed", offset=tail.offset
        )
    elif tail is not None and (tail.size or walk.last is None):
        text = f"{tail.size} bytes after the last seal: never durable, they do not count"
        report.note("tail", tail.source.name, f"{text}; the writer ended without closing" if final else text)
    if walk.closed:
        return
    if final:
        report.note("crashed", name, f"chain {walk.chain} ended without closing, as is told elsewhere in the trail")
    elif closed:
        report.find("not-closed", name, f"chain {walk.chain} has no end, and nothing tells that its writer is gone")
    else:
        report.note("open", name, f"chain {walk.chain} has no end: its writer is at work, or ended without closing")
