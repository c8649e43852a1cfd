"""Logs: fields on one line each, to standard error, with UTC times and no subscriber's number."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection

import structlog

from pipeline.log_masking import mask_numbers

# What matters of their retries is in our own lines.
_TOLD_EVERY_RETRY = ("aiokafka", "asyncpg")
_MOST_KINDS = 1_000


def configure_logs(*, level: str = "INFO", json: bool = False) -> None:
    """Send structlog and the libraries' loggers to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_numbers,
                renderer,
            ],
        )
    )
    handler.addFilter(Seldom(_TOLD_EVERY_RETRY))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in (*_TOLD_EVERY_RETRY, "faust", "mode"):
        logging.getLogger(noisy).setLevel("WARNING")


class Seldom(logging.Filter):
    """Lets each message of some libraries through once in a while, with how many were left out.

    Without it, a worker whose broker is away writes two hundred lines a second, and the one that
    says so in words is lost among them.
    """

    def __init__(self, libraries: Collection[str], *, every_s: float = 30.0) -> None:
        super().__init__()
        self._libraries = frozenset(libraries)
        self._every_s = every_s
        self._told: dict[tuple[str, str], tuple[float, int]] = {}  # when last, left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; it is by what it says before its values."""
        if record.name.partition(".")[0] not in self._libraries:
            return True
        kind = (record.name, str(record.msg))
        told_s, left_out = self._told.get(kind, (float("-inf"), 0))
        if record.created - told_s < self._every_s:
            self._told[kind] = (told_s, left_out + 1)
            return False
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = (record.created, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more left out)", None
        return True
