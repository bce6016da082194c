"""S3 with Object Lock, enforced by a real server over HTTP."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs
from werkzeug.serving import WSGIRequestHandler

from extproc.config.sink_settings import S3Settings
from extproc.edge.trail import cursor
from extproc.edge.trail.piece import read
from extproc.edge.trail.shipper import Shipper
from extproc.edge.trail.sinks.s3 import S3
from extproc.edge.trail.sinks.sink import Undelivered

BUCKET = "audit-archive"


class Store:
    """A server that can be stopped and started again on the same port; what it holds stays."""

    def __init__(self):
        self.port = 0
        self.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1")

    def start(self):
        """Serve."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def stop(self):
        """Refuse connections."""
        self._server.stop()
        self._server._server.server_close()

    def bucket(self, *, lock=True):
        """Make the bucket."""
        self.client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=lock)

    def versions(self, prefix=""):
        """Every version of every object: key, version."""
        listed = self.client.list_object_versions(Bucket=BUCKET, Prefix=prefix).get("Versions", [])
        return sorted((version["Key"], version["VersionId"]) for version in listed)

    def joined(self, prefix=""):
        """The objects of each segment, put together in the order of their keys."""
        segments = {}
        for key in sorted({key for key, _ in self.versions(prefix)}):
            segment, offset = key.removeprefix(prefix).removesuffix(".jsonl").rsplit("/", 1)
            data = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            assert int(offset) == len(segments.get(segment, b""))
            assert len(offset) == 12
            segments[segment] = segments.get(segment, b"") + data
        return segments


