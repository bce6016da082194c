"""What the emulator remembers of requests."""

from __future__ import annotations

import hashlib

import pytest

from extproc.emulator.journal import Journal, endpoint_of
from extproc.emulator.received import Received


def request(body=b"{}", target=b"/endpoints/my-endpoint/invocations"):
    """A request."""
    return Received(b"POST", target, ((b"host", b"h"), (b"authorization", b"AWS4"), (b"a", b"1"), (b"a", b"2")), body)


def test_an_entry_shows_the_request() -> None:
    """Method, path, endpoint, headers with the authorization, and the body with its hash are there."""
    entry = Journal().open(request())
    shown = entry.as_json()
    assert shown["path"] == "/endpoints/my-endpoint/invocations"
    assert (shown["number"], shown["method"], shown["endpoint"], shown["body"]) == (1, "POST", "my-endpoint", "{}")
    assert shown["headers"] == {"host": "h", "authorization": "AWS4", "a": "1, 2"}
    assert shown["body_sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert (shown["status"], shown["finished"], shown["cut"], shown["frames_sent"]) == (0, False, False, 0)


def test_a_large_body_is_shown_by_its_hash() -> None:
    """A body over 64 KiB is not repeated in JSON, its length and hash are."""
    shown = Journal().open(request(b"x" * 70_000)).as_json()
    assert (shown["body"], shown["body_length"]) == (None, 70_000)
    assert shown["body_sha256"] == hashlib.sha256(b"x" * 70_000).hexdigest()


@pytest.mark.parametrize(("keep", "keep_bytes", "left"), [(3, 1_000, [8, 9, 10]), (100, 20, [9, 10]), (100, 1, [10])])
def test_old_entries_are_forgotten(keep, keep_bytes, left) -> None:
    """By number and by size of bodies, the last entry always kept; numbers go on."""
    journal = Journal(keep=keep, keep_bytes=keep_bytes)
    for _ in range(10):
        journal.open(request(b"x" * 10))
    assert [entry.number for entry in journal.entries()] == left
    journal.clear()
    assert journal.entries() == []
    assert journal.open(request()).number == 11


@pytest.mark.parametrize(
    ("path", "endpoint"), [("/endpoints/e/invocations", "e"), ("/endpoints/e", ""), ("/", ""), ("/models/e/x", "")]
)
def test_the_endpoint_is_read_from_the_path(path, endpoint) -> None:
    """Only a path of an operation names an endpoint."""
    assert endpoint_of(path) == endpoint
