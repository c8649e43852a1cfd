"""What one batch of rate adds up to, for its proof."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, localcontext

from msgspec import UNSET

from pipeline.rate_read import ReadRuns
from pipeline.rate_records import Charged
from rating.catalogue import Offer
from schemas import sethash
from schemas.decimals import EXACT, ZERO, DecimalText, to_text
from schemas.event_digests import charge_members
from schemas.ledger import Charge
from schemas.proof import Proof, SourceTally, Versions, sealed
from schemas.suspense import Suspended


class Lot:
    """The charges of one source in one currency and unit."""

    __slots__ = ("amounts", "billed", "member", "records")

    def __init__(self, currency: str) -> None:
        self.records = 0
        # Of each record, or sums of several.
        self.amounts: list[Decimal] = []
        self.billed: list[Decimal] = []
        self.member = charge_members(currency)


class RateTally:
    """The sums of one batch, added to record by record and then made into its proof."""

    def __init__(self, previous: Proof) -> None:
        self._previous = previous
        self._outcomes: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._recycled: Counter[str] = Counter()
        self._source_records: Counter[str] = Counter()
        self._source_refusals: Counter[str] = Counter()
        self._lots: dict[tuple[str, str, str], Lot] = {}  # by source, currency and unit
        self._others: defaultdict[str, list[Decimal]] = defaultdict(list)
        self._others_billed: defaultdict[str, list[Decimal]] = defaultdict(list)
        self._charge_hash = sethash.EMPTY
        self._suspense_hash = sethash.EMPTY
        self.ledger_records = 0  # of whatever kind but the proof's

    def rated(self, source: str, offer: Offer, charge_id: bytes, charged: Charged) -> None:
        """Count a charge."""
        lot = self.lot(source, offer.currency, offer.unit)
        lot.records += 1
        lot.amounts.append(charged.amount)
        lot.billed.append(charged.billed)
        self._charge_hash += lot.member(charge_id, charged.amount_text)

    def lot(self, source: str, currency: str, unit: str) -> Lot:
        """Return the charges of a source in one currency and unit, to be added to."""
        key = (source, currency, unit)
        lot = self._lots.get(key)
        if lot is None:
            lot = self._lots[key] = Lot(currency)
            # What is counted stands in the proof in the order in which it first came.
            self._outcomes["rated"] += 0
            self._source_records[source] += 0
        return lot

    def counted_elsewhere(self, *, ledger_records: int, member_sum: int) -> None:
        """Count ledger records that are in a `lot` already, and the sum of their members in the
        set's hash."""
        self.ledger_records += ledger_records
        self._charge_hash += member_sum

    def without_record(self, charge: Charge) -> None:
        """Count a charge that is for no record of this batch: an adjustment, one that a close asks for,
        one of a correction."""
        self._others[charge.currency].append(Decimal(charge.amount))
        billed = Decimal(charge.billed)
        if billed:
            self._others_billed[charge.unit].append(billed)
        member = charge_members(charge.currency)
        self._charge_hash += member(bytes.fromhex(charge.charge_id), charge.amount)

    def filtered(self, source: str) -> None:
        """Count an event that a rule says is not charged."""
        self._outcomes["filtered"] += 1
        self._source_records[source] += 1

    def command(self) -> None:
        """Count a command that was obeyed, also where there was nothing left to do."""
        self._outcomes["command"] += 1

    def came_back(self, outcome: str) -> None:
        """Count an outcome, that was counted, once more apart: of an event that came back."""
        self._recycled[outcome] += 1

    def suspended(self, record: Suspended) -> None:
        """Count a refusal."""
        self._outcomes["suspended"] += 1
        self._refusals[record.reason] += 1
        self._source_records[record.source] += 1
        self._source_refusals[record.source] += 1
        member = sethash.member(bytes.fromhex(record.suspense_id))
        self._suspense_hash = sethash.add(self._suspense_hash, member)

    def proof(self, *, records: int, next_offset: int, versions: Versions, read: ReadRuns) -> Proof:
        """Return the sealed proof of the batch."""
        previous = self._previous
        charges: defaultdict[str, list[Decimal]] = defaultdict(list)
        quantities: defaultdict[str, list[Decimal]] = defaultdict(list)
        for (source, currency, unit), lot in self._lots.items():
            self._outcomes["rated"] += lot.records
            self._source_records[source] += lot.records
            charges[currency] += lot.amounts
            quantities[unit] += lot.billed
        for currency, amounts in self._others.items():
            charges[currency] += amounts
        for unit, units in self._others_billed.items():
            quantities[unit] += units
        return sealed(
            Proof(
                stage=previous.stage,
                installation=previous.installation,
                genesis_id=previous.genesis_id,
                cluster_id=previous.cluster_id,
                source_topic=previous.source_topic,
                source_partition=previous.source_partition,
                batch=previous.batch + 1,
                first=previous.next,
                next=next_offset,
                records=records,
                items=records,
                outcomes=dict(self._outcomes),
                refusals=dict(self._refusals),
                read=read.after(previous.read),
                charges=_sums(charges),
                quantities=_sums(quantities),
                ledger_records=self.ledger_records,
                set_hash=sethash.to_hex(self._charge_hash % sethash.MODULUS),
                suspense_count=self._refusals.total(),
                suspense_hash=sethash.to_hex(self._suspense_hash),
                sources={
                    source: SourceTally(count, self._source_refusals[source])
                    for source, count in self._source_records.items()
                },
                versions=versions,
                previous=previous.chain,
                recycled=dict(self._recycled) or UNSET,
            )
        )


def _sums(values: Mapping[str, list[Decimal]]) -> dict[str, DecimalText]:
    """Return the exact sum of each list."""
    with localcontext(EXACT):
        return {name: to_text(sum(each, ZERO)) for name, each in values.items()}
