"""Making an installation ready: topics, tables, and the rows that tie the two together."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiokafka import TopicPartition

from pipeline.cli.starts import starts_of
from pipeline.clock import SystemClock
from pipeline.embedded import Endpoints
from pipeline.genesis import apply_topics
from pipeline.kafka import cluster_id
from pipeline.settings import Settings
from sinks.connection import open_pool
from sinks.installation import Identity, check_cluster, register
from sinks.migrate import migrate
from sinks.partitions import ensure_partitions
from sinks.progress import all_progress


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What was missing and is there now; the numbers and lists are empty on a second call."""

    installation: str
    cluster_id: str
    genesis_id: str
    created: tuple[str, ...]  # topics
    genesis_partitions: int
    migrations: tuple[str, ...]
    registered_partitions: int  # of the topics that load reads


async def prepare(
    settings: Settings, endpoints: Endpoints, *, tell: Callable[[str], None]
) -> Prepared:
    """Bring topics and tables of an installation up to date; safe to repeat.

    `InstallationMismatch` where the schema belongs to another cluster, or to another genesis than
    the topics: then nothing is changed in either that was there before.
    """
    name, dsn = settings.installation, endpoints.postgres_dsn
    cluster = await cluster_id(endpoints.kafka_bootstrap)
    await check_cluster(dsn, installation=name, cluster_id=cluster)
    applied = await apply_topics(settings, bootstrap=endpoints.kafka_bootstrap)
    if applied.created:
        tell(f"created {len(applied.created)} topics of {name}")
    migrations = await migrate(dsn, installation=name)
    if migrations:
        tell(f"created or changed the tables of {name} ({len(migrations)} migrations)")
    await ensure_partitions(dsn, installation=name, at=SystemClock().now())
    async with open_pool(dsn, installation=name, max_size=1) as pool:
        # Trimmed topics do not begin with their genesis any more; nor need they, once registered.
        known = {TopicPartition(row.topic, row.partition) for row in await all_progress(pool)}
        registered = await register(
            pool,
            Identity(name, applied.cluster_id, applied.genesis_id),
            await starts_of(settings, bootstrap=endpoints.kafka_bootstrap, known=known),
        )
    return Prepared(
        installation=name,
        cluster_id=applied.cluster_id,
        genesis_id=applied.genesis_id,
        created=applied.created,
        genesis_partitions=applied.genesis_partitions,
        migrations=migrations,
        registered_partitions=registered,
    )
