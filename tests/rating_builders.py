"""Catalogues from their text, and events, for the tests of rating."""

import datetime as dt
import textwrap
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from counters.state import NEW_HEAD
from rating.catalogue import check, compile
from rating.counting import CounterPeriod
from rating.rate import RatedUsage, Selected, charge, select
from schemas.decimals import to_text
from schemas.period import day_of, month_start_of, to_ms
from schemas.usage import Provenance, UsageEvent
from tests.ledger_builders import charge_after

VERSION = 7
CARD_HEADER = "prefix,destination,price,per_units,first_units,following_units"
PRODUCTS = """
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: B}
  message: {type: messaging, usage_kind: message, unit: record}
  silent: {type: telephony, usage_kind: voice, unit: s, zero_usage: filter}
  priced: {type: telephony, usage_kind: voice, unit: s, zero_usage: price}
  corrected: {type: telephony, usage_kind: voice, unit: s, below_zero: mirror}
"""


def files_of(plans, **cards):
    """Return the files of a catalogue with `PRODUCTS`; cards by name, ``_`` for ``-``."""
    text = PRODUCTS + textwrap.dedent(plans)
    files = {f"{name}.csv": content.encode() for name, content in cards.items()}
    if cards:
        entries = [f"  {name}: {{file: {name}.csv, currency: EUR, unit: s}}" for name in cards]
        text += "\ncards:\n" + "\n".join(entries) + "\n"
    return {"plans.yaml": text.encode(), **files}


def document_of(files):
    """Return the document of files that have no error."""
    checked = check(files)
    assert checked.document is not None, "\n".join(map(str, checked.errors))
    return checked.document


def catalogue_of(plans, **cards):
    """Return the compiled catalogue of the text of its plans and cards."""
    return compile(document_of(files_of(plans, **cards)), VERSION)


def price_of(price, *, product="voice", extra=""):
    """Return a catalogue of one plan ``p`` with one price; ``price`` is its YAML in one line."""
    allowances = f"    allowances: {extra}\n" if extra else ""
    return catalogue_of(
        f"plans:\n  p:\n    currency: EUR\n{allowances}"
        f"    prices:\n      x: {{product: {product}, price: {price}}}\n"
    )


def at(local="2026-10-05T12:00", zone="Europe/Berlin"):
    """Return the instant of a local time, in UTC milliseconds."""
    moment = dt.datetime.fromisoformat(local)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return to_ms(moment.astimezone(dt.UTC))


def event(
    product="voice",
    *,
    to=None,
    local="2026-10-05T12:00",
    zone="Europe/Berlin",
    subscription="s-1",
    attributes=None,
    **quantities,
):
    """Return an event; quantities by unit, as text or number."""
    return UsageEvent(
        tenant="acme",
        identity=bytes(16),
        content_hash=bytes(8),
        run="retail",
        rating_key="a-1",
        source="switch-1",
        record_id="r-1",
        account_id="a-1",
        subscription_id=subscription,
        product=product,
        usage_kind="voice",
        started_at_ms=at(local, zone),
        ended_at_ms=None,
        zone=zone,
        quantities={unit: Decimal(str(value)) for unit, value in quantities.items()},
        origin=None,
        destination=to,
        service_class=None,
        attributes=attributes or {},
        provenance=Provenance(0, 0, 0, "test@1", 0),
        batch=1,
    )


class Bucket(NamedTuple):
    """A counter in a period."""

    records: int = 0
    quantity: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)


class Month:
    """Rates events one after the other and counts what their prices ask for, as counters do."""

    def __init__(self, catalogue, plan="p", currency="EUR", holder=None):
        self.catalogue, self.plan, self.currency = catalogue, plan, currency
        self.holder = holder
        self.counted = {}
        self.restated = Decimal(0)

    def rate(self, usage):
        """Return the charge for an event, or why there is none."""
        selected = select(self.catalogue, usage, self.plan, self.currency, self.holder)
        if not isinstance(selected, Selected):
            return selected
        month = month_start_of(usage.started_at_ms, zone=usage.zone)
        day, _ = day_of(usage.started_at_ms, zone=usage.zone)
        keys = {
            name: (name, day if counter.period is CounterPeriod.DAY else month)
            for name, counter in zip(selected.counters, selected.counting, strict=True)
        }
        before = {name: self.counted[key] for name, key in keys.items() if key in self.counted}
        rated = charge(selected, before)
        assert isinstance(rated, RatedUsage)
        self.restated += rated.restated
        self._count_product(usage, month)
        for name, quantity, amount in rated.counted:
            assert name in keys, "a counter is counted only if it was asked for"
            bucket = self.counted.get(keys[name], Bucket())
            self.counted[keys[name]] = Bucket(
                bucket.records + 1, bucket.quantity + quantity, bucket.amount + (amount or 0)
            )
        return rated

    def _count_product(self, usage, month_ms):
        """Count what was used of the product, as is done of each whatever its price asks for."""
        offer = self.catalogue.plans[self.plan].offers[usage.product]
        used = Decimal(1) if offer.counts_records else usage.quantities[offer.unit]
        key = f"product:{usage.product}:{offer.unit}:{self.currency}", month_ms
        bucket = self.counted.get(key, Bucket())
        self.counted[key] = Bucket(bucket.records + 1, bucket.quantity + used, bucket.amount)


def charge_of(rated):
    """Return the ledger record of a charge, with all that is explained."""
    assert isinstance(rated, RatedUsage)
    _, charge = charge_after(NEW_HEAD)
    return msgspec.structs.replace(
        charge,
        product=rated.product,
        used=to_text(rated.used),
        billed=to_text(rated.billed),
        free=to_text(rated.free),
        unit=rated.unit,
        amount=to_text(rated.amount),
        currency=rated.currency,
        catalogue_version=VERSION,
        explanation=rated.explanation,
    )
