"""Records in suspense on the services of an installation: chosen, tried, settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import NamedTuple

from mediation.normalise import NormaliseStep
from mediation.recycling import Back, Stays, Waiting, back, settling_key
from pipeline.cli.session import connect
from pipeline.cli.suspense_filters import none_such
from pipeline.cli.versions import published_accounts, published_catalogue
from pipeline.clock import SystemClock
from pipeline.errors import CannotSettle
from pipeline.mappings import load_mappings
from pipeline.rate_step import RateStep
from pipeline.recycling.preview import Preview, Tried
from pipeline.settings import Settings
from pipeline.topics import partition_of, topics_of
from rating.catalogue import compile
from schemas.decimals import EXACT
from schemas.outcome import Settled
from schemas.period import to_ms
from sinks.connection import Pool, open_pool
from sinks.queries import suspense_counts
from sinks.suspended import SuspendedRecord, Wanted, find_suspended, give_up, send_back, undecided

_TOLD_EVERY = 5_000  # records
_SHOWN = 100  # records of which a document says why they stay


class Asked(NamedTuple):
    """Which records, and what is to become of them."""

    settled: Settled
    suspense_ids: tuple[str, ...]  # empty: by what is wanted
    wanted: Wanted
    accounts: frozenset[str]  # empty: whosever
    anyway: bool  # also those that would be refused again
    apply: bool
    by: str
    because: str


class Told(NamedTuple):
    """A record that is left as it is, and why."""

    suspense_id: str
    why: str


class Came:
    """What it came to, or would."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.selected = 0
        self.queued = 0
        self.decided_before = 0
        self.outcomes: Counter[str] = Counter()  # of items
        self.amounts: dict[str, Decimal] = {}
        self.stays: Counter[str] = Counter()  # by why
        self.shown: list[Told] = []
        self.none_such = ""  # what there is, where nothing is as it was asked for

    def stay(self, waiting: Waiting, why: str) -> None:
        """Count a record that is left as it is."""
        self.stays[why] += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(Told(waiting.suspense_id, why))

    def select(self, tried: Tried | None) -> None:
        """Count a record that is meant."""
        self.selected += 1
        if tried is None:
            self.outcomes["unknown"] += 1
            return
        self.outcomes.update(tried.outcomes)
        for currency, amount in tried.amounts:
            self.amounts[currency] = EXACT.add(self.amounts.get(currency, Decimal(0)), amount)


