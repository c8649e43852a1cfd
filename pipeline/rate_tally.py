"""What one batch of rate adds up to, for its proof."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, localcontext

from schemas import sethash
from schemas.decimals import EXACT, ZERO, DecimalText, to_text
from schemas.event_digests import ChargeMember, charge_members
from schemas.ledger import Charge
from schemas.proof import Cumulative, Proof, ReadSoFar, SourceTally, Versions, sealed
from schemas.suspense import Suspended
from schemas.usage import NormalisedRecord


class _Read:
    """What rate has read of one raw partition so far; see `schemas.proof.ReadSoFar`."""

    __slots__ = ("batch", "closed", "closed_batch", "count", "total")

    def __init__(self, before: ReadSoFar | None) -> None:
        self.batch = before.batch if before else 0
        self.count = before.so_far.count if before else 0
        self.total = sethash.from_hex(before.so_far.set_hash) if before else sethash.EMPTY
        self.closed_batch = before.closed_batch if before else 0
        self.closed = before.closed if before else Cumulative()

    def add(self, batch: int, member: int) -> None:
        if batch != self.batch:
            # A partition holds the batches of one raw partition in order, so one after it says
            # that every earlier one is read whole, those that gave it nothing included.
            assert batch > self.batch, f"batch {batch} of normalise after {self.batch}"
            self.closed_batch, self.closed = batch - 1, self._so_far()
            self.batch = batch
        self.count += 1
        self.total += member

    def _so_far(self) -> Cumulative:
        return Cumulative(self.count, sethash.to_hex(self.total % sethash.MODULUS))

    def summary(self) -> ReadSoFar:
        return ReadSoFar(self.batch, self._so_far(), self.closed_batch, self.closed)


class RateTally:
    """The sums of one batch, added to record by record and then made into its proof."""

    def __init__(self, previous: Proof) -> None:
        self._previous = previous
        self._read: dict[int, _Read] = {}
        self._outcomes: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._source_records: Counter[str] = Counter()
        self._source_refusals: Counter[str] = Counter()
        self._charges: defaultdict[str, list[Decimal]] = defaultdict(list)  # by currency
        self._quantities: defaultdict[str, list[Decimal]] = defaultdict(list)  # by unit
        self._charge_members: dict[str, ChargeMember] = {}  # by currency
        self._charge_hash = sethash.EMPTY
        self._suspense_hash = sethash.EMPTY
        self.ledger_records = 0  # of whatever kind but the proof's

    def read(self, event: NormalisedRecord) -> None:
        """Count a record as read, whatever becomes of it: normalise counted it as handed on."""
        self.read_member(
            event,
            sethash.event_member(event.identity, event.run, event.rating_key, event.content_hash),
        )

    def read_member(self, event: NormalisedRecord, member: int) -> None:
        """Count a record as read, whose member of the set hash is known."""
        raw_partition = event.provenance.partition
        read = self._read.get(raw_partition)
        if read is None:
            read = _Read(self._previous.read.get(str(raw_partition)))
            self._read[raw_partition] = read
        read.add(event.batch, member)

    def rated(self, charge: Charge, charge_id: bytes, *, amount: Decimal, billed: Decimal) -> None:
        """Count a charge; ``charge_id``, ``amount`` and ``billed`` are those of its texts."""
        self._outcomes["rated"] += 1
        self._source_records[charge.source] += 1
        currency = charge.currency
        self._charges[currency].append(amount)
        self._quantities[charge.unit].append(billed)
        member = self._charge_members.get(currency)
        if member is None:
            member = self._charge_members[currency] = charge_members(currency)
        self._charge_hash += member(charge_id, charge.amount)

    def filtered(self, source: str) -> None:
        """Count an event that a rule says is not charged."""
        self._outcomes["filtered"] += 1
        self._source_records[source] += 1

    def command(self) -> None:
        """Count a command that was obeyed, also where there was nothing left to do."""
        self._outcomes["command"] += 1

    def suspended(self, record: Suspended) -> None:
        """Count a refusal."""
        self._outcomes["suspended"] += 1
        self._refusals[record.reason] += 1
        self._source_records[record.source] += 1
        self._source_refusals[record.source] += 1
        member = sethash.member(bytes.fromhex(record.suspense_id))
        self._suspense_hash = sethash.add(self._suspense_hash, member)

    def proof(self, *, records: int, next_offset: int, versions: Versions) -> Proof:
        """Return the sealed proof of the batch."""
        previous = self._previous
        read = {str(partition): read.summary() for partition, read in self._read.items()}
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
                read=previous.read | read,
                charges=_sums(self._charges),
                quantities=_sums(self._quantities),
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
            )
        )


def _sums(values: Mapping[str, list[Decimal]]) -> dict[str, DecimalText]:
    """Return the exact sum of each list."""
    with localcontext(EXACT):
        return {name: to_text(sum(each, ZERO)) for name, each in values.items()}
