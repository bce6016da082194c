"""What AWS's refusals teach: that credentials have expired before their time, and that our clock is wrong.

The refused attempt is signed again with what was learnt and repeated (edge/signer.py), while its client waits; so are
those that were under way with it. All that come after are signed right at once.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.sagemaker.ticket import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.edge.credentials import CredentialKeeper
    from extproc.events import AttemptOutcome
    from extproc.routing.targets import Identity, Target
    from extproc.sagemaker.ticket import Claim

# However many requests are refused meanwhile, an identity is refreshed so often at most: STS throttles, too.
REFRESH_SECONDS = 5.0
# How long a refused attempt waits for new credentials; attempt.lua waits a little longer.
PATIENCE_SECONDS = 5.0
# AWS accepts five minutes either way, and a Date is whole seconds and some network time old.
TOLERATED_SECONDS = 30.0
# A Date further off is no clock's.
MAX_OFFSET = 7 * 86_400.0


class Corrections:
    """One worker's. `clock` has the seconds by which AWS's clock is ahead of ours, for regions where it matters."""

    def __init__(self, keeper: CredentialKeeper) -> None:
        self._keeper = keeper
        self._refreshed: dict[Identity, float] = {}
        self._refreshing: dict[Identity, asyncio.Task[None]] = {}
        self.clock: Mapping[str, float] = MappingProxyType({})

    def learn(self, outcomes: Iterable[AttemptOutcome], targets: Iterable[Target], now: float) -> None:
        """Take what an exchange's attempts brought; `now` is Unix seconds by our clock.

        Another worker may have signed the attempt again: this one is to know as much.
        """
        for outcome in outcomes:
            if not (outcome.credentials or outcome.date):
                continue
            target = next((target for target in targets if target.id == outcome.target), None)
            if target is None:
                continue
            wrong = self._set_clock(target.region, outcome.date, now) and target.region in self.clock
            # Where both may be at fault, as with a bearer token, a wrong clock is enough of a reason.
            if not wrong and outcome.credentials and not self._renewed(target.identity, outcome.credentials):
                self._refresh(target.identity)

    async def cure(self, claim: Claim, now: float) -> bool:
        """Whether a new signature may be taken where that of the claim was refused.

        Sets the clock right, or waits until the credentials are renewed, as the refusal demands; however many attempts
        do so, they wait for one and the same refresh. `now` is Unix seconds by our clock.
        """
        target = claim.target
        dated = self._set_clock(target.region, claim.date, now)
        if claim.cause == CLOCK:
            # Or the clock is right, and the attempts before this one took so long that the signature had grown old.
            return dated
        # A bearer token is refused without a reason.
        if dated and abs(self.clock.get(target.region, 0.0) - claim.clock) > TOLERATED_SECONDS:
            return True
        # Other credentials than the refused ones may be another worker's or no better; newer than the request they are.
        newer = self._keeper.changed.get(target.identity, 0.0) > claim.issued
        if not (newer and self._renewed(target.identity, claim.credentials)):
            refreshing = self._refresh(target.identity)
            if refreshing is not None:
                await asyncio.wait({refreshing}, timeout=PATIENCE_SECONDS)
        return self._renewed(target.identity, claim.credentials)

    async def settle(self) -> None:
        """Wait until every refresh that was begun has ended."""
        await asyncio.gather(*self._refreshing.values())

    def _renewed(self, identity: Identity, refused: str) -> bool:
        """Whether there are other credentials by now than those of the fingerprint."""
        held = self._keeper.snapshot.get(identity)
        return held is not None and held.fingerprint != refused

    def _refresh(self, identity: Identity) -> asyncio.Task[None] | None:
        """The refresh that is under way; None when the last one has only just ended."""
        if identity in self._refreshing:
            return self._refreshing[identity]
        began = time.monotonic()
        if began - self._refreshed.get(identity, -REFRESH_SECONDS) < REFRESH_SECONDS:
            return None
        self._refreshed[identity] = began
        task = asyncio.get_running_loop().create_task(self._keeper.refresh(identity), name="credentials")
        self._refreshing[identity] = task
        task.add_done_callback(lambda _: self._refreshing.pop(identity, None))
        return task

    def _set_clock(self, region: str, date: str, now: float) -> bool:
        """Compare our clock with AWS's, by the Date of an answer; False when that is none."""
        try:
            offset = parsedate_to_datetime(date).timestamp() - now
        except (ValueError, OverflowError):
            return False
        if abs(offset) > MAX_OFFSET:
            return False
        others = {name: seconds for name, seconds in self.clock.items() if name != region}
        if abs(offset) > TOLERATED_SECONDS:
            others[region] = offset
            if region not in self.clock:
                logs.get().warning("the clock of this machine is wrong", region=region, ahead_seconds=round(-offset))
        # Else our clock has been set right since it was corrected here.
        self.clock = MappingProxyType(others)
        return True
