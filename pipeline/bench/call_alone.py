"""The tariff of a call alone: from an event to its amount and explanation, as rate works it out.

Without what stands around it in the step of rate: decoding, counters, limits, the ledger record.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.clock import process_cpu_ns
from pipeline.settings import Settings
from rating.catalogue import Offer, check
from rating.catalogue import compile as compile_catalogue
from rating.rate import Selected, charge_after, find_offer, select_price
from schemas.refusal import Refused
from schemas.usage import RETAIL, Provenance, UsageEvent
from sources.generate.draw import Draw

_PLANS = b"""\
products:
  voice: {name: Calls, type: telephony, usage_kind: voice, unit: s}
bands:
  hours:
    peak: ["Mon-Fri 08:00-18:00"]
    off-peak: otherwise
cards:
  world: {file: cards/world.csv, currency: EUR, unit: s, bands: hours}
plans:
  by-call:
    currency: EUR
    prices:
      calls:
        product: voice
        price:
          model: call
          bands: hours
          bands_by: split
          connect_fee: 0.05
          rates:
            peak:
              - {amount: 0.20, per: 1 min, increment: 1 min}
              - {from: 1 min, amount: 0.10, per: 1 min, increment: 30 s}
            off-peak:
              - {amount: 0.05, per: 1 min, increment: 1 min}
  by-card:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: world}}
"""
_CARD = b"""\
prefix,destination,price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to
4930,Berlin,0.0120,60,60,1,0.05,off-peak,,
4930,Berlin,0.0200,60,60,1,0.05,peak,,
"""
_PLAN_OF = {"call_tariff_us_per_record": "by-call", "card_tariff_us_per_record": "by-card"}
_CALLS = 20_000
_ROUNDS = 5
_BATCH = 2_000  # calls are made so many at once, as a batch is decoded
_START_MS = 1_790_812_800_000  # 1 October 2026
_DAYS_MS = 20 * 86_400_000
_LONGEST_S = 600


async def call(task: Task, settings: Settings) -> Figures:
    """Return the CPU time of a call by a tariff of two bands and two rates, and by a card."""
    document = check({"plans.yaml": _PLANS, "cards/world.csv": _CARD}).document
    assert document is not None
    catalogue = compile_catalogue(document, 1)
    figures: Figures = {}
    for name, plan in _PLAN_OF.items():
        offer = find_offer(catalogue, "voice", plan, "EUR")
        assert not isinstance(offer, Refused)
        # The cheapest round: what a busy machine adds is not the tariff's.
        spent_ns = min(
            sum(_spent_ns(offer, plan, batch) for batch in _batches()) for _ in range(_ROUNDS)
        )
        figures[name] = spent_ns / 1e3 / _CALLS
    return figures


def _spent_ns(offer: Offer, plan: str, events: list[UsageEvent]) -> int:
    started_ns = process_cpu_ns()
    for event in events:
        selected = select_price(offer, event, plan)
        assert isinstance(selected, Selected)
        charge_after(selected, ())
    return process_cpu_ns() - started_ns


def _batches() -> Iterator[list[UsageEvent]]:
    draw = Draw(1, "calls")
    for _ in range(_CALLS // _BATCH):
        yield [_event(draw) for _ in range(_BATCH)]


def _event(draw: Draw) -> UsageEvent:
    started_at_ms = _START_MS + draw.below(_DAYS_MS)
    duration_s = draw.between(1, _LONGEST_S)
    return UsageEvent(
        tenant="bench",
        identity=bytes(16),
        content_hash=bytes(8),
        run=RETAIL,
        rating_key="bench/a",
        source="switch",
        record_id="1",
        account_id="a",
        subscription_id="s",
        product="voice",
        usage_kind="voice",
        started_at_ms=started_at_ms,
        ended_at_ms=started_at_ms + duration_s * 1000,
        zone="Europe/Berlin",
        quantities={"s": Decimal(duration_s)},
        origin="49301",
        destination="49302",
        service_class=None,
        attributes={},
        provenance=Provenance(0, 0, 0, "bench@1", started_at_ms),
        batch=1,
    )
