"""A gateway's private directory (sockets, rendered documents, logs, counts), made for one run, removed after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# sockaddr_un holds 107 bytes and a NUL; the longest name in the directory is a worker's socket.
LONGEST = 107 - len("/w999.999999.sock")


@contextlib.contextmanager
def run_directory() -> Iterator[Path]:
    """The directory.

    Raises:
        OSError: it cannot be made, or sockets in it would have too long a path.
    """
    directory = Path(tempfile.mkdtemp(prefix="kt-"))
    try:
        if len(os.fsencode(directory)) > LONGEST:
            raise OSError(f"{directory} is too long for the path of a Unix socket; set TMPDIR to a shorter one")
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
