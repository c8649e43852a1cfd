"""Laws of the rate step over prices of the month: what restates earlier charges, and what a close asks
for. `MemoryStage` checks in every batch that the changes of state are the fold of the records."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from pipeline.verify.ledger import LedgerPartition
from pipeline.verify.ledger_records import said
from pipeline.verify.report import Findings
from pipeline.verify.unique import Repeats
from rating.catalogue import check, compile
from schemas import ledger
from schemas.flow import Channel
from schemas.ledger import Charge, PeriodClosed
from schemas.proof import Proof, proof_to_json
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER, amount_limit, period_close
from tests.rate_world import PARTITION, MemoryStage, account, event

CATALOGUE = """
products:
  data: {type: data, usage_kind: data, unit: MB}
  sms: {type: message, usage_kind: message, unit: record}
  level: {type: gauge, usage_kind: gauge, unit: kW}
  voice: {type: call, usage_kind: voice, unit: s}
  film: {type: film, usage_kind: event, unit: record}
  abroad: {type: call, usage_kind: voice, unit: min}
  pool: {type: data, usage_kind: data, unit: MB}
  hotline: {type: call, usage_kind: voice, unit: min}
plans:
  basic:
    currency: EUR
    allowances:
      daily: {units: 60 s, every: day}
      budget: {amount: 0.50, shared_by: account}
    prices:
      traffic:
        product: data
        price:
          model: volume
          per: 1 MB
          tiers: [{upto: 10 MB, amount: 2, fee: 1}, {upto: 20 MB, amount: 1}, {amount: 0.5}]
      message:
        product: sms
        price: {model: flat, amount: 0.10, free_records: 2, least: {month: 1.00}}
      peak:
        product: level
        price:
          model: graduated
          aggregate: latest
          per: 1 kW
          tiers: [{upto: 5 kW, amount: 3}, {amount: 7}]
      calls:
        product: voice
        price:
          model: per_unit
          amount: 0.10
          per: 1 min
          increments: 60/60
          allowance: [daily, budget]
      films:
        product: film
        price: {model: flat, amount: 3}
      abroad:
        product: abroad
        price:
          model: volume
          per: 1 min
          tiers: [{upto: 30 min, amount: 0.09}, {amount: 0.07}]
          discount_by_usage: {product: film, reached: [{from: 2, percent: 10}, {from: 4, percent: 25}]}
      pool:
        product: pool
        price:
          model: volume
          per: 1 MB
          tiers: [{upto: 9 MB, amount: 1}, {amount: 0.1}]
          commitment: {amount: 4, true_up: yes}
      hotline:
        product: hotline
        price:
          model: per_unit
          per: 1 min
          amount: 1
          least: {month: 3.00}
          discount_by_usage: {product: film, reached: [{from: 1, percent: 10}]}
