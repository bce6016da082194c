"""AWS credentials, fetched and renewed in the background: the request path reads a snapshot and never waits.

botocore's own refresh happens in the thread of whoever asks first inside its window (15 minutes before expiry), and
may take seconds; here that is always a helper thread of this keeper.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.routing.targets import Credentials, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from botocore.credentials import Credentials as BotocoreCredentials

# Well inside botocore's advisory window, so that a role's credentials are renewed long before they expire.
RENEW_SECONDS = 60.0
# While an identity has none at all: it may appear any moment (a metadata service starting, a file being mounted).
MISSING_SECONDS = 2.0


class CredentialKeeper:
    """Keeps the newest credentials of each identity in `snapshot`, an immutable mapping replaced as a whole.

    An identity whose credentials cannot be had is not in the mapping; its targets are unavailable meanwhile.
    """

    def __init__(self, identities: Iterable[Identity], environ: Mapping[str, str]) -> None:
        self._identities = tuple(dict.fromkeys(identities))
        self._environ = environ
        self._providers: dict[Identity, BotocoreCredentials] = {}
        self._task: asyncio.Task[None] | None = None
        self._missing: set[Identity] = set()
        self.snapshot: Mapping[Identity, Credentials] = MappingProxyType({})

    async def start(self) -> None:
        """Fetch once, then keep renewing until `stop`."""
        await self.renew()
        self._task = asyncio.create_task(self._keep(), name="credentials")

    async def stop(self) -> None:
        """Stop renewing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def renew(self) -> None:
        """Fetch every identity's credentials; on a failure the last ones stay in use, for AWS to judge."""
        fetched = await asyncio.gather(*(asyncio.to_thread(self._fetch, i) for i in self._identities))
        kept = dict(self.snapshot)
        for identity, credentials in zip(self._identities, fetched, strict=True):
            if credentials is not None:
                kept[identity] = credentials
                self._missing.discard(identity)
            elif identity not in kept and identity not in self._missing:
                self._missing.add(identity)
                logs.get().warning("no AWS credentials; its targets are unavailable", identity=_name(identity))
        self.snapshot = MappingProxyType(kept)

    async def _keep(self) -> None:
        while True:
            seconds = MISSING_SECONDS if len(self.snapshot) < len(self._identities) else RENEW_SECONDS
            # Spread over workers, which were all started in the same instant.
            await asyncio.sleep(seconds * random.uniform(0.8, 1.0))  # noqa: S311 - not for secrets
            await self.renew()

    def _fetch(self, identity: Identity) -> Credentials | None:
        if identity.access_key_env or identity.secret_key_env:
            access = self._environ.get(identity.access_key_env or "AWS_ACCESS_KEY_ID", "")
            secret = self._environ.get(identity.secret_key_env or "AWS_SECRET_ACCESS_KEY", "")
            return Credentials(access, secret) if access and secret else None
        try:
            provider = self._provider(identity)
            if provider is None:
                return None
            frozen = provider.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001 - botocore's chain raises a dozen kinds; each means: not now
            # The kind only: messages of credential processes and STS can carry account ids or worse.
            logs.get().warning("AWS credentials not renewed", identity=_name(identity), error=type(error).__name__)
            self._providers.pop(identity, None)
            return None
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def _provider(self, identity: Identity) -> BotocoreCredentials | None:
        # Imported here: 0.3 s and 35 MB that a process without identities need not pay.
        from botocore.credentials import RefreshableCredentials  # noqa: PLC0415 - see above
        from botocore.session import Session  # noqa: PLC0415 - see above

        known = self._providers.get(identity)
        # Credentials that renew themselves are kept; static ones are read anew, for files and mounts are rotated.
        if isinstance(known, RefreshableCredentials):
            return known
        found: BotocoreCredentials | None = Session(profile=identity.profile).get_credentials()
        if found is not None:
            self._providers[identity] = found
        return found


def _name(identity: Identity) -> str:
    if identity.profile:
        return f"profile {identity.profile}"
    if identity.access_key_env or identity.secret_key_env:
        return f"environment {identity.access_key_env}, {identity.secret_key_env}"
    return "standard AWS chain"
