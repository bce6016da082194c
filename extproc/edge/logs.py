"""Logs: one JSON line an event on standard error, or plain text on a terminal.

No line ever carries a traceback or an exception's message: either may quote a request. What went wrong is told by
the kind of exception and the place that raised it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

import structlog

from extproc.record import fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.config.problem import Problem

# botocore and its like print tokens and canonical requests below this level.
_QUIET = ("botocore", "urllib3", "grpc", "asyncio")


def configure(**bound: object) -> None:
    """Set logging up for this process; `bound` (worker="w0", say) goes into every line."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.root.handlers = [_LibraryLines(logging.WARNING)]
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=True) if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**bound)


def get() -> structlog.typing.FilteringBoundLogger:
    """The process's logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def problems(found: Iterable[Problem], file: str) -> None:
    """Each problem of a configuration as one warning, with its place and code."""
    for problem in found:
        get().warning("configuration problem", problem=problem.render(file), code=problem.code.value)


class _StandardError:
    """Writes lines to standard error. Whoever read them may leave (`| head`): that must not end a gateway."""

    def __init__(self, *_: object) -> None:
        self._stream = sys.stderr

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _LibraryLines(logging.Handler):
    """What libraries log, as lines of ours.

    Only the constant part: arguments may hold a request's content, and an event loop tells of an unhandled exception
    with all its representations from the second line on.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = {} if error is None else {"fault": fault(error)}
        tell = get().error if record.levelno >= logging.ERROR else get().warning
        tell(str(record.msg).partition("\n")[0], logger=record.name, **told)
