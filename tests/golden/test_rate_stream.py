"""No byte of rate moves unnoticed: a seeded stream through the step, and a digest of each batch.

The other golden files say which amounts moved; this one covers what they cannot: whole records,
proofs and state, over all price models, limits, allowances, closes, refusals and batch splits.
Where a difference is meant, write the file anew with `python -m tests.golden.test_rate_stream`, and
say why in docs/decisions/ and docs/changes/.
"""

import hashlib
import pathlib
import random
from decimal import Decimal

import msgspec

from rating.catalogue import compile
from schemas.flow import SourceRecord
from schemas.ledger import Charge
from schemas.proof import proof_to_json
from schemas.reference import Account, Subscription
from schemas.usage import Provenance, UsageEvent
from tests.golden.test_rating_charges import CATALOGUE
from tests.ledger_builders import (
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    amount_limit,
    period_close,
    records_limit,
)
from tests.rate_world import PARTITION, MemoryStage
from tests.rating_builders import document_of

GOLDEN = pathlib.Path(__file__).parent / "rate_stream.jsonl"
RECORDS = 4_000
HOUR_MS = 3_600_000

PLANS = ("home", "business", "mobile", "metering")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")
PRODUCTS = (
    *("voice",) * 8,
    *("data",) * 6,
    *("message",) * 3,
    *("energy",) * 3,
    "fax",
    "pager",  # a product that no plan has
)
DESTINATIONS = (
    *("4930123456", "4915123456", "49800123", "12125551234", "12425551234", "31612345"),
    *("43720123", "4420123456", "447712345", "88213", "999", "31201234", "49", "", None),
)
QUANTITIES = {
    "s": ("0", "1", "29.5", "30", "60", "61", "61.50", "3600", "7.2E+3", "0.000"),
    "B": ("0", "1", "999", "123456789", "4000000000", "9.5E+9", "1234.5"),
    "record": ("1", "2"),
    "Wh": ("0", "1", "333", "1000.001", "98765.4321"),
}
UNITS = {"voice": "s", "fax": "s", "data": "B", "message": "record", "energy": "Wh", "pager": "s"}
# A closed period, and the one that is open after it; the next close is a month further.
CLOSES = ((SEPTEMBER, OCTOBER), (OCTOBER, NOVEMBER))


def accounts():
    """Return two accounts of each plan and zone but some; every fifth has limits of its own, and
    one is in a currency that its plan is not in."""
    found = []
    for number in range(20):
        plan = PLANS[number % len(PLANS)]
        currency = "GBP" if plan == "metering" or number == 9 else "EUR"
        limits = (amount_limit("2.50", limit_id="fifty-euros"), records_limit(7, limit_id="own"))
        account_id = f"a-{number}"
        entries = tuple(
            Subscription(
                subscription_id=f"s-{number}-{line}",
                identifier=f"id-{number}-{line}",
                plan=plan if line < 2 else "gone",
                valid_from_ms=0,
            )
            for line in range(3)
        )
        found.append(
            Account(
                tenant="acme",
                account_id=account_id,
                name=account_id,
                zone=ZONES[number % 3],
                currency=currency,
                subscriptions=entries,
                limits=limits if number % 5 == 0 else (),
            )
        )
    return found


def records(draw, known):
    """Yield the records of the stream: mostly usage, mostly in the order of time."""
    batch = {0: 1, 1: 4}
    for number in range(RECORDS):
        # 40 days from 20 September on: over the ends of two months, and the clocks going back.
        at_ms = OCTOBER - 11 * 24 * HOUR_MS + number * 40 * 24 * HOUR_MS // RECORDS
        raw_partition = draw.pick((0, 0, 1))
        batch[raw_partition] += draw.below(20) == 0
        account = known[int(len(known) * draw.share() * draw.share())]
        if draw.below(60) == 0:
            start_ms, end_ms = CLOSES[at_ms > NOVEMBER]
            close = period_close(
                start_ms,
                end_ms,
                account=account.account_id,
                offset=number,
                batch=batch[raw_partition],
            )
            provenance = Provenance(raw_partition, number, 0, "command", 0)
            yield msgspec.structs.replace(close, provenance=provenance)
            continue
        yield usage_event(draw, account, number, at_ms, raw_partition, batch[raw_partition])


