"""Raw records and the proofs of normalise, in step."""

from __future__ import annotations

from aiokafka import TopicPartition

from pipeline.verify.chain import Chain
from pipeline.verify.context import Context
from pipeline.verify.index import StageProofs
from pipeline.verify.reading import PartitionReader
from pipeline.verify.report import Check, Finding
from pipeline.verify.tables import proof_rows
from pipeline.verify.trimmed import kept_proofs, require_loaded
from schemas.outcome import NormaliseOutcome
from schemas.proof import NORMALISE, Proof, proof_from_msgpack


async def check_normalise(context: Context, number: int) -> None:
    """Check one raw partition against its proofs, and note what they say of other topics."""
    place = TopicPartition(context.topics.proofs.name, number)
    source = TopicPartition(context.topics.raw.name, number)
    tally = context.tally
    chain = Chain(
        context.findings,
        topic=place.topic,
        partition=number,
        installation=context.installation,
        source_topic=source.topic,
        chain_check=Check.NORMALISE_CHAIN,
        outcome_check=Check.NORMALISE_OUTCOMES,
    )
    index = StageProofs(source.topic, number)
    context.proofs[NORMALISE].append(index)
    rows = proof_rows(context, stage=NORMALISE, source=source, place=place)
    handed_on = 0
    async with context.open(place) as proofs, context.open(source) as raw:
        if raw.begin:
            context.not_checked.append(f"{source.topic}/{number} below {raw.begin}: trimmed")

        async def take(proof: Proof, offset: int, *, whole: bool) -> None:
            nonlocal handed_on
            if context.genesis is None:
                context.genesis = proof
            if not chain.follow(proof, offset=offset, whole=whole):
                return
            settled = context.settled(place, offset)
            index.put(proof, settled=settled)
            context.handed_on.put(proof, settled=settled)
            handed_on = _check_handed_on(context, proof, handed_on, offset=offset)
            await _raw_records(context, raw, proof)
            tally.items += proof.items
            tally.item_outcomes.update(proof.outcomes)
            tally.refusals.update(proof.refusals)
            tally.settled.update(proof.settled or {})
            tally.recycled_items.update(proof.recycled or {})
            context.settled_suspense.put(
                proof, offset, whole=whole, is_loaded=context.is_loaded(place, offset)
            )
            await rows.compare(proof, offset)

        if proofs.begin and context.tables is not None:
            chain.trimmed = True
            require_loaded(context, place, proofs.begin)
            context.not_checked.append(
                f"{place.topic}/{number} below {proofs.begin}: trimmed; followed as Postgres keeps "
                "the proofs, without the changes of state"
            )
            async for offset, proof, whole in kept_proofs(
                context.tables, stage=NORMALISE, source=source, below=proofs.begin
            ):
                await take(proof, offset, whole=whole)
        async for chunk in proofs.chunks():
            for record in chunk:
                await take(proof_from_msgpack(record.value), record.offset, whole=True)
            context.progressed(place.topic, len(chunk))
        chain.end()
        if chain.last is not None and raw.begin > chain.last.next:
            await _never_read(context, source, raw.begin, last=chain.last)
        await rows.end()
        tally.proof_lag += rows.not_loaded
        async for chunk in raw.chunks():
            tally.raw_lag += len(chunk)
            context.progressed(source.topic, len(chunk))


def _check_handed_on(context: Context, proof: Proof, before: int, *, offset: int) -> int:
    """Return how many records were handed on up to here; every event is, some commands are."""
    total = sum(so_far.count for so_far in proof.handed_on.values())
    least = proof.outcomes.get(NormaliseOutcome.NORMALISED, 0)
    most = least + proof.outcomes.get(NormaliseOutcome.COMMAND, 0)
    if not least <= total - before <= most:
        context.findings.add(
            Finding(
                check=Check.NORMALISE_OUTCOMES,
                topic=context.topics.proofs.name,
                partition=proof.source_partition,
                batches=(proof.batch, proof.batch),
                offsets=(offset, offset + 1),
                expected=f"{least:,} to {most:,} records handed on",
                found=f"{total - before:,}",
            )
        )
    return total


async def _never_read(context: Context, source: TopicPartition, begin: int, *, last: Proof) -> None:
    """Note where raw records are gone that no proof covers."""
    # What is proved since the ends were fixed may be trimmed since.
    proved = max(last.next, await context.proved_upto(source.partition))
    if begin > proved:
        context.findings.add(
            Finding(
                check=Check.RAW_RECORDS,
                topic=source.topic,
                partition=source.partition,
                batches=(last.batch, last.batch),
                offsets=(proved, begin),
                expected=f"the records from offset {proved} on, which no proof covers",
                found=f"the topic begins at offset {begin}: they were deleted before they were read",
            )
        )


async def _raw_records(context: Context, raw: PartitionReader, proof: Proof) -> None:
    """Count the raw records of a proof's range; their offsets may have holes."""
    found = 0
    async for chunk in raw.chunks(below=proof.next):
        found += sum(record.offset >= proof.first for record in chunk)
        context.progressed(proof.source_topic, len(chunk))
    context.tally.raw_records += proof.records
    if proof.first < raw.begin:
        return  # trimmed behind the proof, as it may be
    if found != proof.records:
        context.findings.add(
            Finding(
                check=Check.RAW_RECORDS,
                topic=proof.source_topic,
                partition=proof.source_partition,
                batches=(proof.batch, proof.batch),
                offsets=(proof.first, proof.next),
                expected=f"{found:,} records",
                found=f"{proof.records:,} read by normalise",
            )
        )
