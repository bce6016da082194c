"""The cases of scripts/chaos and tests/chaos: what breaks, and what clients see of it. All expectations stand here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos_stage import (
    black_hole,
    calm,
    dead,
    drained,
    fault,
    flapping,
    killed_worker,
    reloaded,
    unknown_certificate,
)
from clients import BROKEN_BEFORE, BROKEN_OFF

if TYPE_CHECKING:
    from chaos_stage import Means

NOTHING: frozenset[str] = frozenset()
# What becomes of a stream that has begun and whose region dies: the connection breaks when the upstream's did. The 502
# where its head had come, and was still with a worker.
CUT_OFF = frozenset({BROKEN_OFF, "502 service_unavailable"})


@dataclass(frozen=True)
class Case:
    """One way to break.

    Attributes:
        name: of the case, and of its model.
        what: breaks, for people.
        means: breaks it.
        breaks: "region", "gateway" or "nothing".
        own: which region of its own it needs; see Stage.
        whole, stream: the failures that clients see of requests that were made while it is broken. Nothing: the other
            region hides it, and no request may fail. Else some do, and none in another way.
        open: failures that answers may also come to which were under way when it broke: what has begun stays there.
        ends: the gateway is gone afterwards, and needs a stage of its own.
    """

    name: str
    what: str
    means: Means
    breaks: str = "region"
    own: str = ""
    whole: frozenset[str] = NOTHING
    stream: frozenset[str] = NOTHING
    open: frozenset[str] = NOTHING
    ends: bool = False

    def under_way(self, kind: str) -> frozenset[str]:
        """The failures that answers may come to which were asked for before it broke: some arrive only then."""
        expected: frozenset[str] = getattr(self, kind)
        return self.open | expected

    @property
    def unmendable(self) -> bool:
        """Whether it is broken from the start, and for good."""
        return self.own == "nowhere"

    @property
    def returns(self) -> bool:
        """Whether a region comes back that was given up."""
        return self.breaks == "region" and not self.unmendable


def only(*failures: str) -> frozenset[str]:
    """These failures, as clients.py names them."""
    return frozenset(failures)


CASES = (
    Case("calm", "nothing", calm, breaks="nothing"),
    Case("refused", "connect refused", dead, own="process", open=CUT_OFF),
    Case("black-hole", "connect hangs", black_hole, own="process", open=CUT_OFF),
    Case("tls", "TLS failure", unknown_certificate, own="tls", open=CUT_OFF),
    # Its name cannot be mended: Envoy asks the machine's own resolver, which no test may change.
    Case("dns", "DNS failure", calm, own="nowhere"),
    Case("hang", "hang before headers", fault("stall")),
    Case(
        "hang-first",
        "hang before frame 1",
        fault("stall-midstream--after0"),
    ),
    Case(
        "hang-midstream",
        "hang in mid-stream",
        fault("stall-midstream"),
        # The client has some of it.
        stream=only("event timeout"),
    ),
    Case("reset", "reset", fault("reset")),
    Case("unavailable", "503", fault("unavailable")),
    Case("throttle", "throttle 400", fault("throttle")),
    Case("inner-500", "424, inner 500", fault("model-error-500")),
    Case("inner-429", "424, inner 429", fault("model-error-429")),
    # The container computes on, so that nothing is sent again: by decision, not for want of a way.
    Case("inner-0", "424, inner 0", fault("model-error-0"), whole=only("504 timeout"), stream=only("504 timeout")),
    Case("exception-first", "exception first", fault("exception-first")),
    Case("slow-start", "slow start", fault(("not-ready", 10), "chat--first1200")),
    Case("flapping", "flapping every 1 s", flapping("unavailable", 1.0)),
    # Its exchanges cannot be judged to their end by anybody else, and unjudged they may not pass.
    Case(
        "killed-worker",
        "one worker killed",
        killed_worker,
        breaks="gateway",
        open=only("503 gateway_unavailable", BROKEN_OFF, BROKEN_BEFORE),
    ),
    Case("reload", "reload (SIGHUP)", reloaded, breaks="gateway"),
    Case("drain", "drained (SIGTERM)", drained, breaks="gateway", ends=True),
)
