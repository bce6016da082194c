"""What this process asks of the C library's allocator and of Python's collector: to give back what is not in use."""

from __future__ import annotations

import ctypes
import gc
import sys

# <malloc.h> of glibc; other C libraries have neither these parameters nor malloc_trim.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# A block of this size or more is a mapping of its own, given back as soon as it is free. Left to itself, glibc raises
# the bound to 32 MiB with the first large body that is freed, and bodies then leave holes between what lives on: after
# 100 streams of 32 MiB whose clients did not read, 1.9 GB stayed with a worker that held nothing.
MAPPED_BYTES = 131_072
# Free memory at the heap's end is given back from here on.
TRIM_BYTES = 1_048_576
# Threads judge large bodies: each would have a heap of its own, with holes of its own.
ARENAS = 2
# Objects between two looks of the collector at the youngest; 700 by default. An exchange makes some hundreds that
# reference counting frees without it.
YOUNGEST = 10_000


def bound() -> None:
    """Before anything large is allocated: what is freed is to go back to the system."""
    library = _glibc()
    if library is not None:
        library.mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)
        library.mallopt(_M_ARENA_MAX, ARENAS)


def settle() -> None:
    """Once all is loaded: it stays for the process's life, so the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, *gc.get_threshold()[1:])
    trim()


def trim() -> None:
    """Give back the free pages between what is in use."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None
