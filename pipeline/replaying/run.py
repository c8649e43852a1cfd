"""A replay of the ledger: reads topics, decides everything once more, writes nothing to anybody."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from aiokafka import TopicPartition

from pipeline.replaying.partition import PartitionReplay
from pipeline.replaying.report import Partition, Report, Window
from pipeline.replaying.versions import PastVersions
from pipeline.settings import Settings
from pipeline.state import StateStore
from pipeline.topics import Topics, topics_of
from pipeline.verify.reading import Ends, check_topics, partition_reader

Progress = Callable[[int, int], None]
"""Told how many records of the ledger were read, and of how many."""


async def replay(
    settings: Settings,
    *,
    bootstrap: str,
    window: Window,
    partitions: Sequence[int] | None = None,
    on_progress: Progress = lambda done, of: None,
) -> Report:
    """Return what came of rating the batches of the ledger once more, under the versions of catalogue
    and reference data that their proofs name, from the counters that the ledger says stood before.

    It may run while the stages do, and reads to the ends as they are at its beginning. The state of
    a partition is kept in a folder of its own in the data folder, and is gone at the end.
    """
    topics = topics_of(settings)
    await check_topics(bootstrap, topics.all())
    numbers = range(topics.ledger.partitions) if partitions is None else partitions
    places = {number: _places(topics, number) for number in numbers}
    async with Ends(bootstrap, wait_s=settings.open_transaction_wait_ms / 1000) as ends:
        # This order: what the ledger speaks of is in the events before it.
        ledger_ends = await ends.settled([ledger for ledger, _ in places.values()])
        event_ends = await ends.settled([events for _, events in places.values()])
    versions = PastVersions()
    await versions.read(topics, bootstrap)
    of, done = sum(ledger_ends.values()), 0
    found: list[Partition] = []
    settings.data.mkdir(parents=True, exist_ok=True)
    for number, (ledger, events) in places.items():

        def read(records: int) -> None:
            nonlocal done
            done += records
            on_progress(done, of)

        with tempfile.TemporaryDirectory(prefix="replay-", dir=settings.data) as folder:
            store = StateStore(Path(folder) / "state")
            try:
                async with (
                    partition_reader(bootstrap, ledger, end=ledger_ends[ledger]) as reader,
                    partition_reader(bootstrap, events, end=event_ends[events]) as before,
                ):
                    again = PartitionReplay(number, store, versions, window)
                    found.append(await again.run(reader, before, read))
            finally:
                store.close()
    return Report(settings.installation, found)


def _places(topics: Topics, number: int) -> tuple[TopicPartition, TopicPartition]:
    return (
        TopicPartition(topics.ledger.name, number),
        TopicPartition(topics.normalised.name, number),
    )
