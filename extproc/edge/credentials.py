"""AWS credentials, fetched and renewed in the background: the request path reads a snapshot and never waits.

botocore's own refresh happens in the thread of whoever asks first inside its window (15 minutes before expiry), and
may take seconds, or for ever (a credential process has no time limit); here that is always a helper thread, one for
each identity, and none holds up another.

Credentials that cannot be renewed stay in use after they have expired, until AWS refuses them: whether they are still
good is AWS's to judge, not this machine's clock's. That is what AWS's own SDKs do when the metadata service is out
("static stability": botocore.utils, _evaluate_expiration).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from extproc.edge import assume_role, logs
from extproc.routing.targets import Credentials, Identity
from extproc.sagemaker import invoke, native, sigv4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from botocore.credentials import Credentials as BotocoreCredentials

# Well inside botocore's advisory window, so that a role's credentials are renewed long before they expire.
RENEW_SECONDS = 60.0
# While an identity has none at all: it may appear any moment (a metadata service starting, a file being mounted).
MISSING_SECONDS = 2.0
# While those in use cannot be renewed.
FAILING_SECONDS = 10.0
# After so long without an answer the operator is told; the answer is awaited all the same.
SLOW_SECONDS = 30.0

_MISSING = "there are none"
_STANDARD = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

T = TypeVar("T")


class CredentialKeeper:
    """Keeps the newest credentials of each identity in `snapshot`, an immutable mapping replaced as a whole.

    An identity whose credentials cannot be had is not in the mapping; its targets are unavailable meanwhile. `changed`
    is when each last got others than before (Unix seconds).
    """

    def __init__(self, identities: Iterable[Identity], environ: Mapping[str, str]) -> None:
        self._identities = tuple(dict.fromkeys(identities))
        self._environ = environ
        self._providers: dict[Identity, BotocoreCredentials] = {}
        self._faults: dict[Identity, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.changed: dict[Identity, float] = {}
        self.snapshot: Mapping[Identity, Credentials] = MappingProxyType({})

    async def start(self) -> None:
        """Begin to fetch and renew until `stop`; returns when each identity has been tried once."""
        tried = [asyncio.Event() for _ in self._identities]
        self._tasks = [
            asyncio.create_task(self._keep(identity, once), name="credentials")
            for identity, once in zip(self._identities, tried, strict=True)
        ]
        for once in tried:
            await once.wait()

    async def stop(self) -> None:
        """Stop renewing. A thread that still waits for an answer is left alone; it does not keep the process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def renew(self, identity: Identity) -> None:
        """Fetch one identity's credentials; on a failure the last ones stay in use. Each change is logged once."""
        fetching = _in_daemon_thread(lambda: self._fetch(identity))
        try:
            await asyncio.wait({fetching}, timeout=SLOW_SECONDS)
            if not fetching.done():
                self._tell(identity, f"no answer in {SLOW_SECONDS:g} s")
            fetched = await fetching
        finally:
            fetching.cancel()
        if isinstance(fetched, Credentials):
            if self.snapshot.get(identity) != fetched:
                self.changed[identity] = time.time()
                # What was made of an old secret is not kept longer than the secret.
                sigv4.forget_keys()
                invoke.forget_requests()
                native.forget_tokens()
            self.snapshot = MappingProxyType({**self.snapshot, identity: fetched})
            self._tell(identity, "")
        else:
            self._tell(identity, fetched)

    async def refresh(self, identity: Identity) -> None:
        """Fetch anew what AWS has refused, though by our clock it has not expired."""
        for held in (identity, identity.source):
            self._providers.pop(held, None)
        await self.renew(identity)

    async def _keep(self, identity: Identity, tried: asyncio.Event) -> None:
        while True:
            await self.renew(identity)
            tried.set()
            if identity not in self.snapshot:
                seconds = MISSING_SECONDS
            else:
                seconds = FAILING_SECONDS if self._faults.get(identity) else RENEW_SECONDS
            # Spread over workers, which were all started in the same instant.
            await asyncio.sleep(seconds * random.uniform(0.8, 1.0))  # noqa: S311 - not for secrets

    def _tell(self, identity: Identity, fault: str) -> None:
        before = self._faults.get(identity, "")
        self._faults[identity] = fault
        if fault == before:
            return
        if not fault:
            logs.get().info("AWS credentials renewed again", identity=identity.name)
        elif identity in self.snapshot:
            logs.get().warning("AWS credentials not renewed; the last ones stay", identity=identity.name, fault=fault)
        else:
            logs.get().warning("no AWS credentials; its targets are unavailable", identity=identity.name, fault=fault)

    def _fetch(self, identity: Identity) -> Credentials | str:
        """The credentials, or what kept them from being had. Runs in a thread of its own."""
        if identity.role_arn is None and (identity.access_key_env or identity.secret_key_env or self._given(identity)):
            return self._from_variables(identity)
        try:
            provider = self._provider(identity)
            if provider is None:
                return _MISSING
            frozen = provider.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001 - botocore's chain raises a dozen kinds; each means: not now
            # The kind only: messages of credential processes and STS can carry account ids or worse.
            self._providers.pop(identity, None)
            return type(error).__name__
        if not (frozen.access_key and frozen.secret_key):
            return _MISSING
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or None)

    def _given(self, identity: Identity) -> bool:
        """Whether the environment gives the standard pair: where botocore's chain looks first, and needs no botocore.

        Its other variables, an older name for the token and a time of expiry, are left to it.
        """
        others = ("AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
        return (
            identity.profile is None
            and all(map(self._environ.get, _STANDARD[:2]))
            and not any(map(self._environ.get, others))
        )

    def _from_variables(self, identity: Identity) -> Credentials | str:
        names = (identity.access_key_env or _STANDARD[0], identity.secret_key_env or _STANDARD[1])
        access, secret = (self._environ.get(name, "") for name in names)
        # A pair of one's own naming is a pair of long-lived keys: AWS_SESSION_TOKEN belongs to the standard pair alone.
        token = self._environ.get(_STANDARD[2], "") if names == _STANDARD[:2] else ""
        return Credentials(access, secret, token or None) if access and secret else _MISSING

    def _provider(self, identity: Identity) -> BotocoreCredentials | None:
        # Imported here: 0.3 s and 35 MB that a process without identities need not pay.
        from botocore.credentials import RefreshableCredentials  # noqa: PLC0415 - see above
        from botocore.session import Session  # noqa: PLC0415 - see above

        known = self._providers.get(identity)
        # Credentials that renew themselves are kept; static ones are read anew, for files and mounts are rotated.
        if isinstance(known, RefreshableCredentials):
            return known
        found: BotocoreCredentials | None
        if identity.role_arn is not None:
            found = assume_role.provider(identity, source=lambda: self._fetch(identity.source))
        else:
            found = Session(profile=identity.profile).get_credentials()
        if found is not None:
            self._providers[identity] = found
        return found


def _in_daemon_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Run `function` beside the loop. Not in the loop's executor: a process waits for those threads when it ends."""
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def work() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the outcome is awaited
            outcome.set_exception(error)

    threading.Thread(target=work, name="credentials", daemon=True).start()
    return asyncio.wrap_future(outcome)