"""


DOCUMENT = check({"plans.yaml": CATALOGUE.encode()}).document


def world(*limits):
    compiled = compile(DOCUMENT, 7)
    compiled.limits = limits
    return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=compiled)


UNITS = {
    "data": "MB",
    "sms": "record",
    "level": "kW",
    "voice": "s",
    "film": "record",
    "abroad": "min",
    "pool": "MB",
    "hotline": "min",
}
UNITS_OF_ALL = {**UNITS, "line": "Mbps"}  # that of `test_sample_laws`
ENDS = {SEPTEMBER: OCTOBER, OCTOBER: NOVEMBER}


@st.composite
def months(draw, *products, usage_of_close=9):
    """Records in order: usage of two months in any order of time, and closes, one for so many of
    usage."""
    records = []
    for number in range(draw(st.integers(1, 25))):
        who = draw(st.sampled_from(["a-1", "a-1", "a-2"]))
        month_ms = draw(st.sampled_from([SEPTEMBER, OCTOBER]))
        if draw(st.integers(0, usage_of_close)) == 0:
            close = period_close(month_ms, ENDS[month_ms], account=who, offset=number)
            records.append(close)
            continue
        product = draw(st.sampled_from(products or sorted(UNITS)))
        quantity = Decimal(draw(st.integers(0, 120))) / 8
        at_ms = month_ms + draw(st.integers(0, 20)) * 3_600_000
        records.append(
            event(
                number,
                product,
                account=who,
                at_ms=at_ms,
                quantities={UNITS_OF_ALL[product]: quantity},
                attributes={"way": "out" if number % 3 else "in"} if product == "line" else {},
            )
        )
    return records


def run(stage, records, cuts):
    at = 0
    for cut in sorted({*cuts, len(records)}):
        if at < cut <= len(records):
            stage.batch(*records[at:cut])
            at = cut
    return stage


def verified(stage):
    """Return what the reconciliation finds wrong with the ledger."""
    findings = Findings()
    partition = LedgerPartition(findings, Repeats(), topic="rated", partition=PARTITION)
    offset = 0
    values = [a.value for a in stage.appends if a.channel is Channel.LEDGER]
    for proof in stage.proofs[1:]:
        own, values = values[: proof.ledger_records], values[proof.ledger_records :]
        for value in own:
            offset += 1
            partition.add(said(value), offset)
        offset += 1
        kept = said(proof_to_json(proof))
        assert isinstance(kept, Proof)
        partition.prove(kept, offset)
    partition.end()
    return findings.in_order()


@given(months(), st.sets(st.integers(0, 25)))
def test_the_ledger_is_the_same_however_it_is_cut_and_reconciles(records, cuts):
    whole, parts = run(world(), records, ()), run(world(), records, cuts)
    assert whole.appends == parts.appends
    assert whole.state == parts.state
    assert not verified(parts)


@given(months("data"))
def test_the_charges_of_a_month_are_its_volume_price(records):
    used, charged = defaultdict(Decimal), defaultdict(Decimal)
    stage = run(world(), records, ())
    for record in stage.ledger():
        if isinstance(record, Charge) and record.product == "data":
            key = (record.account_id, record.usage_period_ms)
            used[key] += Decimal(record.used)
            charged[key] += Decimal(record.amount)
            assert Decimal(record.amount) >= 0 or record.usage_kind == ledger.ADJUSTMENT
    assert charged.keys() == used.keys()
    for key, units in used.items():
        price = 2 if units <= 10 else 1 if units <= 20 else Decimal("0.5")
        fee = 1 if 0 < units <= 10 else 0
        assert charged[key] == units * price + fee


@given(months("level"))
def test_the_newest_level_is_what_a_month_costs(records):
    newest, charged = {}, defaultdict(Decimal)
    for record in records:
        if getattr(record, "product", "") == "level":
            key = (record.account_id, SEPTEMBER if record.started_at_ms < OCTOBER else OCTOBER)
            if record.started_at_ms >= newest.get(key, (0, 0))[0]:
                newest[key] = record.started_at_ms, record.quantities["kW"]
    for record in run(world(), records, ()).ledger():
        if isinstance(record, Charge) and record.product == "level":
            charged[record.account_id, record.usage_period_ms] += Decimal(record.amount)
    for key, (_, level) in newest.items():
        assert charged[key] == min(level, 5) * 3 + max(level - 5, 0) * 7


@given(months("sms"))
def test_a_closed_month_comes_to_its_least_and_no_more_before_usage_does(records):
    """What comes late, too, is paid by what its close asked for."""
    stage = run(world(), records, ())
    charged, messages, closed = defaultdict(Decimal), defaultdict(int), set()
    for record in stage.ledger():
        if isinstance(record, PeriodClosed):
            closed.add((record.account_id, record.period_start_ms))
        elif isinstance(record, Charge) and record.product == "sms":
            key = record.account_id, record.usage_period_ms
            charged[key] += Decimal(record.amount)
            messages[key] += record.usage_kind not in ledger.WITHOUT_USAGE
        for key in closed:
            usage = max(messages[key] - 2, 0) * Decimal("0.10")
            assert charged[key] == max(usage, 1)
    assert all(
        charge.used == charge.billed == "0"
        for charge in stage.ledger()
        if isinstance(charge, Charge) and charge.usage_kind in ledger.WITHOUT_USAGE
    )


def cost_of(product, units, films):
    """Return what usage of a month costs, with so many films in it."""
    match product:
        case "abroad":
            percent = 25 if films >= 4 else 10 if films >= 2 else 0
            price = Decimal("0.09") if units <= 30 else Decimal("0.07")
        case "hotline":
            percent, price = 10 if films else 0, 1
        case "pool":
            percent, price = 0, 1 if units <= 9 else Decimal("0.1")
    return units * price * (100 - percent) / 100


LEAST = {"abroad": 0, "pool": 4, "hotline": 3}


@given(months("film", *LEAST, usage_of_close=4))
def test_a_closed_month_comes_to_what_it_was_closed_at_or_to_what_its_usage_costs(records):
    """To the larger of the two, also where late usage makes what came before it cheaper: by the next
    tier, or a discount by usage of another product. An open one comes to what its usage costs; usage of
    the other product counts from the next charge, or the close, on."""
    films, units, charged = defaultdict(int), defaultdict(Decimal), defaultdict(Decimal)
    due, closed_at = defaultdict(Decimal), defaultdict(Decimal)
    for record in run(world(), records, ()).ledger():
        if isinstance(record, PeriodClosed):
            month = record.account_id, record.period_start_ms
            for product, least in LEAST.items():
                key = *month, product
                cost = cost_of(product, units[key], films[month])
                closed_at[key] = due[key] = max(cost, least)
                assert charged[key] == due[key]
        elif isinstance(record, Charge):
            month = record.account_id, record.usage_period_ms
            films[month] += record.product == "film"
            key = *month, record.product
            if record.product not in LEAST:
                continue
            charged[key] += Decimal(record.amount)
            if record.usage_kind not in ledger.WITHOUT_USAGE and Decimal(record.used):
                units[key] += Decimal(record.used)
                due[key] = max(cost_of(record.product, units[key], films[month]), closed_at[key])
                assert charged[key] == due[key]
    assert all(charged[key] == due[key] for key in {*charged, *due})


@given(months())
def test_records_are_counted_without_what_is_for_none(records):
    stage = run(world(amount_limit("15.00")), records, ())
    open_records = defaultdict(int)
    for record in stage.ledger():
        key = record.rating_key
        if isinstance(record, Charge):
            open_records[key] += record.usage_kind not in ledger.WITHOUT_USAGE
        else:
            taken = record.closed if isinstance(record, PeriodClosed) else record.invoiced
            open_records[key] -= sum(entry.records for entry in taken)
        assert open_records[key] == sum(entry.records for entry in record.unbilled)
    assert not verified(stage)
