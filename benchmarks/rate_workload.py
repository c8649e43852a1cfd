"""The standard workload of rate, seeded: a card of 170,000 prefixes, accounts, events.

60 % calls on the card with peak and off-peak, 40 % device data on graduated tiers above an
allowance, limits on, 20,000 accounts of which a few have most of the usage; so have a few of the
destinations. A card has a few hundred different prices.
"""

from __future__ import annotations

import hashlib
import random
from decimal import Decimal

from schemas import usage
from schemas.flow import SourceRecord
from schemas.proof import RATE, Proof, sealed
from schemas.reference import Account, ReferenceData, Subscription
from schemas.usage import Provenance, UsageEvent

PREFIXES = 170_000
PRICES = 300
ACCOUNTS = 20_000
PARTITION = 0
_MONTH_START_MS = 1_790_812_800_000  # 1 October 2026, UTC
_MONTH_MS = 31 * 86_400_000

PLANS = b"""
products:
  voice: {type: telephony, usage_kind: voice, unit: s, tax_code: standard}
  iot-data: {type: iot, usage_kind: data, unit: B}
bands:
  hours:
    peak: ["Mon-Fri 08:00-18:00"]
    off-peak: otherwise
cards:
  world: {file: world.csv, currency: EUR, unit: s, bands: hours}
plans:
  calls:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: world}}
  devices:
    currency: EUR
    allowances:
      included: {units: 500 MB}
    prices:
      data:
        product: iot-data
        price:
          model: graduated
          per: 1 GB
          allowance: included
          tiers:
            - {upto: 10 GB, amount: 1.00}
            - {upto: 20 GB, amount: 1.25}
            - {upto: 50 GB, amount: 1.50}
            - {amount: 2.00}
limits:
  fifty-euros: {scope: account, amount: 50.00, currency: EUR}
  thousand-calls: {scope: "product:voice", records: 1000, invoice_scope: "product:voice"}
"""


def prefixes(draw: random.Random) -> list[str]:
    """Return prefixes as the world has them: a few hundred heads, with long tails of digits."""
    heads = [str(number) for number in range(20, 999) if number % 3]
    found = dict.fromkeys(heads)
    while len(found) < PREFIXES:
        tail = draw.choice((2, 3, 4, 5, 5, 6, 6, 7))
        found[draw.choice(heads) + f"{draw.randrange(10**tail):0{tail}}"] = None
    return list(found)


def catalogue_files(draw: random.Random, known: list[str]) -> dict[str, bytes]:
    """Return the files of the catalogue; two rows for each prefix, peak and off-peak."""
    increments = ("60,1", "60,60", "1,1", "30,6")
    prices = [
        (draw.randrange(5, 400), draw.choice(("", "", "0.05")), draw.choice(increments))
        for _ in range(PRICES)
    ]
    header = "prefix,destination,price,per_units,first_units,following_units,connect_fee,band"
    lines = [header]
    for prefix in known:
        cents, fee, steps = draw.choice(prices)
        name = f"Destination {prefix[:3]}"
        lines.append(f"{prefix},{name},0.0{cents:03},60,{steps},{fee},peak")
        lines.append(f"{prefix},{name},0.0{cents // 2:03},60,{steps},{fee},off-peak")
    return {"plans.yaml": PLANS, "world.csv": "\n".join(lines).encode() + b"\n"}


def reference() -> ReferenceData:
    """Return the accounts; each has a line for calls and two devices."""
    data = ReferenceData()
    data.apply([_account(number) for number in range(ACCOUNTS)], version=3)
    return data


def _account(number: int) -> Account:
    plans = ("calls", "devices", "devices")
    entries = tuple(
        Subscription(
            subscription_id=f"sub-{number:06}-{line}",
            identifier=f"{number:06}{line}",
            plan=plan,
            valid_from_ms=0,
        )
        for line, plan in enumerate(plans)
    )
    account_id = f"acc-{number:06}"
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone=("Europe/Berlin", "Europe/London")[number % 2],
        currency="EUR",
        subscriptions=entries,
    )


def events(draw: random.Random, known: list[str], count: int) -> list[bytes]:
    """Return events as normalise writes them, in the order of time, at month scale."""
    return [usage.to_wire(_event(draw, known, number, count)) for number in range(count)]


def _event(draw: random.Random, known: list[str], number: int, count: int) -> UsageEvent:
    account = int(ACCOUNTS * draw.random() ** 3)
    at_ms = _MONTH_START_MS + number * _MONTH_MS // count + draw.randrange(60_000)
    record_id = f"{at_ms // 1000}.{number}"
    identity = hashlib.blake2b(record_id.encode(), digest_size=16).digest()
    call = draw.random() < 0.6
    seconds, size = int(draw.expovariate(1 / 150)), int(draw.expovariate(1 / 40e6))
    prefix = known[int(len(known) * draw.random() ** 3)]
    digits = prefix + f"{draw.randrange(10**6):06}"
    return UsageEvent(
        tenant="acme",
        identity=identity,
        content_hash=identity[:8],
        run="retail",
        rating_key=f"acc-{account:06}",
        source="switch-berlin-1" if call else "fleet-gateway",
        record_id=record_id,
        account_id=f"acc-{account:06}",
        subscription_id=f"sub-{account:06}-{0 if call else draw.choice((1, 2))}",
        product="voice" if call else "iot-data",
        usage_kind="voice" if call else "data",
        started_at_ms=at_ms,
        ended_at_ms=at_ms + seconds * 1000 if call else None,
        zone=("Europe/Berlin", "Europe/London")[account % 2],
        quantities=(
            {"s": Decimal(seconds), "duration_s": Decimal(seconds + 9)}
            if call
            else {"B": Decimal(size)}
        ),
        origin=f"49301{account:06}" if call else None,
        destination=digits if call else None,
        service_class=None if call else "iot.acme",
        attributes=(
            {"disposition": "ANSWERED", "context": "from-internal"} if call else {"network": "LTE"}
        ),
        provenance=Provenance(
            number % 4, number // 500, number % 500, "asterisk@1" if call else "iot@1", at_ms
        ),
        batch=number // 2000 + 1,
    )


def source_records(values: list[bytes], first_offset: int) -> list[SourceRecord]:
    """Return the events as the broker hands them on."""
    return [
        SourceRecord(PARTITION, offset, _MONTH_START_MS, b"key", value, ())
        for offset, value in enumerate(values, start=first_offset)
    ]


def genesis() -> Proof:
    """Return the proof that the first batch follows."""
    return sealed(
        Proof(
            stage=RATE,
            installation="bench",
            genesis_id="genesis",
            cluster_id="cluster",
            source_topic="bench.usage.normalised.v1",
            source_partition=PARTITION,
            batch=0,
            first=0,
            next=0,
        )
    )
