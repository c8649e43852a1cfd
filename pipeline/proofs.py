"""Where a stage stands: the last committed proof of a partition, read back from its topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import BrokenChain, Halted, MissingGenesis, OpenTransaction
from pipeline.kafka import reading
from schemas.proof import Proof, is_sealed

_FIRST_LOOK_BACK = 64
_POLL_MS = 200
_STALL_S = 30.0


@dataclass(frozen=True, slots=True)
class LastProof:
    """A committed proof and the offset at which it lies."""

    proof: Proof
    offset: int


async def end_of(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    """Return the last stable offset (or the high watermark, for a consumer that reads all)."""
    ends = await consumer.end_offsets([partition])
    return int(ends[partition])


async def wait_until_closed(
    bootstrap: str, partition: TopicPartition, *, client_id: str, wait_s: float
) -> None:
    """Return when nothing is open in a partition that one transactional id alone writes.

    An open transaction of a dead owner holds readers back at the last stable offset: whoever
    took that for the end would start too early. `OpenTransaction` after ``wait_s``.
    """
    async with (
        reading(bootstrap, partition, client_id=client_id) as stable,
        reading(bootstrap, partition, client_id=client_id, committed=False) as all_of_it,
    ):
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            # This order: the high watermark may only have grown since.
            last_stable = await end_of(stable, partition)
            high_watermark = await end_of(all_of_it, partition)
            if last_stable >= high_watermark:
                return
            if loop.time() > deadline:
                raise OpenTransaction(
                    f"{partition.topic}/{partition.partition}: a transaction is open at offset "
                    f"{last_stable} (end {high_watermark}) for more than {wait_s:.0f} s. Operator "
                    "action: look for another installation with the same prefix; list open ones "
                    "with `kafka-transactions.sh list`; the partition tries again by itself."
                )
            await asyncio.sleep(0.05)


async def read_last_proof(
    bootstrap: str,
    partition: TopicPartition,
    *,
    decode: Callable[[bytes], Proof],
    client_id: str,
) -> LastProof:
    """Return the newest committed proof of a partition in which a proof ends every batch.

    Reads until the position reaches the last stable offset: an empty poll is not the end.
    """
    async with reading(bootstrap, partition, client_id=client_id) as consumer:
        begin = int((await consumer.beginning_offsets([partition]))[partition])
        end = await end_of(consumer, partition)
        look_back = _FIRST_LOOK_BACK
        while True:
            start = max(begin, end - look_back)
            last = await _last_record(consumer, partition, start=start, end=end)
            if last is not None:
                offset, value = last
                proof = decode(value)
                if not is_sealed(proof):
                    raise BrokenChain(
                        f"{partition.topic}/{partition.partition}: the proof at offset {offset} is "
                        "not what its chain says. Operator action: run `ratemill verify`; do not "
                        "delete anything before its report has been read."
                    )
                return LastProof(proof, offset)
            if start == begin:
                raise MissingGenesis(
                    f"{partition.topic}/{partition.partition} holds no proof. Operator action: run "
                    "`ratemill topics apply` if this installation is new; if it is not, the topic "
                    "was emptied or recreated: restore it, never start from 0."
                )
            look_back *= 8


async def _last_record(
    consumer: AIOKafkaConsumer, partition: TopicPartition, *, start: int, end: int
) -> tuple[int, bytes] | None:
    """Return offset and value of the last committed record of [start, end), or None."""
    if start >= end:
        return None
    consumer.seek(partition, start)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _STALL_S
    last: tuple[int, bytes] | None = None
    while await consumer.position(partition) < end:
        fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
        for record in fetched.get(partition, ()):
            if record.offset < end:
                assert record.value is not None
                last = (record.offset, record.value)
                deadline = loop.time() + _STALL_S
        if loop.time() > deadline:
            raise Halted(
                f"{partition.topic}/{partition.partition}: no record up to offset {end} came within "
                f"{_STALL_S:.0f} s. Operator action: check the broker; the partition tries again."
            )
    return last
