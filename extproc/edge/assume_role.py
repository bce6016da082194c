"""Credentials of a role that a target names: asked of STS with the target's other credentials, and renewed by botocore.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.credentials import RefreshableCredentials

    from extproc.routing.targets import Credentials, Identity

# One call in a thread of its own, repeated soon by the keeper: no reason to wait for botocore's 60 s.
CONNECT_SECONDS, READ_SECONDS = 5, 10


class NoSourceCredentials(Exception):
    """There is nothing to ask STS with. The text is what kept the source's credentials from being had."""


def provider(identity: Identity, source: Callable[[], Credentials | str]) -> RefreshableCredentials:
    """Credentials that are fetched when they are first asked for, and again before they expire.

    Args:
        identity: with a role.
        source: gives the credentials to ask with, or says why there are none; called for each renewal.
    """
    # Imported here: 0.3 s and 35 MB that a process without identities need not pay.
    from botocore.credentials import DeferredRefreshableCredentials  # noqa: PLC0415 - see above

    found: RefreshableCredentials = DeferredRefreshableCredentials(
        refresh_using=lambda: _assume(identity, source()), method="assume-role"
    )
    return found


def _assume(identity: Identity, asking: Credentials | str) -> dict[str, str]:
    """Ask STS, in the endpoint's own region. Raises what botocore raises, and NoSourceCredentials."""
    from botocore.config import Config  # noqa: PLC0415 - see above
    from botocore.session import Session  # noqa: PLC0415 - see above

    if isinstance(asking, str):
        raise NoSourceCredentials(asking)
    client = Session().create_client(
        "sts",
        region_name=identity.sts_region,
        aws_access_key_id=asking.access_key,
        aws_secret_access_key=asking.secret_key,
        aws_session_token=asking.token,
        config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS),
    )
    wanted = {"RoleArn": identity.role_arn, "RoleSessionName": identity.role_session_name}
    if identity.external_id is not None:
        wanted["ExternalId"] = identity.external_id
    with contextlib.closing(client):
        given = client.assume_role(**wanted)["Credentials"]
    return {
        "access_key": given["AccessKeyId"],
        "secret_key": given["SecretAccessKey"],
        "token": given["SessionToken"],
        "expiry_time": given["Expiration"].isoformat(),
    }
