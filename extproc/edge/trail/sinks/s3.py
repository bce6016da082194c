"""Amazon S3 with Object Lock: pieces of segments that nobody can change or delete before their time.

A piece becomes the object `<prefix><segment>/<offset, 12 digits>.jsonl`. Put together in the order of their names, the
objects below `<prefix><segment>/` are the segment's sealed part.
"""

from __future__ import annotations

import base64
import time
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from extproc.edge import logs
from extproc.edge.trail import sealed
from extproc.edge.trail.sinks.sink import Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.sink_settings import S3Settings
    from extproc.edge.trail.piece import Piece

_READ = 1_048_576
# A lock that would end within this time is none: S3 refuses dates that have passed.
_SOON_SECONDS = 60.0
_DENIED = "access denied"
# Codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html in our words; others by their status.
_KINDS = {
    "AccessDenied": _DENIED,
    "InvalidAccessKeyId": _DENIED,
    "SignatureDoesNotMatch": _DENIED,
    "403": _DENIED,  # HEAD has no body, so no code
    "ExpiredToken": "expired credentials",
    "NoSuchBucket": "no such bucket",
    "ObjectLockConfigurationNotFoundError": "no object lock",
    "SlowDown": "throttled",
    "RequestTimeTooSkewed": "wrong clock",
    "EntityTooLarge": "http 413",
}


class S3:
    """Puts objects.

    An object is put only where there is none yet (If-None-Match), so that a repetition makes no second version. What
    is there already counts if it is what this piece begins with, or goes on from it, and is locked; otherwise the piece
    is put over it as a new version, and the old one stays below it.

    What is older than its retention when it is delivered (a sink that was added late) is put without a lock.
    """

    rejected = 0

    def __init__(self, settings: S3Settings, _environ: Mapping[str, str]) -> None:
        self.settings = settings
        self._client: Any = None
        self._conditional = True
        self._retention: tuple[str, int] = ("", 0)

    def prepare(self) -> None:
        """See that the bucket has Object Lock enabled, if objects are to be locked.

        Raises:
            Undelivered: it has not, or this cannot be asked.
        """
        if not (self.settings.object_lock or self.settings.legal_hold):
            return
        answer = self._call("get_object_lock_configuration", Bucket=self.settings.bucket)
        if answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise Undelivered("no object lock")

    def deliver(self, piece: Piece) -> int:
        """Put it. Raises Undelivered."""
        digest = base64.b64encode(sha256(piece.data).digest()).decode()
        wanted = {
            "Bucket": self.settings.bucket,
            "Key": f"{self.settings.prefix}{piece.path.name}/{piece.offset:012d}.jsonl",
            "Body": piece.data,
            "ContentType": "application/x-ndjson",
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": digest,
            **self._lock(piece),
        }
        if self._conditional:
            try:
                self._call("put_object", IfNoneMatch="*", **wanted)
            except _PreconditionFailed:
                there = self._there(piece, wanted)
                if there:
                    return there
                logs.get().warning("an object was there and not seen to be ours; put over it", sink=self.settings.name)
            except _NotImplemented:
                # A store that has no conditional writes; a repetition makes a second version there.
                self._conditional = False
            else:
                return len(piece.data)
        self._call("put_object", **wanted)
        return len(piece.data)

    def _lock(self, piece: Piece) -> dict[str, Any]:
        lock: dict[str, Any] = {"ObjectLockLegalHoldStatus": "ON"} if self.settings.legal_hold else {}
        until = self._until(piece, piece.data)
        if self.settings.object_lock and until.timestamp() > time.time() + _SOON_SECONDS:
            lock |= {"ObjectLockMode": self.settings.object_lock, "ObjectLockRetainUntilDate": until}
        return lock

    def _until(self, piece: Piece, data: bytes) -> datetime:
        """Until when `data` is to be kept: the newest line of the piece or of its beginning decides."""
        newest = datetime.fromisoformat(sealed.last_time(data))
        # Dates are sent in whole seconds, which botocore rounds down; never sooner means up.
        return newest.replace(microsecond=0) + timedelta(days=self._retention_days(piece), seconds=1)

    def _retention_days(self, piece: Piece) -> int:
        """The segment's own, or the setting's if that is longer."""
        if self._retention[0] != piece.path.name:
            own = sealed.opened(piece.path).get("retention_days")
            self._retention = (piece.path.name, own if isinstance(own, int) else 0)
        return max(self._retention[1], self.settings.retention_days)

    def _there(self, piece: Piece, wanted: Mapping[str, Any]) -> int:
        """The size of the object that is there already; 0 unless it holds the segment's bytes and is locked."""
        try:
            head = self._call("head_object", Bucket=wanted["Bucket"], Key=wanted["Key"], ChecksumMode="ENABLED")
        except Undelivered as error:
            if error.kind == _DENIED:
                return 0
            raise
        size = int(head["ContentLength"])
        if head.get("ChecksumSHA256") != _digest(piece, size):
            return 0
        if "ObjectLockMode" in wanted:
            until = head.get("ObjectLockRetainUntilDate")
            # A shorter one has an older newest line.
            needed = self._until(piece, piece.data[:size])
            if head.get("ObjectLockMode") != wanted["ObjectLockMode"] or until is None or until < needed:
                return 0
        return size if not self.settings.legal_hold or head.get("ObjectLockLegalHoldStatus") == "ON" else 0

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One request. Raises Undelivered, _PreconditionFailed, _NotImplemented."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see _connect

        try:
            if self._client is None:
                self._client = self._connect()
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if status == 412:
                raise _PreconditionFailed from None
            if status == 501 and "IfNoneMatch" in arguments:
                raise _NotImplemented from None
            raise Undelivered(_KINDS.get(code) or f"http {status}", too_large=code == "EntityTooLarge") from None
        except BotoCoreError as error:
            # Credentials and profiles among them: a client is made anew, which reads them anew.
            self._client = None
            raise Undelivered(type(error).__name__) from None
        return answer

    def _connect(self) -> Any:
        # Imported here: 0.3 s and 35 MB that a process without this sink need not pay.
        from botocore.config import Config  # noqa: PLC0415 - see above
        from botocore.session import Session  # noqa: PLC0415 - see above

        settings = self.settings
        return Session(profile=settings.aws_profile).create_client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            config=Config(
                connect_timeout=min(5.0, settings.timeout),
                read_timeout=settings.timeout,
                # The shipping repeats, with its own pauses.
                retries={"total_max_attempts": 1, "mode": "standard"},
                s3={"addressing_style": "path"} if settings.endpoint_url else None,
            ),
        )


class _PreconditionFailed(Exception):
    """412: there is an object already."""


class _NotImplemented(Exception):
    """501: the store does not know a header."""


def _digest(piece: Piece, size: int) -> str:
    """S3's checksum of the segment's `size` bytes from the piece's offset on; "" if they do not end with a seal."""
    if size <= len(piece.data):
        data = piece.data[:size]
        return base64.b64encode(sha256(data).digest()).decode() if sealed.last_end(data) == size else ""
    hashed, left, tail = sha256(), size, b""
    with piece.path.open("rb") as file:
        file.seek(piece.offset)
        while left and (data := file.read(min(left, _READ))):
            hashed.update(data)
            left -= len(data)
            tail = data
    return base64.b64encode(hashed.digest()).decode() if not left and tail.endswith(b"}\n") else ""
