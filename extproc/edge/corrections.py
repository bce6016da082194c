"""What AWS's refusals teach: that credentials have expired before their time, and that our clock is wrong.

The refused attempt itself is not repeated at the same target: its signature was made before it was sent, and Envoy goes
on to the next target. The next request is signed with what was learnt, milliseconds later.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.edge import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.edge.credentials import CredentialKeeper
    from extproc.events import AttemptOutcome
    from extproc.routing.targets import Identity, Target

# The credentials are not known (any more); a newer set may be.
REFUSED = frozenset(
    {
        *("ExpiredTokenException", "ExpiredToken", "RequestExpired"),
        *("UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId"),
    }
)
# However many requests are refused meanwhile, an identity is refreshed so often at most: STS throttles, too.
REFRESH_SECONDS = 5.0
# AWS accepts five minutes either way, and a Date is whole seconds and some network time old.
TOLERATED_SECONDS = 30.0
# A Date further off is no clock's.
MAX_OFFSET = 7 * 86_400.0


class Corrections:
    """One worker's. `clock` has the seconds by which AWS's clock is ahead of ours, for regions where it matters."""

    def __init__(self, keeper: CredentialKeeper) -> None:
        self._keeper = keeper
        self._refreshed: dict[Identity, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.clock: Mapping[str, float] = MappingProxyType({})

    def learn(self, outcomes: Iterable[AttemptOutcome], targets: Iterable[Target], now: float) -> None:
        """Take what an exchange's attempts brought; `now` is Unix seconds by our clock."""
        for outcome in outcomes:
            # A 401 is the OpenAI route's about our token.
            refused = outcome.error_type in REFUSED or outcome.status == 401
            if not (refused or outcome.date):
                continue
            target = next((target for target in targets if target.id == outcome.target), None)
            if target is not None and refused:
                self._refresh(target.identity)
            elif target is not None:
                self._set_clock(target.region, outcome.date, now)

    async def settle(self) -> None:
        """Wait until every refresh that was begun has ended."""
        await asyncio.gather(*self._tasks)

    def _refresh(self, identity: Identity) -> None:
        began = time.monotonic()
        if began - self._refreshed.get(identity, -REFRESH_SECONDS) < REFRESH_SECONDS:
            return
        self._refreshed[identity] = began
        task = asyncio.get_running_loop().create_task(self._keeper.refresh(identity), name="credentials")
        # The loop itself holds tasks weakly only.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_clock(self, region: str, date: str, now: float) -> None:
        try:
            offset = parsedate_to_datetime(date).timestamp() - now
        except (ValueError, OverflowError):
            return
        if abs(offset) > MAX_OFFSET:
            return
        others = {name: seconds for name, seconds in self.clock.items() if name != region}
        if abs(offset) > TOLERATED_SECONDS:
            others[region] = offset
            logs.get().warning("the clock of this machine is wrong", region=region, ahead_seconds=round(-offset))
        # Else our clock has been set right since it was corrected here.
        self.clock = MappingProxyType(others)
