"""One ledger partition in step with the normalised partition before it and the rows behind it."""

from __future__ import annotations

from aiokafka import TopicPartition

from pipeline.verify.chain import Chain
from pipeline.verify.context import Context
from pipeline.verify.events import Events
from pipeline.verify.index import StageProofs
from pipeline.verify.ledger import LedgerPartition
from pipeline.verify.ledger_records import Said, said
from pipeline.verify.reading import PartitionReader
from pipeline.verify.report import Check
from pipeline.verify.tables import LoadedLedger, proof_rows
from pipeline.verify.trimmed import kept_ledger, require_loaded
from pipeline.verify.unique import Repeats
from schemas.proof import RATE, Proof


async def check_rate(context: Context, number: int) -> None:
    """Check one ledger partition: its proofs, its records, what rate read, its rows."""
    place = TopicPartition(context.topics.ledger.name, number)
    source = TopicPartition(context.topics.normalised.name, number)
    with Repeats() as repeats:
        ledger = LedgerPartition(context.findings, repeats, topic=place.topic, partition=number)
        async with context.open(source) as normalised:
            events = Events(
                context.findings,
                context.handed_on,
                topic=source.topic,
                partition=number,
                begin=normalised.begin,
            )
            if normalised.begin:
                context.not_checked.append(
                    f"{source.topic}/{number} below {normalised.begin}: trimmed"
                )
            await _ledger(context, place, source, ledger, normalised, events)
            async for chunk in normalised.chunks():
                events.take(chunk)
                context.progressed(source.topic, len(chunk))
            context.tally.event_lag += events.end()
        ledger.end()
    context.tally.ledger_records += ledger.records
    context.tally.limits_reached += ledger.limits
    context.tally.charge(ledger.charges)


async def _ledger(
    context: Context,
    place: TopicPartition,
    source: TopicPartition,
    ledger: LedgerPartition,
    normalised: PartitionReader,
    events: Events,
) -> None:
    tally = context.tally
    chain = Chain(
        context.findings,
        topic=place.topic,
        partition=place.partition,
        installation=context.installation,
        source_topic=source.topic,
        chain_check=Check.RATE_CHAIN,
        outcome_check=Check.RATE_OUTCOMES,
    )
    index = StageProofs(source.topic, source.partition)
    context.proofs[RATE].append(index)
    proofs = proof_rows(context, stage=RATE, source=source, place=place)
    rows = LoadedLedger(context, place)

    async def take(value: Said | Proof | None, offset: int, *, whole: bool) -> None:
        if not isinstance(value, Proof):
            ledger.add(value, offset, whole=whole)
            return
        moves_on = chain.follow(value, offset=offset)
        batch = ledger.prove(value, offset)
        if not moves_on:
            return
        settled = context.settled(place, offset)
        index.put(value, settled=settled)
        if settled:
            await _events(context, normalised, events, value)
        tally.events += value.records
        tally.event_outcomes.update(value.outcomes)
        tally.recycled_events.update(value.recycled or {})
        tally.refusals.update(value.refusals)
        await proofs.compare(value, offset)
        await rows.compare(batch, is_loaded=context.is_loaded(place, offset))

    async with context.open(place) as reader:
        if reader.begin and context.tables is not None:
            chain.trimmed = True
            require_loaded(context, place, reader.begin)
            context.not_checked.append(
                f"{place.topic}/{place.partition} below {reader.begin}: trimmed; the rows of "
                "Postgres were held to the proofs that it keeps, but what the records said of "
                "unbilled totals is gone"
            )
            async for offset, kept in kept_ledger(
                context.tables, source=source, below=reader.begin
            ):
                await take(kept, offset, whole=False)
        async for chunk in reader.chunks():
            for record in chunk:
                await take(said(record.value), record.offset, whole=True)
            context.progressed(place.topic, len(chunk))
    chain.end()
    await proofs.end()
    await rows.end()
    tally.ledger_lag += rows.not_loaded
    tally.rated_rows += rows.rows


async def _events(
    context: Context, normalised: PartitionReader, events: Events, proof: Proof
) -> None:
    trimmed = proof.first < normalised.begin
    if trimmed:
        events.trust(proof)
    async for chunk in normalised.chunks(below=proof.next):
        events.take(chunk)
        context.progressed(proof.source_topic, len(chunk))
    if not trimmed:
        events.compare(proof)
