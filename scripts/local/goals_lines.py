"""The goals of scripts/bench --goals: what was measured, as one line for each of them.

With enterprise.yaml where nothing else is said; paced is at 50 tokens/s in each stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from peers_report import GOALS as TIMES
from profile_report import GOALS as CPU
from report import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from report import Figures

# At most: ms, MB and s. What CPU and throughput are to be is said by profile_report and peers_report.
LATENCY, FIRST_TOKEN, BETWEEN_TOKENS = 0.7, 2.0, 5.0
IDLE, OPEN = 60.0, 120.0
HELP, READY = 0.3, 3.0
PACES = {"stream": "as fast as they come", "paced": "streams at 50 tokens/s"}


@dataclass(frozen=True, slots=True)
class Line:
    """One goal: what is aimed at, at most (or at least), what was measured, and how."""

    name: str
    limit: float
    value: float
    unit: str
    detail: str = ""
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass
class Pace:
    """When the text of paced streams came: all rounds' times in ms, as load.py tells them."""

    first_event: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def add(self, outcome: Mapping[str, Any]) -> None:
        """One more round."""
        self.first_event += outcome["first_event"]
        self.first_text += outcome["first_text"]
        self.gaps += outcome["gaps"]

    @property
    def rate(self) -> float:
        """Texts a second that one stream brought."""
        return 1000 * len(self.gaps) / sum(self.gaps) if self.gaps else 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What a worker held at most with so many streams, and before (resident memory, PSS; MB); how many at one time."""

    held: tuple[float, float]
    before: tuple[float, float]
    streams: int
    together: int


def costs(ours: Mapping[tuple[str, int], Mapping[str, Figures]], paced_streams: int) -> list[Line]:
    """CPU of the workers for a whole answer, and for a token at each pace that was measured."""
    lines = []
    for (name, workers), kinds in ours.items():
        figures = kinds["unary"]
        each = figures.cpu["workers"] / max(len(figures.whole), 1)
        what = f"worker CPU per exchange, {name}, {counted(workers)}"
        lines.append(Line(what, CPU[name, "unary"], each, "µs", f"{len(figures.whole):,} exchanges"))
    for kind, pace in PACES.items():
        for (name, workers), kinds in ours.items():
            if kind in kinds and kinds[kind].tokens:
                each = kinds[kind].cpu["workers"] / kinds[kind].tokens
                paced = ", paced" if kind == "paced" else ""
                what = f"worker CPU per token, {name}, {counted(workers)}{paced}"
                many = f"{paced_streams} " if kind == "paced" else ""
                detail = f"{many}{pace}; {kinds[kind].tokens:,} tokens"
                lines.append(Line(what, CPU[name, "stream"], each, "µs", detail))
    return lines


def throughput(
    ours: Mapping[str, Figures], others: Mapping[str, Mapping[str, Figures]], connections: int
) -> list[Line]:
    """Requests/s of the enterprise chain as a multiple of each other's."""
    mine = rate(ours["unary"])
    lines = []
    for name, kinds in others.items():
        theirs = rate(kinds["unary"])
        what = f"throughput at {connections} connections against {name}"
        detail = f"{mine:,.0f} against {theirs:,.0f} requests/s"
        lines.append(Line(what, TIMES[name], mine / theirs if theirs else 0.0, "x", detail, at_most=False))
    return lines


def rate(figures: Figures) -> float:
    """Whole answers a second."""
    return len(figures.whole) / figures.seconds


def latency(base: Sequence[float], ours: Sequence[float]) -> Line:
    """Of medians in ms, bare Envoy's and ours in the same rounds: the median of what ours is more."""
    added = [mine - theirs for theirs, mine in zip(base, ours, strict=True)]
    detail = f"{median(ours):.2f} over {median(base):.2f} ms; rounds {min(added):.2f} to {max(added):.2f}"
    return Line("added latency p50, one connection", LATENCY, median(added), "ms", detail)


def pace(base: Pace, ours: Pace, streams: int) -> list[Line]:
    """What ours adds to the first token, and to the time from one token to the next.

    The first event of a chat has a role and no text, so nothing holds it back.
    """
    where = f"{streams} paced streams"
    first = [percentile(each.first_text, 50) for each in (base, ours)]
    event = [percentile(each.first_event, 50) for each in (base, ours)]
    gap = [percentile(each.gaps, 99) for each in (base, ours)]
    return [
        Line(
            f"added time to first event p50, {where}", FIRST_TOKEN, event[1] - event[0], "ms",
            f"{event[1]:.1f} over {event[0]:.1f} ms",
        ),
        Line(
            f"added time to first text p50, {where}", FIRST_TOKEN, first[1] - first[0], "ms",
            f"{first[1]:.1f} over {first[0]:.1f} ms; a word is held until the next token ends it, which takes 20",
        ),
        Line(
            f"added inter-token p99, {where}", BETWEEN_TOKENS, gap[1] - gap[0], "ms",
            f"{gap[1]:.1f} over {gap[0]:.1f} ms",
        ),
    ]  # fmt: skip


def memory(idle: tuple[float, float], opened: Opened) -> list[Line]:
    """Of the enterprise chain's only worker: before its first request, and with open streams."""
    many = f"{opened.together:,} of {opened.streams:,} at one time"
    each = (opened.held[0] - opened.before[0]) * 1000 / opened.streams
    return [
        Line(
            "memory of a worker, idle", IDLE, idle[0], "MB",
            f"RSS, before its first request; PSS {idle[1]:.1f}; RSS after the loads above {opened.before[0]:.1f}",
        ),
        Line(
            f"memory of a worker, {opened.streams:,} open streams", OPEN, opened.held[0], "MB",
            f"RSS; PSS {opened.held[1]:.1f}; {each:.0f} kB a stream; {many}",
        ),
    ]  # fmt: skip


def starting(helped: Sequence[float], ready: Sequence[float]) -> list[Line]:
    """Until `kt --help` has ended, and until a gateway has answered: the medians of these seconds."""
    return [
        Line("kt --help", HELP, median(helped), "s", spread(helped)),
        Line(
            "gateway ready from start", READY, median(ready), "s",
            f"first 200 of a chat call; {spread(ready)}",
        ),
    ]  # fmt: skip


def spread(values: Sequence[float]) -> str:
    """How many there are and how far apart."""
    return f"median of {len(values)}, {min(values):.2f} to {max(values):.2f}"


def counted(workers: int) -> str:
    """1 worker, 2 workers."""
    return f"{workers} worker{'s' if workers > 1 else ''}"
