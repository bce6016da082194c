"""No worker outlives its supervisor."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """End when the supervisor `parent` ends, even by SIGKILL (Linux, prctl(2) PR_SET_PDEATHSIG): no orphan serves on.

    Called by the worker itself, first of all: a preexec_fn is unsafe beside threads.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")
