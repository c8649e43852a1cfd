"""Where the database is, as somebody needs it for a client of their own; never with its password."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pipeline.embedded.layout import layout_of
from pipeline.settings import Settings


class DatabasePlace(NamedTuple):
    """A database without its password."""

    address: str  # host:port/database
    user: str  # empty: the DSN names none
    password_file: str  # of the embedded one; empty: the database is yours

    def __str__(self) -> str:
        """Return ``ratemill@127.0.0.1:5432/ratemill, its password in FILE``."""
        user = f"{self.user}@" if self.user else ""
        where = f", its password in {self.password_file}" if self.password_file else ""
        return f"{user}{self.address}{where}"


def database_place(settings: Settings, dsn: str) -> DatabasePlace:
    """Return where the database of a DSN is; it is the embedded one where the settings name none."""
    parts = urlsplit(dsn)
    return DatabasePlace(
        f"{parts.hostname}:{parts.port or 5432}{parts.path}",
        unquote(parts.username or ""),
        "" if settings.postgres_dsn else str(layout_of(settings.data).postgres / "password"),
    )
