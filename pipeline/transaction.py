"""One transactional producer for one source partition: fence, append, commit, retire."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation
from aiokafka.producer.message_accumulator import BatchBuilder

from pipeline.errors import AppendRefused, BrokerUnavailable
from pipeline.kafka import transactional_producer
from pipeline.partitions_first import PartitionsFirstProducer
from pipeline.record_batches import batches as batches_of
from pipeline.within import within
from schemas.flow import Append, Channel

_FENCE_S = 60.0  # longer than a transaction of a dead owner stays open
_RETIRE_S = 2.0
_APPEND_S = 30.0
_COMMIT_S = 30.0
_AGAIN = (
    "The batch is decided again from the last proof. Operator action, if it stays: look in the "
    "broker's log, and compare the topics' settings and permissions with `ratemill doctor`."
)


class Transaction:
    """The right to write one partition's outputs, held by a stable transactional id.

    Never reused after any error: a fresh one gets a fresh epoch, so that a late request of the
    old one cannot land in the new one's transaction.
    """

    def __init__(self, producer: PartitionsFirstProducer, topics: Mapping[Channel, str]) -> None:
        self._producer = producer
        self._topics = topics

    @classmethod
    async def fence(
        cls,
        bootstrap: str,
        *,
        transactional_id: str,
        transaction_timeout_ms: int,
        topics: Mapping[Channel, str],
    ) -> Transaction:
        """Return a transaction holder; every earlier one of the id is a zombie from here on."""
        producer = transactional_producer(
            bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=transaction_timeout_ms,
        )
        transaction = cls(producer, topics)
        try:
            await within(_FENCE_S, producer.start())
        except TimeoutError as error:
            await transaction.retire()
            raise BrokerUnavailable(
                f"{transactional_id}: the broker let us start no transactions for {_FENCE_S:.0f} s. "
                "It is tried again. Operator action, if it stays: look in the broker's log for the "
                "transaction coordinator and for __transaction_state."
            ) from error
        except BaseException:
            await transaction.retire()
            raise
        return transaction

    async def write(self, appends: Sequence[Append], *, last: Append) -> int:
        """Append all and commit; return the offset of ``last``, which is appended behind the rest.

        The transaction has all its partitions before anything is sent: see `partitions_first`.
        Every append's answer is awaited and checked before the commit: aiokafka commits a
        transaction even when the broker refused one of its appends. After an error nobody knows
        whether it was committed: the next fence decides it, and the last proof tells.
        """
        try:
            offset = await self._append(appends, last)
            await within(_COMMIT_S, self._producer.commit_transaction())
        except (IllegalOperation, AssertionError) as error:
            # What aiokafka says when it learns between two appends that it is fenced.
            raise AppendRefused(
                f"the producer was fenced, or its transaction timed out, in the middle of a batch "
                f"({error!r}); nothing of it was committed. {_AGAIN}"
            ) from error
        except TimeoutError as error:
            raise BrokerUnavailable(
                f"the broker did not answer an append or a commit ({error}); whether the batch was "
                "committed is read back before anything is done again. Operator action, if it "
                "stays: check the broker and its disk."
            ) from error
        return offset

    async def _append(self, appends: Sequence[Append], last: Append) -> int:
        """Append all in a new transaction and return the offset of ``last``."""
        producer = self._producer
        await producer.begin_transaction()
        batches: list[tuple[BatchBuilder, TopicPartition, int]] = []
        for (channel, partition), records in _grouped([*appends, last]).items():
            place = TopicPartition(self._topics[channel], partition)
            for batch, count in batches_of(producer, records):
                batches.append((batch, place, count))
        await within(_APPEND_S, producer.add_partitions({place for _, place, _ in batches}))
        # asyncio's futures of sent batches, with the number of the last one's records
        sent: list[tuple[asyncio.Future[object], int]] = []
        for batch, place, count in batches:
            answer = await producer.send_batch(batch, place.topic, partition=place.partition)
            sent.append((answer, count))
        return await _check(sent)

    async def abort(self) -> None:
        """Abort what is open, as far as that can be done in a bounded time."""
        with contextlib.suppress(Exception):
            await within(_RETIRE_S, self._producer.abort_transaction())

    async def retire(self) -> None:
        """Stop the producer for good; what it left open is aborted by the next fence."""
        try:
            await within(_RETIRE_S, self._producer.stop())
        except Exception:
            # stop() may wait for ever for batches that nobody will answer, and raises whatever
            # its tasks raised. What it leaves behind would go on sending: end its tasks.
            with contextlib.suppress(Exception):
                task = self._producer._sender.sender_task
                if task is not None:
                    task.cancel()
                await within(_RETIRE_S, self._producer.client.close())


def _grouped(appends: Sequence[Append]) -> dict[tuple[Channel, int], list[Append]]:
    """Return the appends by where they go, in order; the group of the last one comes last."""
    groups: dict[tuple[Channel, int], list[Append]] = {}
    last = appends[-1]
    for record in appends:
        groups.setdefault((record.channel, record.partition), []).append(record)
    group = groups.pop((last.channel, last.partition))
    groups[last.channel, last.partition] = group
    return groups


async def _check(sent: Sequence[tuple[asyncio.Future[object], int]]) -> int:
    """Return the offset of the very last record; `AppendRefused` if any has none."""
    answers = await within(_APPEND_S, _answers([future for future, _ in sent]))
    for answer in answers:
        if isinstance(answer, asyncio.CancelledError):
            raise AppendRefused(
                f"the producer was stopped while records were on their way. {_AGAIN}"
            )
        if isinstance(answer, BaseException):
            raise AppendRefused(
                f"the broker refused records of a batch ({answer!r}); nothing of it was committed. "
                f"{_AGAIN}"
            ) from answer
        if getattr(answer, "offset", -1) < 0:
            raise AppendRefused(f"the broker gave no offset for records of a batch. {_AGAIN}")
    base = int(getattr(answers[-1], "offset"))  # noqa: B009  (gather gives object)
    return base + sent[-1][1] - 1


async def _answers(sent: Sequence[asyncio.Future[object]]) -> list[object]:
    return await asyncio.gather(*sent, return_exceptions=True)