class Settling:
    """What is read once for all records of a command."""

    def __init__(self, settings: Settings, pool: Pool, preview: Preview) -> None:
        self._raw_partitions = topics_of(settings).raw.partitions
        self._pool = pool
        self._preview = preview

    @staticmethod
    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Settling]:
        """Yield what settles on an installation whose services answer."""
        endpoints = await connect(settings)
        bootstrap = endpoints.kafka_bootstrap
        reference = await published_accounts(settings, bootstrap=bootstrap)
        catalogue = await published_catalogue(settings, bootstrap=bootstrap)
        if catalogue is None:
            raise CannotSettle(
                "No catalogue is published that this build can read. Operator action: publish one "
                "(`ratemill catalogue publish`)."
            )
        topics = topics_of(settings)
        normalise = NormaliseStep(
            mappings=load_mappings(settings),
            reference=reference,
            partition_of=lambda key: partition_of(key.encode(), topics.normalised.partitions),
            raw_partition_of=lambda key: partition_of(key, topics.raw.partitions),
            horizon_ms=settings.dedup_horizon_ms,
            future_ms=settings.future_ms,
        )
        rate = RateStep(
            catalogue=compile(catalogue.document, catalogue.version), reference=reference
        )
        preview = Preview(normalise, rate, now_ms=to_ms(SystemClock().now()))
        async with open_pool(
            endpoints.postgres_dsn, installation=settings.installation, max_size=1
        ) as pool:
            yield Settling(settings, pool, preview)

    async def settle(self, asked: Asked, on_progress: Callable[[int], None]) -> Came:
        """Return what it came to; without ``apply`` nothing is changed.

        Sent some hundred at a time: what broke off goes on where it stood when it is run again.
        """
        came = Came()
        sent: set[str] = set()
        async for records in self._records(asked, came):
            # What was sent and refused again meanwhile is another try, for another time.
            chosen = [
                one
                for one in records
                if one.recycles not in sent and self._is_meant(one, asked, came)
            ]
            if asked.apply and chosen:
                came.queued += await self._send(chosen, asked)
                sent.update(one.waiting.suspense_id for one in chosen)
            if came.looked_at // _TOLD_EVERY != (came.looked_at - len(records)) // _TOLD_EVERY:
                on_progress(came.looked_at)
        if not (asked.suspense_ids or came.selected or came.stays):
            came.none_such = await none_such(
                self._pool,
                await suspense_counts(self._pool),
                source=asked.wanted.source,
                accounts=asked.accounts,
            )
        return came

    async def _records(self, asked: Asked, came: Came) -> AsyncIterator[list[SuspendedRecord]]:
        if not asked.suspense_ids:
            async for records in undecided(self._pool, asked.wanted):
                came.looked_at += len(records)
                yield records
            return
        found = await find_suspended(self._pool, asked.suspense_ids)
        unknown = set(asked.suspense_ids) - {one.waiting.suspense_id for one in found}
        if unknown:
            raise CannotSettle(
                f"There is no record {min(unknown)} in suspense; nothing was changed."
            )
        for one in found:
            settled = one.outcome or one.decision
            if settled not in (None, asked.settled.value):
                how = str(settled).replace("_", " ")
                raise CannotSettle(
                    f"Record {one.waiting.suspense_id} was {how} before; nothing was changed."
                )
        came.decided_before = sum(1 for one in found if one.outcome or one.decision)
        came.looked_at = len(found)
        yield [one for one in found if not (one.outcome or one.decision)]

    def _is_meant(self, record: SuspendedRecord, asked: Asked, came: Came) -> bool:
        waiting = record.waiting
        raw = back(waiting, raw_partition_of=self._raw_partition_of)
        tried = self._tried(waiting, raw)
        if asked.accounts and not (tried and tried.accounts & asked.accounts):
            return False
        if asked.settled is Settled.RECYCLED:
            if isinstance(raw, Stays):
                came.stay(waiting, raw.why)
                return False
            assert tried is not None
            if tried.refused and not asked.anyway:
                came.stay(waiting, f"it would be refused again: {', '.join(tried.outcomes[:3])}")
                return False
        came.select(tried)
        return True

    def is_of(self, record: SuspendedRecord, accounts: frozenset[str]) -> bool:
        """Return whether usage in a record is of one of the accounts, as far as it is known."""
        raw = back(record.waiting, raw_partition_of=self._raw_partition_of)
        tried = self._tried(record.waiting, raw)
        return tried is not None and bool(tried.accounts & accounts)

    def _tried(self, waiting: Waiting, raw: Back | Stays) -> Tried | None:
        if isinstance(raw, Stays):
            return None
        partition = self._raw_partition_of(raw.key.encode())
        return self._preview.tried(waiting, raw, partition=partition)

    async def _send(self, records: Sequence[SuspendedRecord], asked: Asked) -> int:
        said = {"decided_by": asked.by, "because": asked.because}
        if asked.settled is Settled.WRITTEN_OFF:
            keyed = [
                (one.waiting, settling_key(one.waiting, self._raw_partition_of)) for one in records
            ]
            return await give_up(self._pool, keyed, **said)
        backs = []
        for one in records:
            raw = back(one.waiting, raw_partition_of=self._raw_partition_of)
            assert isinstance(raw, Back)
            backs.append((one.waiting, raw))
        return await send_back(self._pool, backs, **said)

    def _raw_partition_of(self, key: bytes) -> int:
        return partition_of(key, self._raw_partitions)
