"""A ledger partition for tests of the sinks, written as rate writes it, and the tables for it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from schemas import sethash
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ids import digest_of, limit_reached_id, period_closed_id, usage_charge_id
from schemas.ledger import Charge, LimitHit, LimitReached, PeriodClosed, Unbilled, to_wire
from schemas.period import from_ms
from schemas.proof import RATE, Proof, sealed
from sinks.connection import Pool, Timeouts, connect_as_owner, open_pool
from sinks.installation import Identity, Start, drop_installation, register
from sinks.ledger_batch import LedgerBatch, LedgerBatches
from sinks.load import load_ledger
from sinks.migrate import migrate
from sinks.partitions import ensure_partitions
from sinks.progress import Progress, read_progress

OCTOBER, NOVEMBER, DECEMBER = 1_790_812_800_000, 1_793_491_200_000, 1_796_083_200_000
"""Starts of months of 2026, UTC."""

IMPATIENT = Timeouts(lock_ms=300, idle_in_transaction_ms=5_000)


@dataclass
class LedgerWriter:
    """Writes batches of one ledger partition: sequences, proofs, chain and all."""

    identity: Identity
    partition: int = 0
    offset: int = 1  # 0 is the genesis
    source_next: int = 0
    sequences: dict[str, int] = field(default_factory=dict)
    first_open: dict[str, int] = field(default_factory=dict)
    unbilled: list[Charge] = field(default_factory=list)
    pending: list = field(default_factory=list)

    def __post_init__(self):
        self.topic = f"{self.identity.installation}.usage.rated.v1"
        self.last = self.genesis = sealed(self._proof(batch=0))
        self.cut = LedgerBatches(self.topic)

    @property
    def start(self):
        return Start(self.topic, self.partition, 1, self.genesis.chain, 0)

    def _proof(self, **fields):
        return Proof(
            **{
                "stage": RATE,
                "installation": self.identity.installation,
                "genesis_id": self.identity.genesis_id,
                "cluster_id": self.identity.cluster_id,
                "source_topic": f"{self.identity.installation}.usage.normalised.v1",
                "source_partition": self.partition,
                "first": 0,
                "next": 0,
                **fields,
            }
        )

    def _sequence(self, account):
        self.sequences[account] = self.sequences.get(account, 0) + 1
        return self.sequences[account]

    def charge(self, amount="1.00", *, account="a-1", **fields):
        """Append the charge of one more event of an account."""
        sequence = self._sequence(account)
        usage_period_ms = fields.pop("usage_period_ms", NOVEMBER)
        identity = digest_of(account.encode(), str(sequence).encode())
        charge = Charge(
            **{
                "tenant": "acme",
                "rating_key": account,
                "sequence": sequence,
                "charge_id": usage_charge_id(identity=identity, run="retail", rating_key=account),
                "run": "retail",
                "identity": identity.hex(),
                "account_id": account,
                "subscription_id": f"{account}/1",
                "product": "voice",
                "product_type": "call",
                "usage_kind": "voice",
                "source": "switch-1",
                "record_id": f"{account}-{sequence}",
                "started_at_ms": usage_period_ms + sequence * 1_001,
                "origin": "4930123456",
                "destination": None,
                "used": "61",
                "billed": "120",
                "free": "0",
                "unit": "s",
                "amount": amount,
                "currency": "EUR",
                "usage_period_ms": usage_period_ms,
                "bill_period_ms": max(usage_period_ms, self.first_open.get(account, 0)),
                "catalogue_version": 3,
                "price_id": "p-1",
                "explanation": (("prefix", "4930", "Germany Berlin"),),
                "counters_after": (),
                "source_partition": self.partition,
                "source_offset": self.source_next + len(self.pending),
                "raw": (1, 17, sequence),
                **fields,
            }
        )
        self.pending.append(charge)
        self.unbilled.append(charge)
        return charge

    def limit(self, *, account="a-1", scope="account"):
        """Append the limit that the account's last charge reached."""
        crossing = [c for c in self.unbilled if c.account_id == account][-1]
        taken = [c for c in self.unbilled if c.account_id == account and _in_scope(c, scope)]
        self.unbilled = [c for c in self.unbilled if c not in taken]
        reached = LimitReached(
            tenant=crossing.tenant,
            rating_key=account,
            sequence=self._sequence(account),
            limit_reached_id=limit_reached_id(crossing_charge_id=crossing.charge_id),
            account_id=account,
            crossing_charge_id=crossing.charge_id,
            limits=(
                LimitHit(
                    limit_id="l", scope=scope, by="records", threshold="1", before="0", after="1"
                ),
            ),
            invoice_up_to=crossing.sequence,
            invoice_scope=scope,
            currency=crossing.currency,
            occurred_at_ms=crossing.started_at_ms,
            bill_period_ms=crossing.bill_period_ms,
            counters_after=(),
            source_partition=self.partition,
            source_offset=crossing.source_offset,
            first_open_period_ms=self.first_open.get(account, 0),
            invoiced=_summed(taken),
        )
        self.pending.append(reached)
        return reached

    def close(self, *, account="a-1", start_ms=OCTOBER, end_ms=NOVEMBER):
        """Append the close of a period."""
        self.first_open[account] = end_ms
        gone = [c for c in self.unbilled if c.account_id == account and c.bill_period_ms < end_ms]
        self.unbilled = [c for c in self.unbilled if c not in gone]
        closed = PeriodClosed(
            tenant="acme",
            rating_key=account,
            sequence=self._sequence(account),
            period_closed_id=period_closed_id(rating_key=account, period_end_ms=end_ms),
            account_id=account,
            period_start_ms=start_ms,
            period_end_ms=end_ms,
            first_open_period_ms=end_ms,
            counters_after=(),
            source_partition=self.partition,
            source_offset=self.source_next,
            closed=_summed(gone),
        )
        self.pending.append(closed)
        return closed

    def batch(self, *, records=None, **changes) -> LedgerBatch:
        """End a batch with its proof, and return it as the load reads it.

        ``changes`` are fields of the proof that lie; ``records`` replaces what is in the ledger,
        while the proof speaks of what was appended.
        """
        written, self.pending = self.pending, []
        charges = [record for record in written if isinstance(record, Charge)]
        total = sum(sethash.charge_member(c.charge_id, c.amount, c.currency) for c in charges)
        facts = {
            "batch": self.last.batch + 1,
            "first": self.source_next,
            "next": self.source_next + len(written) + 1,
            "records": len(charges),
            "items": len(charges),
            "outcomes": {"rated": len(charges)},
            "charges": _sums((c.currency, c.amount) for c in charges),
            "quantities": _sums((c.unit, c.billed) for c in charges),
            "ledger_records": len(written),
            "set_hash": sethash.to_hex(total % sethash.MODULUS),
            "previous": self.last.chain,
        }
        proof = sealed(self._proof(**{**facts, **changes}))
        if "chain" in changes:
            proof = self._proof(**{**facts, **changes})
        self.last, self.source_next = proof, proof.next
        for record in [*(written if records is None else records), proof]:
            ended = self.cut.add(self.offset, to_wire(record))
            self.offset += 1
        assert ended is not None
        self.offset += 1  # the marker of the transaction
        return ended


