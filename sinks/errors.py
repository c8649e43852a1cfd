"""What goes wrong on the way to Postgres, and which of it is worth another try."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class SinkError(Exception):
    """What keeps a load from being done; the text ends with the operator's action."""


class SinkUnavailable(SinkError):
    """The database is not reachable, not ready or busy now. Nothing was decided: read the
    progress again and repeat, with back-off."""


class SinkMisconfigured(SinkError):
    """The database answers, but not as this installation needs it. Another try gives the same."""


class LostCompareAndSet(SinkError):
    """Somebody else moved the progress of this partition on; nothing of ours was written."""


class ProgressMissing(SinkError):
    """A partition has no progress row: its genesis was never registered, or the row was deleted."""


class LedgerMismatch(SinkError):
    """A batch of the ledger does not say what its proof says; nothing of it was written."""


class ChargeConflict(SinkError):
    """A charge id came twice with other content; the first stays, nothing of the batch was
    written."""


class InvoiceMismatch(SinkError):
    """What is unbilled is not what the limit's counters said; no invoice was built."""


class InstallationMismatch(SinkError):
    """This database belongs to another installation, cluster or genesis than the broker's."""


_NOT_NOW = (
    asyncpg.PostgresConnectionError,  # 08: connection loss
    asyncpg.InsufficientResourcesError,  # 53: disk full, out of memory, too many connections
    asyncpg.PostgresSystemError,  # 58: the disk cannot be read or written
    asyncpg.OperatorInterventionError,  # 57: shutdown, crash of a peer, statement time-out
    asyncpg.LockNotAvailableError,  # 55P03: lock_timeout
    asyncpg.TransactionRollbackError,  # 40: deadlock, serialization
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03: we were stopped inside a transaction
    asyncpg.ReadOnlySQLTransactionError,  # 25006: connected to a standby
    asyncpg.InternalClientError,  # the protocol stopped in the middle of an answer
    asyncpg.InterfaceError,  # a connection that is already closed
    OSError,  # refused, reset, no such host; also TimeoutError
)

_NOT_AS_NEEDED = (
    asyncpg.InvalidAuthorizationSpecificationError,  # 28: password, user
    asyncpg.InvalidCatalogNameError,  # 3D000: no such database
    asyncpg.InvalidParameterValueError,  # 22023: no such role to act as
    asyncpg.InsufficientPrivilegeError,  # 42501
    asyncpg.UndefinedTableError,  # 42P01: not migrated, or not by this version
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedObjectError,
)


@contextmanager
def classified() -> Iterator[None]:
    """Return a block in which errors of the driver become `SinkUnavailable` or
    `SinkMisconfigured`; every other error is a bug of ours and passes unchanged."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise SinkMisconfigured(
            f"No secure connection to Postgres: {error}. Operator action: give the certificate of "
            "the authority that signed the server's as sslrootcert in RATEMILL_POSTGRES_DSN, and "
            "the host by the name that the server's certificate has; or correct its sslmode."
        ) from error
    except asyncpg.ClientConfigurationError as error:
        raise SinkMisconfigured(
            f"RATEMILL_POSTGRES_DSN cannot be used: {error}. Operator action: correct it: host, port, "
            "database, sslmode, and the files of certificates that it names."
        ) from error
    except _NOT_AS_NEEDED as error:
        raise SinkMisconfigured(
            f"Postgres refuses: {error}. Operator action: check RATEMILL_POSTGRES_DSN (database, "
            "user, password, and the rights that sinks/README.md names), then run `ratemill up` or "
            "`ratemill topics apply`, which bring the tables and the run-time role up to date."
        ) from error
    except _NOT_NOW as error:
        if isinstance(error, ValueError):  # a value that the driver cannot encode: ours to mend
            raise
        raise SinkUnavailable(
            f"Postgres is not available now ({_named(error)}). Workers try again by themselves. "
            "Operator action, if it stays: check that the database of RATEMILL_POSTGRES_DSN runs, "
            "accepts connections and has disk space, and look in pg_stat_activity for a session "
            "that holds a lock."
        ) from error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
