"""The normalised events as the compared programs read them, and the charges on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.structs import ConsumerRecord

from benchmarks.compare.event import charge_from_json, event_of, event_to_json
from pipeline.bench.workload import TENANT, Workload
from pipeline.errors import RatemillError
from pipeline.kafka import admin_client, idempotent_producer, reading
from pipeline.proofs import end_of
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import ledger
from schemas.decimals import EXACT
from schemas.reference import ReferenceData
from schemas.usage import UsageEvent, from_wire
from sources.reference.accounts import read_accounts

_CLIENT = "ratemill.bench.compare"
_POLL_MS = 200


class Sum(NamedTuple):
    """Charges, and what they come to."""

    charges: int = 0
    amount: Decimal = Decimal(0)

    def plus(self, amount: Decimal) -> Sum:
        """Return the sum with one more charge."""
        return Sum(self.charges + 1, EXACT.add(self.amount, amount))


def check_same(title: str, found: Sum, wanted: Sum) -> None:
    """Raise `RatemillError` where a program has not come to our charges: it did other work."""
    if found != wanted:
        raise RatemillError(
            f"{title} came to {found.charges:,} charges of {found.amount} in all, Ratemill to "
            f"{wanted.charges:,} of {wanted.amount}: that is not the same work, and no figure of "
            "it is kept. Operator action: correct the program in benchmarks/compare/."
        )


async def make_topics(bootstrap: str, *names: str, partitions: int) -> None:
    """Create topics."""
    async with admin_client(bootstrap) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])


async def send_events(settings: Settings, bootstrap: str, workload: Workload, topic: str) -> int:
    """Return how many events were sent: those that our rate has read, in the same partitions."""
    reference = ReferenceData()
    lines = workload.accounts.read_bytes()
    reference.apply(read_accounts({"accounts.jsonl": lines}, tenant=TENANT).accounts, version=1)
    source = topics_of(settings).normalised
    producer = idempotent_producer(bootstrap, client_id=_CLIENT)
    await producer.start()
    count = 0
    try:
        async for record in _committed(bootstrap, source.name, source.partitions):
            usage = from_wire(record.value)
            if not isinstance(usage, UsageEvent):
                continue
            held = reference.subscription(
                account_id=usage.account_id,
                subscription_id=usage.subscription_id,
                at_ms=usage.started_at_ms,
            )
            assert held is not None, "normalise has found it"
            account, subscription = held
            event = event_of(usage, plan=subscription.plan, currency=account.currency)
            await producer.send(
                topic, event_to_json(event), key=record.key, partition=record.partition
            )
            count += 1
        await producer.flush()
    finally:
        await producer.stop()
    return count


async def our_sum(settings: Settings, bootstrap: str) -> Sum:
    """Return what our own ledger holds."""
    topic, found = topics_of(settings).ledger, Sum()
    async for record in _committed(bootstrap, topic.name, topic.partitions):
        if dict(record.headers).get(ledger.KIND_HEADER) != ledger.KIND_USAGE:
            continue
        charge = ledger.from_wire(record.value)
        assert isinstance(charge, ledger.Charge)
        found = found.plus(Decimal(charge.amount))
    return found


async def their_sum(bootstrap: str, topic: str, *, partitions: int) -> Sum:
    """Return what a program has written and committed."""
    found = Sum()
    async for record in _committed(bootstrap, topic, partitions):
        found = found.plus(charge_from_json(record.value).amount)
    return found


async def _committed(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[ConsumerRecord]:
    """Yield what is committed in a topic, partition after partition."""
    for number in range(partitions):
        partition = TopicPartition(topic, number)
        async with reading(bootstrap, partition, client_id=_CLIENT) as consumer:
            end = await end_of(consumer, partition)
            consumer.seek(partition, 0)
            while await consumer.position(partition) < end:
                fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
                for record in fetched.get(partition, []):
                    yield record
                await asyncio.sleep(0)
