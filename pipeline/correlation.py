"""What log lines have in common that speak of one thing: fields that every line of a task carries.

`installation`, `stage` and `pid` are of the worker. `session` is of one session of a partition, from
its fence to its end. `batch` is the batch that it works on: its proof, its ledger records and, of
normalise, each event carry the same number.
"""

from __future__ import annotations

import itertools
import os

from structlog.contextvars import bind_contextvars, unbind_contextvars

_sessions = itertools.count(1)


def of_worker(*, installation: str, stage: str) -> None:
    """Have every line of this process say whose it is."""
    bind_contextvars(installation=installation, stage=stage, pid=os.getpid())


def of_session() -> None:
    """Have every line of this task say which session of its partition it is of."""
    unbind_contextvars("batch")
    bind_contextvars(session=f"{os.getpid()}.{next(_sessions)}")


def of_batch(number: int) -> None:
    """Have every line of this task say which batch it is about."""
    bind_contextvars(batch=number)
