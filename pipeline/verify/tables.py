"""The tables of Postgres against what the topics gave the load."""

from __future__ import annotations

from aiokafka import TopicPartition

from pipeline.verify.context import Context
from pipeline.verify.ledger import ClosedBatch, LedgerRows
from pipeline.verify.report import Check, Finding
from pipeline.verify.rows import RowsByBatch
from schemas.proof import Proof
from sinks.reconcile import LimitRow, ProofRow, RatedRow, TablesSnapshot

_MOST = 20  # mismatches that a statement over whole tables returns


class ProofRows:
    """The rows of one source partition's proofs against the proofs of its topic."""

    def __init__(
        self,
        context: Context,
        place: TopicPartition,
        rows: RowsByBatch[ProofRow] | None,
    ) -> None:
        self._context = context
        self._place = place
        self._rows = rows
        self._last: Proof | None = None  # of those that are loaded
        self.not_loaded = 0

    async def compare(self, proof: Proof, offset: int) -> None:
        """Check the row of one proof, where it is loaded."""
        if self._rows is None:
            return
        if not self._context.is_loaded(self._place, offset):
            self.not_loaded += 1
            return
        self._last = proof
        found = [(row.batch, row.chain) for row in await self._rows.upto(proof.batch)]
        if found != [(proof.batch, proof.chain)]:
            shown = ", ".join(f"batch {batch}, chain {chain}" for batch, chain in found)
            self._add(
                Check.POSTGRES_PROOFS,
                (proof.batch, proof.batch),
                f"one row with chain {proof.chain}",
                shown or "no row",
                offset=offset,
            )

    async def end(self) -> None:
        """Check that there is no row past what is loaded, and that load stands at a proof."""
        if self._rows is None:
            return
        row = await self._rows.first_left()
        if row is not None:
            self._add(
                Check.POSTGRES_PROOFS, (row.batch, row.batch), "no row past the load", "a row"
            )
        loaded = self._context.loaded.get(self._place)
        if loaded is None:
            self._add(Check.POSTGRES_PROGRESS, None, "a row of progress", "none")
        elif self._last is not None and (loaded.batch, loaded.chain) != (
            self._last.batch,
            self._last.chain,
        ):
            self._add(
                Check.POSTGRES_PROGRESS,
                (self._last.batch, self._last.batch),
                f"batch {self._last.batch}, chain {self._last.chain}",
                f"batch {loaded.batch}, chain {loaded.chain}",
            )

    def _add(
        self,
        check: Check,
        batches: tuple[int, int] | None,
        expected: str,
        found: str,
        *,
        offset: int | None = None,
    ) -> None:
        self._context.findings.add(
            Finding(
                check=check,
                topic=self._place.topic,
                partition=self._place.partition,
                batches=batches,
                offsets=None if offset is None else (offset, offset + 1),
                expected=expected,
                found=found,
            )
        )


def proof_rows(
    context: Context, *, stage: str, source: TopicPartition, place: TopicPartition
) -> ProofRows:
    """Return the rows of the proofs that lie in ``place``."""
    rows = None
    if context.tables is not None:
        rows = RowsByBatch(
            context.tables.proofs(
                stage=stage, source_topic=source.topic, source_partition=source.partition
            )
        )
    return ProofRows(context, place, rows)


class LoadedLedger:
    """The rows of one ledger partition, batch by batch; without tables, none are asked for."""

    def __init__(self, context: Context, place: TopicPartition) -> None:
        self._compare = LedgerRows(context.findings, topic=place.topic, partition=place.partition)
        self._rated: RowsByBatch[RatedRow] | None = None
        self._limits: RowsByBatch[LimitRow] | None = None
        if context.tables is not None:
            self._rated = RowsByBatch(context.tables.rated(place.partition))
            self._limits = RowsByBatch(context.tables.limits(place.partition))
        self.not_loaded = 0

    @property
    def rows(self) -> int:
        """Return how many charges were found."""
        return self._compare.rows

    async def compare(self, batch: ClosedBatch, *, is_loaded: bool) -> None:
        """Check the rows of one batch, where it is loaded."""
        if self._rated is None or self._limits is None:
            return
        if not is_loaded:
            self.not_loaded += batch.records + 1  # and its proof
            return
        rated = await self._rated.upto(batch.number)
        self._compare.compare(batch, rated, await self._limits.upto(batch.number))

    async def end(self) -> None:
        """Check that no row is left."""
        if self._rated is None or self._limits is None:
            return
        rated = await self._rated.first_left()
        if rated is not None:
            self._compare.beyond(rated.batch, f"charge {rated.charge_id.hex()}")
        limit = await self._limits.first_left()
        if limit is not None:
            self._compare.beyond(limit.batch, f"limit reached {limit.limit_reached_id.hex()}")


async def check_tables(context: Context, tables: TablesSnapshot) -> None:
    """Check what statements over whole tables can tell."""
    await _identity(context, tables)
    for guard in await tables.guard_differences(most=_MOST):
        context.findings.add(
            Finding(
                check=Check.POSTGRES_GUARD,
                topic=context.topics.ledger.name,
                partition=guard.ledger_partition,
                offsets=(guard.ledger_offset, guard.ledger_offset + 1),
                expected=f"row and guard of charge {guard.charge_id}, of one position",
                found=_found(has_row=guard.has_row, has_guard=guard.has_guard),
            )
        )
    for wrong in await tables.invoice_differences(most=_MOST):
        context.findings.add(
            Finding(
                check=Check.POSTGRES_INVOICES,
                topic=f"invoice {wrong.number}",
                partition=-1,
                expected=f"{wrong.what}: {wrong.expected}",
                found=wrong.found,
            )
        )


async def _identity(context: Context, tables: TablesSnapshot) -> None:
    genesis = context.genesis
    if genesis is None:
        return
    expected = (genesis.installation, genesis.cluster_id, genesis.genesis_id)
    found = await tables.identity()
    if found != expected:
        context.findings.add(
            Finding(
                check=Check.POSTGRES_INSTALLATION,
                topic=context.topics.proofs.name,
                partition=-1,
                expected="installation {}, cluster {}, genesis {}".format(*expected),
                found="none"
                if found is None
                else "installation {}, cluster {}, genesis {}".format(*found),
            )
        )


def _found(*, has_row: bool, has_guard: bool) -> str:
    if has_row and has_guard:
        return "two positions or bill periods"
    return "a row without its guard" if has_row else "a guard without its row"
