"""What one batch of rate adds up to, for its proof."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, localcontext

from pipeline.rate_read import ReadRuns
from pipeline.rate_records import Charged
from rating.catalogue import Offer
from schemas import sethash
from schemas.decimals import EXACT, ZERO, DecimalText, to_text
from schemas.event_digests import ChargeMember, charge_members
from schemas.proof import Proof, SourceTally, Versions, sealed
from schemas.suspense import Suspended


class RateTally:
    """The sums of one batch, added to record by record and then made into its proof."""

    def __init__(self, previous: Proof) -> None:
        self._previous = previous
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

    def rated(self, source: str, offer: Offer, charge_id: bytes, charged: Charged) -> None:
        """Count a charge."""
        self._outcomes["rated"] += 1
        self._source_records[source] += 1
        currency = offer.currency
        self._charges[currency].append(charged.amount)
        self._quantities[offer.unit].append(charged.billed)
        member = self._charge_members.get(currency)
        if member is None:
            member = self._charge_members[currency] = charge_members(currency)
        self._charge_hash += member(charge_id, charged.amount_text)

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

    def proof(self, *, records: int, next_offset: int, versions: Versions, read: ReadRuns) -> Proof:
        """Return the sealed proof of the batch."""
        previous = self._previous
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
