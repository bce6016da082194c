"""Logs: one JSON line an event on standard error, or plain text on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog

# botocore and its like print tokens and canonical requests below this level.
_QUIET = ("botocore", "urllib3", "grpc", "asyncio")


def configure(**bound: object) -> None:
    """Set logging up for this process; `bound` (worker="w0", say) goes into every line."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**bound)


def get() -> structlog.typing.FilteringBoundLogger:
    """The process's logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
