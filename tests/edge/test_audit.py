"""The audit trail: on file before write() returns, whole lines only, and honest about gaps."""

import errno
import json
import os
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from extproc.edge import audit
from extproc.edge.audit import AuditFailed, AuditTrail

REAL_WRITE = os.write


class Clock(datetime):
    """A day that a test can choose."""

    day = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        """The chosen moment."""
        return cls.day.astimezone(tz)


@pytest.fixture
def directory(tmp_path):
    """Where the trail goes; not there yet."""
    return tmp_path / "new" / "audit"


@pytest.fixture
def trail(directory):
    """A trail of the writer w0."""
    trail = AuditTrail(directory, "w0")
    yield trail
    trail.close()


@pytest.fixture
def disk(monkeypatch):
    """Decides what os.write does: `disk.append(number)` takes so many bytes, an OSError is raised; then all is well."""
    plan = []

    def write(descriptor, data):
        step = plan.pop(0) if plan else len(data)
        if isinstance(step, OSError):
            raise step
        return REAL_WRITE(descriptor, data[:step])

    monkeypatch.setattr(audit.os, "write", write)
    return plan


@pytest.fixture
def clock(monkeypatch):
    """Monotonic time in the test's hand."""
    now = [1000.0]
    monkeypatch.setattr(audit.time, "monotonic", lambda: now[0])
    return now


def written(directory):
    """Every line of every file; a line that is no JSON is given as it is."""

    def parsed(line):
        try:
            return json.loads(line)
        except ValueError:
            return line

    return [
        parsed(line)
        for path in sorted(directory.glob("*.jsonl"))
        for line in path.read_bytes().decode().splitlines()
        if line
    ]


def full():
    """What a full disk says."""
    return OSError(errno.ENOSPC, "No space left on device")


def test_a_line_is_on_file_when_write_returns(trail, directory):
    """Another reader sees it at once, without any flush or close."""
    trail.write({"n": 1})
    trail.write({"n": 2})
    day = datetime.now(UTC).date().isoformat()
    assert (directory / f"{day}.w0.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n'


def test_nobody_else_may_read_it(trail, directory):
    """The directory is its owner's alone, and so is each file, whatever the umask."""
    before = os.umask(0)
    try:
        trail.write({})
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in directory.iterdir()] == [0o600]


def test_each_day_and_writer_has_its_file(trail, directory, monkeypatch):
    """At midnight UTC the next file begins; another writer never shares one."""
    monkeypatch.setattr(audit, "datetime", Clock)
    trail.write({"n": 1})
    Clock.day = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
    trail.write({"n": 2})
    other = AuditTrail(directory, "w1")
    other.write({"n": 3})
    other.close()
    assert {path.name: json.loads(path.read_bytes())["n"] for path in directory.iterdir()} == {
        "2026-02-28.w0.jsonl": 1,
        "2026-03-01.w0.jsonl": 2,
        "2026-03-01.w1.jsonl": 3,
    }


def test_without_a_directory_nothing_is_written(tmp_path, monkeypatch):
    """A configuration without audit-logger owes no lines, so none can fail."""
    monkeypatch.chdir(tmp_path)
    trail = AuditTrail(None, "w0")
    trail.write({"n": 1})
    trail.close()
    assert trail.failed is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cuts", [[1], [3, 2, 1], [1] * 7])
def test_a_short_write_is_continued(trail, directory, disk, cuts):
    """A kernel that takes part of a line is given the rest."""
    disk += cuts
    trail.write({"n": 12345})
    assert disk == []
    assert written(directory) == [{"n": 12345}]


@pytest.mark.parametrize("error", [full(), OSError(errno.EIO, "Input/output error")])
@pytest.mark.usefixtures("clock")
def test_a_failed_line_is_refused_and_the_gap_is_on_record(trail, directory, disk, error):
    """Each line that cannot be written raises; the first one that can be says how many were lost."""
    trail.write({"n": 1})
    with capture_logs() as logged:
        for _ in range(3):
            disk.append(error)
            with pytest.raises(AuditFailed, match=error.strerror):
                trail.write({"n": 2})
        trail.write({"n": 3})
    resumed = written(directory)[1]
    assert (resumed["event"], resumed["writer"], resumed["lost"]) == ("audit_resumed", "w0", 3)
    assert [line.get("n") for line in written(directory)] == [1, None, 3]
    assert [line["log_level"] for line in logged] == ["error", "info"]


def test_it_is_failing_until_it_can_be_written_again(trail, directory, disk, clock):
    """`failed` looks again after RETRY_SECONDS, not before, without waiting for a request to be lost."""
    assert trail.failed is False
    disk.append(full())
    with pytest.raises(AuditFailed):
        trail.write({})
    assert trail.failed is True
    clock[0] += audit.RETRY_SECONDS
    disk.append(full())
    assert trail.failed is True
    clock[0] += audit.RETRY_SECONDS / 2
    assert trail.failed is True
    clock[0] += audit.RETRY_SECONDS
    assert trail.failed is False
    assert [line["lost"] for line in written(directory)] == [1]


@pytest.mark.usefixtures("clock")
def test_a_half_line_does_not_spoil_the_next(trail, directory, disk):
    """What a full disk cut off stands on a line of its own."""
    disk += [4, full()]
    with pytest.raises(AuditFailed):
        trail.write({"n": "lost"})
    trail.write({"n": "kept"})
    half, resumed, kept = written(directory)
    assert (half, resumed["lost"], kept) == ('{"n"', 1, {"n": "kept"})


def test_a_half_line_of_a_former_process_does_not_spoil_the_next(trail, directory):
    """The same when the process that was cut off is gone."""
    directory.mkdir(parents=True)
    path = directory / f"{datetime.now(UTC).date().isoformat()}.w0.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":')
    trail.write({"n": 2})
    assert path.read_bytes() == b'{"n":1}\n{"n":\n{"n":2}\n'


@pytest.mark.usefixtures("clock")
def test_a_kernel_that_takes_nothing_is_an_error(trail, disk):
    """Zero bytes written is no success, and no endless loop."""
    disk.append(0)
    with pytest.raises(AuditFailed):
        trail.write({})


def test_a_deleted_file_is_begun_anew(trail, directory):
    """Lines do not vanish into a file that no name leads to any more."""
    trail.write({"n": 1})
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    trail.write({"n": 2})
    assert written(directory) == [{"n": 2}]


@pytest.mark.usefixtures("clock")
def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    """Something else in the directory's place refuses lines, and taking it away is enough."""
    place = tmp_path / "audit"
    place.write_text("in the way")
    trail = AuditTrail(place, "w0")
    with pytest.raises(AuditFailed):
        trail.write({"n": 1})
    assert trail.failed is True
    place.unlink()
    trail.write({"n": 2})
    trail.close()
    assert [line.get("n") for line in written(place)] == [None, 2]


def test_a_line_that_is_no_json_is_refused_alone(trail, directory):
    """A fault in one line refuses that exchange; the trail goes on."""
    with capture_logs() as logged, pytest.raises(AuditFailed):
        trail.write({"n": 2**70})
    assert trail.failed is False
    trail.write({"n": 1})
    assert written(directory) == [{"n": 1}]
    assert [line["log_level"] for line in logged] == ["error"]


def test_closing_twice_and_writing_again(trail, directory):
    """A closed trail opens its file again when there is something to write."""
    trail.write({"n": 1})
    trail.close()
    trail.close()
    trail.write({"n": 2})
    assert written(directory) == [{"n": 1}, {"n": 2}]
