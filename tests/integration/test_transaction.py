"""A transaction whose producer is fenced in the middle of a batch."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaError

from pipeline.embedded import Endpoints
from pipeline.errors import AppendRefused
from pipeline.genesis import apply_topics
from pipeline.settings import Settings
from pipeline.topics import topics_of
from pipeline.transaction import Transaction
from schemas.flow import Append, Channel


@pytest.mark.parametrize("size", [10, 400_000], ids=["one batch each", "several of a partition"])
async def test_a_fence_in_the_middle_of_a_batch_is_an_error_that_a_session_knows(
    services: Endpoints, prefix: str, size: int
) -> None:
    """aiokafka says IllegalOperation, no KafkaError, if it learns of it between two appends; an
    error that nobody expects would end the worker with all its partitions."""
    settings = Settings(installation=prefix, raw_partitions=1, rating_partitions=1)
    await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    topics = topics_of(settings)

    async def fence() -> Transaction:
        return await Transaction.fence(
            services.kafka_bootstrap,
            transactional_id=f"{prefix}.fenced",
            transaction_timeout_ms=10_000,
            topics={
                Channel.NORMALISED: topics.normalised.name,
                Channel.SUSPENSE: topics.suspense.name,
                Channel.PROOFS: topics.proofs.name,
            },
        )

    def append(channel: Channel) -> Append:
        return Append(channel, 0, None, b"x" * size, ())

    appends = [append(Channel.NORMALISED)] * 8 + [append(Channel.SUSPENSE)]
    for _ in range(3):  # where in the batch it learns of it is not the same each time
        zombie = await fence()
        owner = await fence()
        with pytest.raises((AppendRefused, KafkaError)):
            await zombie.write(appends, last=append(Channel.PROOFS))
        await zombie.abort()
        await zombie.retire()
        await owner.retire()