def usage_event(draw, account, number, at_ms, raw_partition, batch):
    """Return one event; one in twenty comes up to twenty days late, some measure another unit."""
    if draw.below(20) == 0:
        at_ms -= draw.below(20 * 24) * HOUR_MS
    if draw.below(100) == 0:
        at_ms -= 400 * 24 * HOUR_MS  # before the first version of some prices
    product = draw.pick(PRODUCTS)
    unit = UNITS[product] if draw.below(50) else "packets"
    quantity = draw.pick(QUANTITIES.get(unit, ("5",)))
    line = draw.below(2) if draw.below(40) else draw.pick((2, 7))
    identity = hashlib.blake2b(str(number).encode(), digest_size=16).digest()
    quantities = {unit: Decimal(quantity)} if draw.below(3) else {"x": Decimal("1.0")}
    quantities[unit] = Decimal(quantity)
    return UsageEvent(
        tenant="acme",
        identity=identity,
        content_hash=identity[8:],
        run="retail" if draw.below(30) else "wholesale",
        rating_key=account.account_id,
        source=draw.pick(("switch-1", "switch-2", "fleet")),
        record_id=f"r-{number}",
        account_id=account.account_id,
        subscription_id=f"s-{account.account_id[2:]}-{line}",
        product=product,
        usage_kind="event",
        started_at_ms=at_ms + draw.below(3_600_000),
        ended_at_ms=None if draw.below(2) else at_ms + 7_200_000,
        zone=account.zone,
        quantities=quantities,
        origin=draw.pick((None, "493012345")),
        destination=draw.pick(DESTINATIONS),
        service_class=None,
        attributes=draw.pick(({}, {"disposition": "ANSWERED", "context": 'a"ü\\'})),
        provenance=Provenance(raw_partition, number // 100, number % 100, "test@1", at_ms),
        batch=batch,
        recycles=None if draw.below(50) else "ab" * 16,
    )


class Draw:
    """Draws by `random.random` alone: its numbers are the same in every version of Python."""

    def __init__(self, seed):
        self.share = random.Random(seed).random

    def below(self, end):
        return int(self.share() * end)

    def pick(self, options):
        return options[self.below(len(options))]


def run(seed=4):
    """Return the stage after the stream, and the digests of each batch."""
    files = {str(path.relative_to(CATALOGUE)): path.read_bytes() for path in CATALOGUE.rglob("*.*")}
    known = accounts()
    stage = MemoryStage(catalogue=compile(document_of(files), 5), accounts=known)
    draw, lines = Draw(seed), []
    stream = list(records(draw, known))
    while stream:
        size = draw.pick((1, 2, 7, 60, 200, 400))
        taken, stream = stream[:size], stream[size:]
        source = stage.source(*taken)
        broken = [source[-1].offset] if draw.below(6) == 0 else []
        if draw.below(10) == 0:  # bytes that are no record, and broke the step twice
            (bad,) = stage.source(b"\xc1")
            source.append(bad)
            broken.append(bad.offset)
        source = [with_headers(record) for record in source]
        appends = stage.run(source, internal_errors=broken)
        lines.append(
            {
                "records": len(source),
                "appends": digest(msgspec.msgpack.encode(appends)),
                "proof": digest(proof_to_json(stage.proofs[-1])),
                "state": digest(msgspec.msgpack.encode(sorted(stage.state.items()))),
            }
        )
    return stage, lines


def with_headers(record: SourceRecord) -> SourceRecord:
    assert record.partition == PARTITION
    return record._replace(headers=(("tenant", b"acme"),), appended_at_ms=OCTOBER + record.offset)


def digest(value: bytes) -> str:
    return hashlib.blake2b(value, digest_size=12).hexdigest()


def test_no_byte_moves_unnoticed():
    _, lines = run()
    assert lines == [msgspec.json.decode(line) for line in GOLDEN.read_bytes().splitlines()]


def test_the_stream_has_something_of_everything():
    """Else the golden file would hold still where it was not looking."""
    stage, lines = run()
    kinds = {type(record).__name__ for record in stage.ledger()}
    assert kinds == {"Charge", "LimitReached", "PeriodClosed"}
    assert {suspended.reason for suspended in stage.suspense()} == {
        "rating.unknown_subscription",
        "rating.unknown_plan",
        "rating.unknown_product",
        "rating.unknown_destination",
        "rating.no_tariff_in_force",
        "rating.missing_quantity",
        "rating.currency_mismatch",
        "pipeline.internal_error",
    }
    charges = [record for record in stage.ledger() if isinstance(record, Charge)]
    steps = {step[0] for charge in charges for step in charge.explanation}
    assert steps == {
        *("price", "prefix", "band", "no_usage", "units", "allowance", "increments"),
        *("rate", "connect_fee", "flat", "month_before", "tier", "round"),
    }
    assert any(charge.bill_period_ms > charge.usage_period_ms for charge in charges)
    assert any(proof.outcomes.get("filtered") for proof in stage.proofs)
    assert {1, 400} <= {line["records"] for line in lines} | {line["records"] - 1 for line in lines}


if __name__ == "__main__":
    GOLDEN.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in run()[1]))
