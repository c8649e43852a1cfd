"""One ledger partition against its proofs, and the rows of Postgres against the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.verify.fold import Fold
from pipeline.verify.ledger_records import (
    ChargeSaid,
    CloseSaid,
    LimitSaid,
    Said,
    in_words,
    ratings_of,
)
from pipeline.verify.report import Check, Finding, Findings
from pipeline.verify.unique import Repeats
from schemas import sethash
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import records_of
from schemas.proof import Proof
from sinks.reconcile import LimitRow, RatedRow

_NAMED = 3  # charges that a finding names


@dataclass(slots=True)
class _Batch:
    """The ledger records since the last proof."""

    first: int | None = None
    records: int = 0
    unknown: int = 0
    # id: amount, currency, and what other ratings there are
    charges: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    rated: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    quantities: dict[str, Decimal] = field(default_factory=dict)
    total: int = sethash.EMPTY
    limits: list[bytes] = field(default_factory=list)


class LedgerPartition:
    """The records of one ledger partition, in order, each batch checked at its proof."""

    def __init__(self, findings: Findings, repeats: Repeats, *, topic: str, partition: int) -> None:
        self._findings = findings
        self._repeats = repeats
        self._topic = topic
        self._partition = partition
        self._fold = Fold()
        self._batch = _Batch()
        self._number = 0  # of the last proof
        self.records = 0
        self.limits = 0
        self.charges: dict[str, Decimal] = {}

    def add(self, record: Said | None, offset: int, *, whole: bool = True) -> None:
        """Take one record that is no proof; None: of a kind that is not known. Not ``whole``: as
        Postgres keeps it."""
        batch = self._batch
        if batch.first is None:
            batch.first = offset
        batch.records += 1
        self.records += 1
        if record is None:
            self._add(Check.LEDGER_BATCH, offset, "a record of a known kind", "another")
            return
        if isinstance(record, ChargeSaid):
            self._charge(batch, record, offset)
        elif isinstance(record, LimitSaid):
            self.limits += 1
            batch.limits.append(bytes.fromhex(record.limit_reached_id))
        else:
            assert isinstance(record, CloseSaid)
        for check, expected, found in self._fold.add(record, whole=whole):
            self._add(check, offset, expected, found)

    def prove(self, proof: Proof, offset: int) -> ClosedBatch:
        """Check the batch that a proof ends, and return it for the comparison with the rows."""
        batch, self._batch = self._batch, _Batch()
        first = offset if batch.first is None else batch.first
        self._number = proof.batch
        charges = {currency: Decimal(text) for currency, text in proof.charges.items()}
        quantities = {unit: Decimal(text) for unit, text in proof.quantities.items()}
        for what, said, counted in (
            ("records", proof.ledger_records, batch.records),
            ("charges for usage", proof.outcomes.get("rated", 0), batch.rated),
        ):
            if said != counted:
                self._wrong(proof, first, offset, f"{said:,} {what}", f"{counted:,}")
        if charges != batch.sums:
            self._wrong(proof, first, offset, f"charges {_sums(charges)}", _sums(batch.sums))
        if quantities != batch.quantities:
            expected = f"quantities {_sums(quantities)}"
            self._wrong(proof, first, offset, expected, _sums(batch.quantities))
        if proof.set_hash != sethash.to_hex(batch.total):
            expected = f"charges with set hash {proof.set_hash}"
            self._wrong(proof, first, offset, expected, sethash.to_hex(batch.total))
        return ClosedBatch(
            proof.batch, first, offset + 1, batch.records, batch.charges, batch.limits
        )

    def end(self) -> None:
        """Check that nothing follows the last proof, and that no charge came twice."""
        if self._batch.first is not None:
            self._findings.add(
                Finding(
                    check=Check.LEDGER_BATCH,
                    topic=self._topic,
                    partition=self._partition,
                    batches=(self._number + 1, self._number + 1),
                    offsets=(self._batch.first, self._batch.first + self._batch.records),
                    expected="a proof that ends the batch",
                    found=f"{self._batch.records:,} records without one",
                )
            )
        for first, again in self._repeats.found():
            self._findings.add(
                Finding(
                    check=Check.LEDGER_UNIQUE,
                    topic=self._topic,
                    partition=self._partition,
                    offsets=(again, again + 1),
                    expected="a charge id that is new",
                    found=f"that of the record at offset {first}",
                )
            )

    def _charge(self, batch: _Batch, charge: ChargeSaid, offset: int) -> None:
        identity = bytes.fromhex(charge.charge_id)
        amount, currency = Decimal(charge.amount), charge.currency
        is_usage = records_of(charge.usage_kind) == 1
        batch.rated += is_usage
        batch.charges[identity] = charge.amount, currency, *in_words(charge.other_ratings)
        batch.sums[currency] = EXACT.add(batch.sums.get(currency, ZERO), amount)
        self.charges[currency] = EXACT.add(self.charges.get(currency, ZERO), amount)
        unit, billed = charge.unit, Decimal(charge.billed)
        if is_usage or billed:
            batch.quantities[unit] = EXACT.add(batch.quantities.get(unit, ZERO), billed)
        member = sethash.member(identity, charge.amount.encode(), currency.encode())
        batch.total = sethash.add(batch.total, member)
        self._repeats.add(identity, offset)

    def _add(self, check: Check, offset: int, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=check,
                topic=self._topic,
                partition=self._partition,
                batches=(self._number + 1, self._number + 1),
                offsets=(offset, offset + 1),
                expected=expected,
                found=found,
            )
        )

    def _wrong(self, proof: Proof, first: int, offset: int, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=Check.LEDGER_BATCH,
                topic=self._topic,
                partition=self._partition,
                batches=(proof.batch, proof.batch),
                offsets=(first, offset + 1),
                expected=expected,
                found=found,
            )
        )


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """One batch of the ledger: what its rows must be."""

    number: int
    first: int
    next: int
    records: int
    charges: dict[bytes, tuple[str, ...]]
    limits: list[bytes]


class LedgerRows:
    """The rows of one ledger partition against its batches."""

    def __init__(self, findings: Findings, *, topic: str, partition: int) -> None:
        self._findings = findings
        self._topic = topic
        self._partition = partition
        self.rows = 0

    def compare(self, batch: ClosedBatch, rated: list[RatedRow], limits: list[LimitRow]) -> None:
        """Check the rows of one batch, charge by charge and digit by digit."""
        self.rows += len(rated)
        found = {
            row.charge_id: (row.amount, row.currency, *in_words(ratings_of(row.other_ratings)))
            for row in rated
        }
        strays = sum(row.batch != batch.number for row in rated)
        if found != batch.charges or len(rated) != len(found) or strays:
            self._rated(batch, found, rows=len(rated), strays=strays)
        reached = [row.limit_reached_id for row in limits]
        if reached != batch.limits or any(row.batch != batch.number for row in limits):
            self._add(
                Check.POSTGRES_LIMITS,
                batch,
                f"{len(batch.limits)} limits reached{_ids(batch.limits)}",
                f"{len(reached)}{_ids(reached)}",
            )
        for row in limits:
            if row.requests != 1:
                self._add(
                    Check.POSTGRES_LIMITS,
                    batch,
                    f"one invoice request for limit {row.limit_reached_id.hex()}",
                    str(row.requests),
                )

    def beyond(self, batch: int, what: str) -> None:
        """Note a row of a batch that is not loaded, or not in the ledger."""
        self._findings.add(
            Finding(
                check=Check.POSTGRES_RATED,
                topic=self._topic,
                partition=self._partition,
                batches=(batch, batch),
                expected="no row past the load's position",
                found=what,
            )
        )

    def _rated(
        self, batch: ClosedBatch, found: dict[bytes, tuple[str, ...]], *, rows: int, strays: int
    ) -> None:
        missing = [each for each in batch.charges if each not in found]
        extra = [each for each in found if each not in batch.charges]
        changed = [
            each
            for each, amount in batch.charges.items()
            if each in found and found[each] != amount
        ]
        expected, seen = [f"{len(batch.charges):,} charges"], [f"{rows:,} rows"]
        if missing:
            expected.append(f"among them {_ids(missing)}".replace("  ", " "))
            seen.append(f"{len(missing):,} missing")
        if extra or strays:
            seen.append(f"{max(len(extra), strays):,} of no such batch{_ids(extra)}")
        for each in changed[:_NAMED]:
            expected.append(f"{each.hex()} at {' '.join(batch.charges[each])}")
            seen.append(f"{each.hex()} at {' '.join(found[each])}")
        self._add(Check.POSTGRES_RATED, batch, ", ".join(expected), ", ".join(seen))

    def _add(self, check: Check, batch: ClosedBatch, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=check,
                topic=self._topic,
                partition=self._partition,
                batches=(batch.number, batch.number),
                offsets=(batch.first, batch.next),
                expected=expected,
                found=found,
            )
        )


def _ids(ids: list[bytes]) -> str:
    if not ids:
        return ""
    more = ", ..." if len(ids) > _NAMED else ""
    return " " + ", ".join(each.hex() for each in ids[:_NAMED]) + more


def _sums(sums: dict[str, Decimal]) -> str:
    return ", ".join(f"{to_text(sum_)} {name}" for name, sum_ in sorted(sums.items())) or "nothing"
