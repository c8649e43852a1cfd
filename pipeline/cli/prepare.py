"""Making an installation ready: tables, topics, and the rows that tie the two together."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.embedded import Endpoints
from pipeline.genesis import Applied, apply_topics
from pipeline.settings import Settings


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What was missing and is there now; empty on a second call."""

    installation: str
    cluster_id: str
    genesis_id: str
    created: tuple[str, ...]  # topics
    genesis_partitions: int
    migrations: tuple[str, ...]


async def prepare(
    settings: Settings, endpoints: Endpoints, *, tell: Callable[[str], None]
) -> Prepared:
    """Bring tables and topics of an installation up to date; safe to repeat.

    The topics come first: their genesis ids are what the database is compared with, and an
    installation that does not belong there is refused before anything is written to it.
    """
    applied: Applied = await apply_topics(settings, bootstrap=endpoints.kafka_bootstrap)
    if applied.created:
        tell(f"created {len(applied.created)} topics of {settings.installation}")
    raise NotImplementedError
