"""Ordinary usage, made into its event while it is read: most of all items, 100,000 a second.

An item is ordinary where its event is in the window, somebody known held one of its identifiers,
and the event fits a record. It is then an event unless it came before, and bytes can be made of it
at once. All others are decided by the rules in `usage_event.py`. That both ways give the same bytes
is a law (`test_mediation_normalise_laws.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from mediation.changes import MARK_KEY
from mediation.decode.item import DecodedItem, Item, MadeCompiled
from mediation.dedup import DAY_MS, MarkState, Window, new_content_hash, pack_mark
from mediation.owners import Owners
from mediation.received import Origin, Ready, ReceivedItem
from native import compiled
from schemas.flow import SourceRecord
from schemas.raw import MAX_RECORD_BYTES
from schemas.sethash import event_digest
from schemas.usage import RETAIL, USAGE, array_to_wire

_PASSED = int(MarkState.PASSED)
_NO_BATCH = 0  # one byte on the wire, in the place of the batch's number
_REST = (None, None, True, None)  # of an event that is no part of another and was never refused
END_BYTES = len(array_to_wire((_NO_BATCH, *_REST))) - 1
_LARGEST_BATCH_BYTES = 9
_LARGEST = MAX_RECORD_BYTES - _LARGEST_BATCH_BYTES

_native = compiled("ordinary")


class OrdinaryUsage:
    """Makes the items of a record, those that are ready among them."""

    def __init__(self, owners: Owners, window: Window) -> None:
        self._owners = owners
        self._window = window
        self._maker: Any = None
        if _native is not None:
            self._maker = _native.Maker(
                owners.at_hand,
                decoded=DecodedItem,
                ready=Ready,
                received=ReceivedItem,
                mark_key=MARK_KEY,
                kind=USAGE,
                run=RETAIL,
                passed=_PASSED,
                largest=_LARGEST,
            )

    def items(
        self, record: SourceRecord, origin: Origin, items: Iterable[Item]
    ) -> list[ReceivedItem | Ready]:
        """Return the items of a record, each with its identity and its content hash."""
        if self._maker is None:
            return self.items_in_python(record, origin, items)
        window = self._window.horizon_ms, self._window.future_ms
        made: list[ReceivedItem | Ready] | None = None
        if isinstance(items, MadeCompiled):
            found = items.made_compiled(self._maker, record, origin, *window)
            made = cast("list[ReceivedItem | Ready] | None", found)
        if made is None:
            made = self._maker.items(record, origin, items, *window)
        return made

    def items_in_python(
        self, record: SourceRecord, origin: Origin, items: Iterable[Item]
    ) -> list[ReceivedItem | Ready]:
        """Return what `items` returns, by nothing that is compiled."""
        partition, offset, appended_at_ms = record.partition, record.offset, record.appended_at_ms
        oldest_ms = appended_at_ms - self._window.horizon_ms
        newest_ms = appended_at_ms + self._window.future_ms
        tenant, source, format_name = origin.tenant, origin.source, origin.format
        identity_of, owner_of = origin.identity_of, self._owners.find
        assert identity_of is not None
        made: list[ReceivedItem | Ready] = []
        for index, line, usage in items:
            if type(usage) is not DecodedItem:
                made.append(ReceivedItem(index, line, usage))
                continue
            identity = identity_of(usage.record_id)
            content = new_content_hash()  # `dedup.content_hash`
            content.update(usage.content)
            content_hash = content.digest()
            started_at_ms = usage.started_at_ms
            if started_at_ms is None:
                started_at_ms = appended_at_ms
            if oldest_ms <= started_at_ms <= newest_ms:
                owner = owner_of(tenant, usage.identifiers, started_at_ms)
                if owner is not None:
                    _, _, subscription_id, account = owner
                    rating_key, record_key, to, account_id, zone, in_digest = account
                    event = array_to_wire(
                        (
                            USAGE,
                            tenant,
                            identity,
                            content_hash,
                            RETAIL,
                            rating_key,
                            source,
                            usage.record_id,
                            account_id,
                            subscription_id,
                            usage.product,
                            usage.usage_kind,
                            started_at_ms,
                            usage.ended_at_ms,
                            zone,
                            usage.quantities,
                            usage.origin,
                            usage.destination,
                            usage.service_class,
                            usage.attributes,
                            (partition, offset, index, format_name, appended_at_ms),
                            _NO_BATCH,
                            None,
                            None,
                            True,
                            None,
                        )
                    )
                    if len(event) <= _LARGEST:
                        mark = pack_mark(
                            content_hash,
                            usage.content_version,
                            started_at_ms // DAY_MS,
                            _PASSED,
                            offset,
                            index,
                        )
                        member = event_digest(identity, in_digest, content_hash)
                        key = MARK_KEY + identity
                        made.append(Ready(index, line, key, mark, to, record_key, event, member))
                        continue
            made.append(ReceivedItem(index, line, usage, MARK_KEY + identity, content_hash))
        return made


def end_of_event(batch: int) -> bytes:
    """Return the end of an event of a batch, from the batch's number on."""
    return array_to_wire((batch, *_REST))[1:]


def with_end(event: bytes, end: bytes) -> bytes:
    """Return an event of `Ready` with the `end_of_event` of its batch."""
    return event[:-END_BYTES] + end
