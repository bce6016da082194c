"""The kernel's asynchronous sync, as it is on this machine."""

import asyncio
import errno
import os
import sys
from types import SimpleNamespace

import pytest

from extproc.edge.trail import disk
from extproc.edge.trail.disk import Disk, open_disk


async def synced(kernel, descriptor):
    """Sync a file; the error, or None."""
    done = asyncio.get_running_loop().create_future()
    kernel.sync(descriptor, done.set_result)
    async with asyncio.timeout(30):
        return await done


def test_a_file_is_synced_and_the_loop_told(tmp_path):
    """One after the other, also of a file that is closed meanwhile."""

    async def play():
        kernel = open_disk(asyncio.get_running_loop())
        outcomes = []
        for number in range(3):
            descriptor = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, b"x" * number)
            waiting = asyncio.ensure_future(synced(kernel, descriptor))
            await asyncio.sleep(0)
            os.close(descriptor)
            outcomes.append(await waiting)
        kernel.close()
        return outcomes

    assert asyncio.run(play()) == [None] * 3


def test_what_cannot_be_synced_is_an_error_at_once():
    """A descriptor that is none, or of no file."""

    async def play():
        kernel = open_disk(asyncio.get_running_loop())
        read, write = os.pipe()
        os.close(read)
        for descriptor in (write, 10**6):
            with pytest.raises(OSError, match="refused"):
                kernel.sync(descriptor, print)
        os.close(write)
        kernel.close()
        return kernel

    assert isinstance(asyncio.run(play()), Disk)


class Library:
    """The library, with a disk that fails: it says so as the real one does."""

    failure = SystemError("Input/output error")
    taken = 1

    class Operation:
        """One sync."""

        @classmethod
        def fdsync(cls, _):
            """Any descriptor will do."""
            return cls()

        def get_value(self):
            """How it went."""
            raise Library.failure

    class Context:
        """One kernel queue: a pipe that is readable at once."""

        def __init__(self, max_requests):
            assert max_requests == 1
            self.fileno, self.end = os.pipe()

        def submit(self, _):
            """Take it."""
            os.write(self.end, b"x")
            return Library.taken

        def poll(self):
            """Clear what said that something is done."""
            os.read(self.fileno, 1)
            raise BlockingIOError

        def process_events(self):
            """One is done."""
            os.close(self.end)
            return 1


def test_a_sync_that_fails_is_told(monkeypatch):
    """The disk's error is the trail's: nothing may be served as if it were on record."""

    async def play():
        kernel = Disk(Library, asyncio.get_running_loop())
        error = await synced(kernel, 0)
        kernel.close()
        return error

    error = asyncio.run(play())
    assert (error.errno, error.strerror) == (errno.EIO, "Input/output error")
    monkeypatch.setattr(Library, "taken", 0)

    async def refuse():
        with pytest.raises(BlockingIOError):
            Disk(Library, asyncio.get_running_loop()).sync(0, print)

    asyncio.run(refuse())


def test_another_system_has_no_library_for_it(monkeypatch):
    """Then there is no disk either, and a thread syncs."""
    monkeypatch.setitem(sys.modules, "caio", None)

    async def play():
        return disk.open_disk(asyncio.get_running_loop())

    assert disk.library() is None
    assert asyncio.run(play()) is None


@pytest.mark.parametrize("error", [OSError(errno.ENOSYS, "no such call"), SystemError("not permitted")])
def test_where_the_kernel_has_none_for_us_there_is_none(monkeypatch, error):
    """A container may forbid the calls, and another system has none."""

    def refuse(**_):
        raise error

    monkeypatch.setitem(sys.modules, "caio", SimpleNamespace(linux_aio=SimpleNamespace(Context=refuse, Operation=None)))

    async def play():
        return disk.open_disk(asyncio.get_running_loop())

    assert asyncio.run(play()) is None