def _in_scope(charge, scope):
    kind, _, code = scope.partition(":")
    return {"account": True, "product": charge.product == code}.get(
        kind, charge.product_type == code
    )


def _summed(charges):
    totals = {}
    for c in charges:
        key = (c.product, c.product_type, c.bill_period_ms, c.currency)
        records, amount = totals.get(key, (0, ZERO))
        totals[key] = (records + 1, EXACT.add(amount, Decimal(c.amount)))
    return tuple(
        Unbilled(*key, records, to_text(amount)) for key, (records, amount) in totals.items()
    )


def _sums(pairs):
    totals = {}
    for name, text in pairs:
        totals[name] = EXACT.add(totals.get(name, ZERO), Decimal(text))
    return {name: to_text(total) for name, total in totals.items()}


@dataclass
class Tables:
    """An installation's tables, its first ledger partition, and a pool of the run-time role."""

    dsn: str
    pool: Pool
    ledger: LedgerWriter

    @property
    def installation(self):
        return self.ledger.identity.installation

    async def progress(self) -> Progress:
        return await read_progress(
            self.pool, installation=self.installation, topic=self.ledger.topic, partition=0
        )

    async def load(self, *batches):
        """Load batches behind what is loaded."""
        return await load_ledger(self.pool, after=await self.progress(), batches=batches)

    async def load_written(self):
        """End the batch that is being written, and load it."""
        return await self.load(self.ledger.batch())

    async def count(self, table):
        return await self.pool.fetchval(f"SELECT count(*) FROM {table}")

    def owner(self):
        return connect_as_owner(self.dsn, installation=self.installation)

    def impatient_pool(self):
        """A pool like `pool` that waits a third of a second for a lock."""
        return open_pool(self.dsn, installation=self.installation, max_size=2, timeouts=IMPATIENT)


@asynccontextmanager
async def migrated(dsn, installation):
    """The tables of an installation with one ledger partition registered; gone afterwards."""
    identity = Identity(installation, "cluster-1", "genesis-1")
    ledger = LedgerWriter(identity)
    await migrate(dsn, installation=installation)
    try:
        await ensure_partitions(dsn, installation=installation, at=from_ms(NOVEMBER))
        async with open_pool(dsn, installation=installation, max_size=8) as pool:
            await register(pool, identity, [ledger.start])
            yield Tables(dsn, pool, ledger)
    finally:
        await drop_installation(dsn, installation=installation)
