"""A small world to rate in: a catalogue, accounts, events, and the stage without a broker."""

from collections.abc import Sequence
from decimal import Decimal

from pipeline.rate_step import RateStep
from rating.catalogue import compile
from rating.catalogue.document import (
    CatalogueDocument,
    Flat,
    Graduated,
    PerUnit,
    Plan,
    PlanAllowance,
    PlanPrice,
    PriceVersion,
    Product,
    ZeroUsage,
)
from rating.price.graduated import Tier
from rating.price.increments import Increments
from schemas import ledger, suspense, usage
from schemas.flow import Channel, SourceRecord, StateValues
from schemas.ids import event_identity
from schemas.proof import RATE, Proof, is_sealed, proof_to_json, sealed
from schemas.reference import Account, ReferenceData, Subscription
from schemas.usage import NormalisedRecord, Provenance, UsageEvent
from tests.ledger_builders import OCTOBER

PARTITION = 3

PRODUCTS = (
    Product(
        code="voice",
        name="Calls",
        product_type="call",
        usage_kind="voice",
        unit="s",
        tax_code="standard",
    ),
    Product(code="data", name="Data", product_type="data", usage_kind="data", unit="MB"),
    Product(
        code="sms", name="Messages", product_type="message", usage_kind="message", unit="record"
    ),
    Product(
        code="ping",
        name="Signs of life",
        product_type="data",
        usage_kind="event",
        unit="MB",
        zero_usage=ZeroUsage.FILTER,
    ),
)


def _price(code, product, model, **fields):
    return PlanPrice(code=code, product=product, versions=(PriceVersion(model=model, **fields),))


PLAN = Plan(
    code="basic",
    name="Basic",
    currency="EUR",
    allowances=(PlanAllowance(code="minutes", units=Decimal(300), unit="s"),),
    prices=(
        _price(
            "call",
            "voice",
            PerUnit(
                amount=Decimal("0.10"),
                per_units=Decimal(60),
                increments=Increments(Decimal(60), Decimal(1)),
            ),
            allowances=("minutes",),
        ),
        _price(
            "traffic",
            "data",
            Graduated(
                tiers=(Tier(Decimal(10), Decimal("1.00")), Tier(None, Decimal("0.25"))),
                per_units=Decimal(1),
            ),
        ),
        _price("message", "sms", Flat(amount=Decimal("0.05"))),
        _price("ping", "ping", Flat(amount=Decimal("0"))),
    ),
)


def catalogue_of(*limits, version=7):
    """Return the world's catalogue with these limits for everyone."""
    document = CatalogueDocument(products=PRODUCTS, plans=(PLAN,), limits=limits)
    return compile(document, version)


def account(account_id="a-1", *, currency="EUR", plan="basic", limits=(), zone="UTC"):
    entry = Subscription(
        subscription_id=f"{account_id}/s", identifier=account_id, plan=plan, valid_from_ms=0
    )
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone=zone,
        currency=currency,
        subscriptions=(entry,),
        limits=limits,
    )


def reference_of(*accounts, version=2):
    reference = ReferenceData()
    reference.apply(accounts, version=version)
    return reference


def event(
    number=0,
    product="sms",
    quantity="1",
    *,
    account="a-1",
    at_ms=OCTOBER,
    batch=1,
    raw_partition=0,
    zone="UTC",
    **fields,
):
    """Return a usage event; ``number`` is what makes it another one."""
    units = {each.code: each.unit for each in PRODUCTS}
    identity = event_identity(tenant="acme", source="switch-1", record_id=str(number))
    known = {
        "tenant": "acme",
        "identity": identity,
        "content_hash": identity[:8],
        "run": "retail",
        "rating_key": account,
        "source": "switch-1",
        "record_id": str(number),
        "account_id": account,
        "subscription_id": f"{account}/s",
        "product": product,
        "usage_kind": "event",
        "started_at_ms": at_ms,
        "ended_at_ms": None,
        "zone": zone,
        "quantities": {units.get(product, "record"): Decimal(quantity)},
        "origin": None,
        "destination": None,
        "service_class": None,
        "attributes": {},
        "provenance": Provenance(raw_partition, number, 0, "test@1", at_ms),
        "batch": batch,
    }
    return UsageEvent(**(known | fields))


def genesis():
    return sealed(
        Proof(
            stage=RATE,
            installation="test",
            genesis_id="genesis",
            cluster_id="cluster",
            source_topic="test.usage.normalised.v1",
            source_partition=PARTITION,
            batch=0,
            first=0,
            next=0,
        )
    )


class MemoryStage:
    """The stage of rate without a broker. Each batch is checked against the law of the engine:
    the changes of state are the fold of what was appended, the proof included."""

    def __init__(self, *limits, accounts: Sequence[Account] = (account(),), catalogue=None):
        self.step = RateStep(
            catalogue=catalogue or catalogue_of(*limits), reference=reference_of(*accounts)
        )
        self.proofs = [genesis()]
        self.state: dict[bytes, bytes] = {}
        self.appends = []
        self.partition = PARTITION
        self.values: dict[int, bytes] = {}  # of the normalised records, by offset
        self._offset = 0

    def source(self, *records: NormalisedRecord | bytes) -> list[SourceRecord]:
        """Return records as the broker would hand them on, after those before."""
        found = []
        for record in records:
            value = record if isinstance(record, bytes) else usage.to_wire(record)
            found.append(SourceRecord(PARTITION, self._offset, OCTOBER, b"key", value, ()))
            self.values[self._offset] = value
            self._offset += 1
        return found

    def batch(self, *records: NormalisedRecord | bytes, internal_errors=()):
        """Decide one batch; return what it appended."""
        return self.run(self.source(*records), internal_errors=internal_errors)

    def run(self, records: list[SourceRecord], *, internal_errors=()):
        prepared = self.step.prepare(records, internal_errors=frozenset(internal_errors))
        found = {key: self.state[key] for key in prepared.state_keys if key in self.state}
        state = StateValues(found, self._scan)
        appends, proof, changes = self.step.decide(prepared, state, previous=self.proofs[-1])
        values = [a.value for a in appends if a.channel is Channel.LEDGER] + [proof_to_json(proof)]
        folded = [change for value in values for change in self.step.fold(value)]
        assert dict(changes) == dict(folded)
        assert len(changes) == len(dict(changes))
        self._check_proof(proof, records)
        self.state.update(changes)
        self.proofs.append(proof)
        self.appends += appends
        return appends

    def _scan(self, prefix):
        return iter(sorted(each for each in self.state.items() if each[0].startswith(prefix)))

    def _check_proof(self, proof, records):
        previous = self.proofs[-1]
        assert is_sealed(proof)
        assert proof.previous == previous.chain
        assert (proof.batch, proof.first) == (previous.batch + 1, previous.next)
        assert proof.next == records[-1].offset + 1
        assert proof.records == proof.items == sum(proof.outcomes.values()) == len(records)

    def ledger(self):
        """Return every ledger record so far but the proofs."""
        return [ledger.from_wire(a.value) for a in self.appends if a.channel is Channel.LEDGER]

    def suspense(self):
        """Return every suspended record so far."""
        return [suspense.from_wire(a.value) for a in self.appends if a.channel is Channel.SUSPENSE]