@pytest.fixture
def credentials(monkeypatch):
    """Credentials, and nothing of the machine's own."""
    for name, value in {
        "ACCESS_KEY_ID": "AKIDEXAMPLE",
        "SECRET_ACCESS_KEY": "secret",
        "CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def store(monkeypatch, credentials):  # noqa: ARG001 - what it changes lasts as long
    """A store of the test's own."""
    monkeypatch.setattr(WSGIRequestHandler, "log", lambda *_: None)
    made = Store()
    yield made
    # What it holds belongs to the process, not to the server.
    urllib3.request("POST", f"{made.url}/moto-api/reset")
    made.client.close()
    made.stop()


@pytest.fixture
def sink(store):
    """A sink of the store; further settings as said."""
    return lambda **settings: S3(
        S3Settings(**{"name": "s3", "bucket": BUCKET, "region": "us-east-1", "endpoint_url": store.url, **settings}), {}
    )


@pytest.fixture
def ship(directory, soon):  # noqa: ARG001 - what it changes lasts as long
    """Ship to a sink until all is delivered, or until the deadline."""

    def start(sink, seconds=60.0):
        made = Shipper(directory, [sink])
        made.start()
        return made.stop(seconds)

    return start


@pytest.fixture
def ship_to(sink, ship):
    """Ship to a new sink with these settings until all is delivered."""
    return lambda **settings: ship(sink(**settings))


def now():
    """The present: a store refuses locks that end in the past."""
    return float(int(time.time()))


def whole(path):
    """All that is sealed of a segment."""
    return read(path, 0, 1_000_000_000, 1_000_000)


def test_objects_join_to_the_segments(trail, directory, store, sink, ship):
    """Whatever the size of pieces, the objects of a segment are its sealed part, byte for byte."""
    store.bucket()
    writers = [trail.Writing(directory, f"w{number}.0123456789ab") for number in range(2)]
    for writer in writers:
        for _ in range(12):
            writer.batch()
        writer.segment()
        writer.batch()
    sealed = {path.name: path.read_bytes() for writer in writers for path in writer.paths}
    writers[0].tail(b'{"chain":"torn')
    assert ship(sink(prefix="kt/prod/", batch_bytes=2500)) == ()
    assert store.joined("kt/prod/") == sealed
    assert len(store.versions()) > len(sealed)


def test_each_object_is_locked_for_as_long_as_its_lines_are_kept(trail, directory, store, sink):
    """The lock lasts from the newest line on, for the longer of the segment's and the configured days."""
    store.bucket()
    for chain, days, expected in (("short.0123456789ab", 10, 30), ("long.0123456789ab", 400, 400)):
        began = now()
        writing = trail.Writing(directory, chain, days=days, now=began)
        writing.batch()
        writing.now += 3600.75
        writing.batch()
        piece = whole(writing.paths[0])
        made = sink(retention_days=30)
        made.prepare()
        assert made.deliver(piece) == len(piece.data)
        head = store.client.head_object(
            Bucket=BUCKET, Key=f"{writing.paths[0].name}/000000000000.jsonl", ChecksumMode="ENABLED"
        )
        newest = datetime.fromtimestamp(began + 3600.75, UTC)
        assert head["ObjectLockMode"] == "COMPLIANCE"
        over = head["ObjectLockRetainUntilDate"] - (newest + timedelta(days=expected))
        assert timedelta(0) <= over <= timedelta(seconds=1)
        assert head["ContentType"] == "application/x-ndjson"
        assert "ObjectLockLegalHoldStatus" not in head
        assert head["ChecksumSHA256"]


@pytest.mark.parametrize("settings", [{}, {"object_lock": "", "legal_hold": True}])
def test_a_locked_version_cannot_be_deleted(trail, directory, store, sink, settings):
    """The store refuses it, under retention as under a legal hold; the object is still there."""
    store.bucket()
    writing = trail.Writing(directory, now=now())
    writing.batch()
    sink(**settings).deliver(whole(writing.paths[0]))
    ((key, version),) = store.versions()
    with pytest.raises(ClientError) as raised:
        store.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    assert raised.value.response["Error"]["Code"] == "AccessDenied"
    assert store.joined() == {writing.paths[0].name: writing.written()}


def test_what_is_past_its_retention_is_put_without_a_lock(trail, directory, store, sink):
    """S3 takes no lock that has ended; a legal hold holds all the same."""
    store.bucket()
    writing = trail.Writing(directory, days=10, now=now() - 11 * 86_400)
    writing.batch()
    for hold in (False, True):
        sink(retention_days=10, prefix=f"{hold}/", legal_hold=hold).deliver(whole(writing.paths[0]))
    for key, _ in store.versions():
        head = store.client.head_object(Bucket=BUCKET, Key=key)
        assert "ObjectLockMode" not in head
        assert head.get("ObjectLockLegalHoldStatus", "OFF") == ("ON" if key.startswith("True/") else "OFF")


def test_a_legal_hold_is_put_on_each_object(trail, directory, store, sink):
    """While it is set, beside the retention."""
    store.bucket()
    writing = trail.Writing(directory, now=now())
    writing.batch()
    sink(legal_hold=True, object_lock="GOVERNANCE").deliver(whole(writing.paths[0]))
    head = store.client.head_object(Bucket=BUCKET, Key=store.versions()[0][0])
    assert (head["ObjectLockLegalHoldStatus"], head["ObjectLockMode"]) == ("ON", "GOVERNANCE")


def test_a_bucket_without_object_lock_is_refused(store, sink):
    """It is a failure before anything is delivered, unless nothing is to be locked."""
    store.bucket(lock=False)
    with pytest.raises(Undelivered, match=r"^no object lock$"):
        sink().prepare()
    with pytest.raises(Undelivered, match=r"^no object lock$"):
        sink(object_lock="", legal_hold=True).prepare()
    assert sink(object_lock="").prepare() is None


def test_without_locks_a_plain_bucket_will_do(trail, directory, store, sink):
    """`none` writes objects that anybody may delete who is allowed to."""
    store.bucket(lock=False)
    writing = trail.Writing(directory)
    data = writing.batch()
    sink(object_lock="").deliver(whole(writing.paths[0]))
    assert store.joined() == {writing.paths[0].name: data}


def test_what_is_wrong_is_told_by_its_kind(store, sink, monkeypatch):
    """No bucket, nobody there, no credentials: each has its word, and S3's own text is not repeated."""
    with pytest.raises(Undelivered, match=r"^no such bucket$"):
        sink().prepare()
    store.stop()
    with pytest.raises(Undelivered, match=r"^EndpointConnectionError$"):
        sink().prepare()
    store.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(Undelivered, match=r"^NoCredentialsError$"):
        sink().prepare()
    with pytest.raises(Undelivered, match=r"^ProfileNotFound$"):
        sink(aws_profile="nobody").prepare()


@pytest.mark.usefixtures("soon")
def test_an_outage_loses_nothing_and_repeats_nothing(trail, directory, store, sink):
    """While the store is down lines wait; when it is back they arrive, in one version each."""
    store.bucket()
    writing = trail.Writing(directory)
    writing.batch()
    shipper = Shipper(directory, [sink(interval=0.0)])
    with capture_logs():
        shipper.start()
        trail.until(lambda: store.joined() == {writing.paths[0].name: writing.written()})
        store.stop()
        for _ in range(3):
            writing.batch()
        trail.until(lambda: shipper.status()[0].consecutive_failures > 2)
        assert shipper.status()[0].backlog_bytes > 0
        writing.segment()
        writing.batch()
        store.start()
        assert shipper.stop(60.0) == ()
    assert store.joined() == {path.name: path.read_bytes() for path in writing.paths}
    keys = [key for key, _ in store.versions()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("more", [0, 3])
def test_a_crash_before_the_cursor_repeats_nothing(trail, directory, store, ship_to, more):
    """An object that was put before the process died counts, also when the segment has grown since."""
    store.bucket()
    writing = trail.Writing(directory)
    for _ in range(3):
        writing.batch()
    assert ship_to() == ()
    cursor.save(directory, "s3", {})
    for _ in range(more):
        writing.batch()
    assert ship_to() == ()
    assert store.joined() == {writing.paths[0].name: writing.written()}
    assert len(store.versions()) == 1 + bool(more)
    assert cursor.load(directory, "s3") == {writing.paths[0].name: len(writing.written())}


def test_a_larger_object_than_is_offered_counts_too(trail, directory, store, sink, ship):
    """After a crash and a smaller `batch_bytes`, what one object holds is not put in pieces once more."""
    store.bucket()
    writing = trail.Writing(directory)
    for _ in range(6):
        writing.batch()
    assert ship(sink()) == ()
    cursor.save(directory, "s3", {})
    assert ship(sink(batch_bytes=len(writing.written()) // 3)) == ()
    assert store.joined() == {writing.paths[0].name: writing.written()}
    assert len(store.versions()) == 1


# Dies when it would write the cursor for the first time: what it has put is not in there.
KILLED = """
import os, sys, time
from pathlib import Path
from extproc.config.sink_settings import S3Settings
from extproc.edge.trail import cursor
from extproc.edge.trail.shipper import Shipper
from extproc.edge.trail.sinks import build_sinks
cursor.save = lambda *_: os.kill(os.getpid(), 9)
settings = S3Settings(name="s3", bucket=sys.argv[2], region="us-east-1", endpoint_url=sys.argv[3], interval=0.0)
Shipper(Path(sys.argv[1]), build_sinks([settings], {})).start()
time.sleep(60)
"""


def test_a_process_killed_between_object_and_cursor(trail, directory, store, ship_to):
    """Each that comes next finds what the last one put, and puts what is new: no second version, nothing left out."""
    store.bucket()
    writing = trail.Writing(directory, now=now())
    for _ in range(3):
        writing.batch()
        killed = subprocess.run([sys.executable, "-c", KILLED, str(directory), BUCKET, store.url], check=False)
        assert killed.returncode == -9
        assert not (directory / ".delivered" / "s3.json").exists()
    assert ship_to() == ()
    assert store.joined() == {writing.paths[0].name: writing.written()}
    keys = [key for key, _ in store.versions()]
    assert len(keys) == len(set(keys))


FOREIGN = {
    "other bytes": {"Body": b"x"},
    "half a batch": {},
    "not locked": {"lock": False},
    "locked for less": {"days": 1},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_there_but_not_ours_is_put_over(trail, directory, store, sink, case):
    """An object that is not the segment's, or could be deleted too soon, becomes an old version below ours."""
    store.bucket()
    began = now()
    writing = trail.Writing(directory, now=began)
    data = writing.batch()
    key = f"{writing.paths[0].name}/000000000000.jsonl"
    planted = {"Body": data[:-9] if case == "half a batch" else data, "days": 365, "lock": True, **FOREIGN[case]}
    days, lock = planted.pop("days"), planted.pop("lock")
    if lock:
        until = datetime.fromtimestamp(began, UTC) + timedelta(days=days)
        planted |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until + timedelta(seconds=1)}
    store.client.put_object(Bucket=BUCKET, Key=key, ChecksumAlgorithm="SHA256", **planted)
    with capture_logs() as logged:
        assert sink().deliver(whole(writing.paths[0])) == len(data)
    assert [line["log_level"] for line in logged] == ["warning"]
    assert store.joined() == {writing.paths[0].name: data}
    head = store.client.head_object(Bucket=BUCKET, Key=key)
    assert head["ObjectLockRetainUntilDate"] > datetime.fromtimestamp(began, UTC) + timedelta(days=364)
    assert len(store.versions()) == 2


@pytest.mark.usefixtures("credentials")
def test_what_may_not_be_looked_at_is_put_over(trail, directory, receiver):
    """Without the right to read, nobody can say whether what is there is ours: a second version is harmless."""
    writing = trail.Writing(directory)
    writing.batch()
    settings = S3Settings(name="s3", bucket=BUCKET, region="us-east-1", endpoint_url=receiver.url)
    receiver.answers = [(412, {}, b"<Error><Code>PreconditionFailed</Code></Error>")]
    receiver.heads = [403]
    with capture_logs() as logged:
        assert S3(settings, {}).deliver(whole(writing.paths[0])) == len(writing.written())
    assert [headers.get("If-None-Match") for _, headers, _ in receiver.requests] == ["*", None]
    assert [line["log_level"] for line in logged] == ["warning"]


@pytest.mark.usefixtures("credentials")
def test_a_store_without_conditional_writes(trail, directory, receiver):
    """One that answers 501 to If-None-Match is written to without it from then on."""
    writing = trail.Writing(directory)
    writing.batch()
    settings = S3Settings(name="s3", bucket=BUCKET, region="us-east-1", endpoint_url=receiver.url)
    made = S3(settings, {})
    receiver.answers = [(501, {}, b"<Error><Code>NotImplemented</Code></Error>")]
    for _ in range(2):
        made.deliver(whole(writing.paths[0]))
    assert [headers.get("If-None-Match") for _, headers, _ in receiver.requests] == ["*", None, None]
