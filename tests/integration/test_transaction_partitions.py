"""Nothing is written to a partition before the transaction has it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from pipeline.errors import RatemillError
from pipeline.kafka import admin_client, reading
from pipeline.transaction import Transaction
from schemas.flow import Append, Channel
from tests.chaos.scenarios.commits import AUTHORISED
from tests.chaos.services import own_pair

# Codes of Kafka's protocol: resource topic, pattern literal, operation write, permission deny.
_TOPIC, _LITERAL, _WRITE, _DENY = 2, 3, 4, 2
_PARTITIONS = 400  # markers are written one after the other: it takes a while
_TIMES = 4


@dataclass
class Guarded:
    """A broker with a topic of outputs, which may be closed, and one of proofs."""

    bootstrap: str
    rules: AIOKafkaAdminClient
    topics: dict[Channel, str]

    async def close(self, *, reopen: bool = False) -> None:
        """Let nobody write outputs any more, or everybody again."""
        name = self.topics[Channel.NORMALISED]
        rule = (_TOPIC, name, _LITERAL, "User:ANONYMOUS", "*", _WRITE, _DENY)
        kind = DeleteAclsRequest if reopen else CreateAclsRequest
        await self.rules._send_request(kind(*rule))

    async def owner(self) -> Transaction:
        return await Transaction.fence(
            self.bootstrap,
            transactional_id="test",
            transaction_timeout_ms=10_000,
            topics=self.topics,
        )


@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    # Rules are set at the broker, so it is one of the test's own, whatever broker others use.
    monkeypatch.delenv("RATEMILL_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.delenv("RATEMILL_POSTGRES_DSN", raising=False)
    async with own_pair(kafka_settings=AUTHORISED) as pair:
        bootstrap = pair.endpoints.kafka_bootstrap
        names = {
            Channel.NORMALISED: f"outputs.{secrets.token_hex(4)}",
            Channel.PROOFS: f"proofs.{secrets.token_hex(4)}",
        }
        async with admin_client(bootstrap) as admin:
            await admin.create_topics(
                [
                    NewTopic(names[Channel.NORMALISED], 1, 1),
                    NewTopic(names[Channel.PROOFS], _PARTITIONS, 1),
                ]
            )
        rules = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await rules.start()
        try:
            yield Guarded(bootstrap, rules, names)
        finally:
            await rules.close()


def append(channel: Channel, partition: int = 0) -> Append:
    return Append(channel, partition, b"key", b"value", ())


BATCH = [
    append(Channel.NORMALISED),
    *(append(Channel.PROOFS, partition) for partition in range(_PARTITIONS)),
]


async def test_a_refused_batch_does_not_end_in_the_transaction_before_it(guarded):
    """The answer to a commit comes before its markers: a partition that has none yet takes more
    records into that transaction, whoever sends them."""
    *others, last = BATCH
    for _ in range(_TIMES):
        transaction = await guarded.owner()
        try:
            await transaction.write(others, last=last)
            await guarded.close()
            with pytest.raises((KafkaError, RatemillError)):
                await transaction.write(others, last=last)
            await transaction.abort()
        finally:
            await transaction.retire()
            await guarded.close(reopen=True)
    # A new owner is given the id when every marker of the last commit is written.
    await (await guarded.owner()).retire()
    places = [TopicPartition(guarded.topics[Channel.PROOFS], n) for n in range(_PARTITIONS)]
    async with reading(guarded.bootstrap, places[0], client_id="test", committed=False) as consumer:
        ends = await consumer.end_offsets(places)
    # A record of each transaction, and its marker.
    assert {place.partition: end for place, end in ends.items() if end != 2 * _TIMES} == {}
