"""What is read of a ledger partition, cut into batches, each checked against its proof."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from schemas import sethash
from schemas.decimals import EXACT, ZERO, DecimalText
from schemas.ledger import LimitReached, PeriodClosed
from schemas.proof import RATE, Proof, is_sealed
from sinks.errors import LedgerMismatch
from sinks.progress import Progress

_NO_ATTRIBUTES = msgspec.Raw(b"{}")


class LedgerCharge(
    msgspec.Struct, frozen=True, tag_field="kind", tag="usage", kw_only=True, gc=False
):
    """A `schemas.ledger.Charge` as the load needs it: what it only passes on stays JSON.

    Decoding is a third of `Charge`'s, and the load decodes every charge there is.
    """

    tenant: str
    rating_key: str
    sequence: int
    charge_id: str
    run: str
    identity: str
    account_id: str
    subscription_id: str
    product: str
    product_type: str
    usage_kind: str
    source: str
    record_id: str
    started_at_ms: int
    origin: str | None
    destination: str | None
    used: DecimalText
    billed: DecimalText
    free: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    usage_period_ms: int
    bill_period_ms: int
    catalogue_version: int
    price_id: str
    explanation: msgspec.Raw
    counters_after: msgspec.Raw
    source_partition: int
    source_offset: int
    raw: tuple[int, int, int]
    tax_code: str | None = None
    recycles: str | None = None
    corrects: str | None = None
    job_id: str | None = None
    attributes: msgspec.Raw = _NO_ATTRIBUTES
    other_ratings: msgspec.Raw | UnsetType = UNSET


class LedgerBatch(NamedTuple):
    """The records of one batch with their offsets, and the proof that ends it."""

    charges: list[tuple[int, LedgerCharge]]
    limits: list[tuple[int, LimitReached]]
    closes: list[tuple[int, PeriodClosed]]
    proof: Proof
    proof_offset: int

    @property
    def next_position(self) -> int:
        return self.proof_offset + 1


_decoder: msgspec.json.Decoder[LedgerCharge | LimitReached | PeriodClosed | Proof] = (
    msgspec.json.Decoder(LedgerCharge | LimitReached | PeriodClosed | Proof)
)
_ESCAPE = re.compile(rb"\\(u0000|.)")


class LedgerBatches:
    """Cuts one partition's records, given in order, into batches. Holds what no proof ends yet."""

    def __init__(self, name: str) -> None:
        self._name = name  # of the partition, for errors
        self._clear()

    def _clear(self) -> None:
        self._charges: list[tuple[int, LedgerCharge]] = []
        self._limits: list[tuple[int, LimitReached]] = []
        self._closes: list[tuple[int, PeriodClosed]] = []

    def add(self, offset: int, value: bytes) -> LedgerBatch | None:
        """Return the batch that this record ends, if it is a proof."""
        record = self._decode(offset, value)
        if type(record) is LedgerCharge:
            self._charges.append((offset, record))
        elif type(record) is LimitReached:
            self._limits.append((offset, record))
        elif type(record) is PeriodClosed:
            self._closes.append((offset, record))
        else:
            assert type(record) is Proof
            batch = LedgerBatch(self._charges, self._limits, self._closes, record, offset)
            self._clear()
            return batch
        return None

    def _decode(
        self, offset: int, value: bytes
    ) -> LedgerCharge | LimitReached | PeriodClosed | Proof:
        try:
            record = _decoder.decode(value)
            if b"\\u0000" in value and type(record) is not Proof:
                # No text in Postgres may hold a NUL, and a source may send one.
                record = _decoder.decode(_ESCAPE.sub(_without_nul, value))
        except msgspec.DecodeError as error:
            raise LedgerMismatch(
                f"{self._name} offset {offset}: not a ledger record that this build knows "
                f"({error}). Operator action: load with the build that rated, or a newer one."
            ) from error
        return record


def _without_nul(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] == b"u0000" else escape[0]


def check(batch: LedgerBatch, *, after: Progress) -> Progress:
    """Return the position after a batch that follows ``after``; `LedgerMismatch` where its proof
    does not follow the one before, or does not say what the records say."""
    proof = batch.proof
    facts = _Facts.of(batch)
    expected = (
        ("stage", proof.stage, RATE),
        ("installation", proof.installation, after.installation),
        ("genesis", proof.genesis_id, after.genesis_id),
        ("partition", proof.source_partition, after.partition),
        ("batch number", proof.batch, after.batch + 1),
        ("chain of the batch before", proof.previous, after.chain),
        ("first source position", proof.first, after.source_next),
        ("its own chain", is_sealed(proof), True),
        ("ledger records", proof.ledger_records, facts.records),
        ("charges", _sums(proof.charges), facts.charges),
        ("quantities", _sums(proof.quantities), facts.quantities),
        ("set hash", proof.set_hash, facts.set_hash),
    )
    for what, said, found in expected:
        if said != found:
            raise _mismatch(batch, after, f"{what}: the proof says {said}, found {found}")
    return after._replace(
        next_position=batch.next_position,
        batch=proof.batch,
        chain=proof.chain,
        source_next=proof.next,
    )


class _Facts(NamedTuple):
    """What the records of a batch come to."""

    records: int
    charges: dict[str, Decimal]
    quantities: dict[str, Decimal]
    set_hash: str

    @classmethod
    def of(cls, batch: LedgerBatch) -> _Facts:
        charges: dict[str, Decimal] = {}
        quantities: dict[str, Decimal] = {}
        total = 0
        for _, charge in batch.charges:
            total += sethash.charge_member(charge.charge_id, charge.amount, charge.currency)
            amount = charges.get(charge.currency, ZERO)
            charges[charge.currency] = EXACT.add(amount, Decimal(charge.amount))
            quantity = quantities.get(charge.unit, ZERO)
            quantities[charge.unit] = EXACT.add(quantity, Decimal(charge.billed))
        return cls(
            len(batch.charges) + len(batch.limits) + len(batch.closes),
            {currency: amount for currency, amount in charges.items() if amount},
            {unit: quantity for unit, quantity in quantities.items() if quantity},
            sethash.to_hex(total % sethash.MODULUS),
        )


def _sums(sums: dict[str, DecimalText]) -> dict[str, Decimal]:
    """Return the sums as decimals; nothing of a currency and a sum of zero are the same."""
    return {name: value for name, text in sums.items() if (value := Decimal(text))}


def _mismatch(batch: LedgerBatch, after: Progress, what: str) -> LedgerMismatch:
    return LedgerMismatch(
        f"{after.name} offsets [{after.next_position}, {batch.next_position}), batch "
        f"{batch.proof.batch}: {what}. Nothing of it was loaded. Operator action: run `ratemill "
        "verify`, which names the first range that does not fit; keep the topic as it is. A proof "
        "that does not follow is a broker that was replaced or restored: then check that "
        "RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN belong together."
    )
