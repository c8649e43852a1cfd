"""Faust's tables without changelog topics: an installation has the topics of topics.py alone.

What a table holds was made of the proofs and is only looked at; a folder that is lost starts anew.
The framework knows no table without a changelog, so these say that theirs is the source topic, never
write to it, and never restore from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import faust
from faust.stores.rocksdb import Store
from faust.streams import current_event
from faust.tables import TableManager
from faust.types import TopicT


class LocalTable(faust.Table):  # type: ignore[type-arg]
    """A table whose only copy is in RocksDB on this machine."""

    source: TopicT  # set before it is started

    @property
    def changelog_topic(self) -> TopicT:
        """Return the source topic: by its partitions the store is opened and closed."""
        return self.source

    @changelog_topic.setter
    def changelog_topic(self, topic: TopicT) -> None:
        raise AssertionError("a local table has no changelog")

    async def on_start(self) -> None:
        """Open the store, and declare no topic."""
        await self.add_runtime_dependency(self.data)

    def on_key_set(self, key: Any, value: Any) -> None:  # noqa: ANN401
        """Remember when a window ends; nothing is sent."""
        event = current_event()
        assert event is not None, "a table is written while a proof is handled"
        self._maybe_set_key_ttl(key, event.message.partition)

    def on_key_del(self, key: Any) -> None:  # noqa: ANN401
        """Forget when a window ends; nothing is sent."""
        event = current_event()
        assert event is not None, "a table is written while a proof is handled"
        self._maybe_del_key_ttl(key, event.message.partition)

    def forget(self, key: Any, *, partition: int) -> None:  # noqa: ANN401
        """Remove a key of one partition: others may hold the same one, of a source that is alive."""
        store = cast(Store, self.data)
        store._db_for_partition(partition).delete(store._encode_key(key))

    def rows(self, partition: int) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values of one partition, as they are on the disk."""
        store = cast(Store, self.data)
        for key, value in store._visible_items(store._db_for_partition(partition)):
            yield store._decode_key(key), store._decode_value(value)


def local_table(app: faust.App, name: str, *, source: TopicT, **more: Any) -> LocalTable:  # noqa: ANN401
    """Return a table of the app, made of the records of a topic."""
    table = LocalTable(app, name=name, **more)
    table.source = source
    app.tables.add(table)
    return table


class LocalTables(TableManager):
    """Starts tables that are local; there is nothing to recover."""

    def add(self, table: Any) -> Any:  # noqa: ANN401
        """Return the table, known by its name alone: the group gets no topic for it."""
        assert table.name not in self
        self[table.name] = table
        return table

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()
