"""Which partitions hold an open transaction: their last stable offset is behind their end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.settings import Settings
from pipeline.topics import topics_of

_ASK_S = 2.0


class OpenTransactions:
    """Two clients that ask for ends: one sees what is committed, one sees everything."""

    def __init__(self, settings: Settings, *, bootstrap: str) -> None:
        topics = topics_of(settings)
        # Topics that only the owner of that partition writes.
        self._changelog = {"normalise": topics.proofs.name, "rate": topics.ledger.name}
        self._stable, self._all = (
            AIOKafkaConsumer(
                bootstrap_servers=bootstrap,
                group_id=None,
                enable_auto_commit=False,
                isolation_level=level,
                request_timeout_ms=4_000,
            )
            for level in ("read_committed", "read_uncommitted")
        )

    async def __aenter__(self) -> OpenTransactions:
        await self._stable.start()
        await self._all.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        for client in (self._stable, self._all):
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_ASK_S):
                    await client.stop()

    async def of(self, stage: str, numbers: set[int]) -> tuple[str, ...]:
        """Return those of a stage's partitions that hold an open transaction now."""
        if stage not in self._changelog:
            return ()
        places = [TopicPartition(self._changelog[stage], number) for number in sorted(numbers)]
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                stable = await self._stable.end_offsets(places)
                everything = await self._all.end_offsets(places)
                return tuple(
                    f"{stage}/{place.partition}"
                    for place in places
                    if stable[place] < everything[place]
                )
        return ()

    async def behind(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where readers of committed records stand, for those held back by a transaction."""
        if not places:
            return {}
        stable = await self._stable.end_offsets(places)
        everything = await self._all.end_offsets(places)
        return {place: stable[place] for place in places if stable[place] < everything[place]}
