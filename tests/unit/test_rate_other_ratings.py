"""The rate step where a plan is also rated under others: what is in the ledger, and what waits."""

from decimal import Decimal

import msgspec

from counters.state import changes_of
from rating.catalogue import check, compile
from schemas.flow import Channel
from schemas.ledger import ADJUSTMENT, CLOSING, Charge
from schemas.reference import AccountAttributes
from tests.ledger_builders import NOVEMBER, OCTOBER, amount_limit, period_close
from tests.rate_world import MemoryStage, account, event

PLANS = """
products:
  voice: {type: call, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: MB}
  sms: {type: message, usage_kind: message, unit: record}
  ping: {type: data, usage_kind: event, unit: MB, zero_usage: filter}
plans:
  carrier:
    currency: EUR
    prices:
      gold: {product: voice, when: account.vip == "gold", price: {model: flat, amount: 0.01}}
      calls: {product: voice, destinations: ["49"], price: {model: per_unit, amount: 0.03, per: 1 min}}
      traffic: {product: data, price: {model: per_unit, amount: 0.5, per: 1 MB}}
      ping: {product: ping, price: {model: flat, amount: 0.01}}
  basic:
    currency: EUR
    also_rated: {wholesale: {voice: carrier, data: carrier, ping: carrier}}
    prices:
      calls: {product: voice, price: {model: per_unit, amount: 0.10, per: 1 min}}
      traffic:
        product: data
        price: {model: volume, per: 1 MB, tiers: [{upto: 10 MB, amount: 2}, {amount: 1}], least: {month: 30}}
      message: {product: sms, price: {model: flat, amount: 0.05}}
      ping: {product: ping, price: {model: flat, amount: 0.02}}
"""
DAY_MS = 86_400_000


def stage_of(*limits, accounts=(), plans=PLANS):
    catalogue = compile(check({"plans.yaml": plans.encode()}).document, 7)
    catalogue.limits = limits
    return MemoryStage(accounts=accounts or (account(),), catalogue=catalogue)


def call(number, seconds="60", *, to="4930", **fields):
    quantities = {"s": Decimal(seconds)}
    return event(number, "voice", destination=to, quantities=quantities, **fields)


def data(number, quantity, **fields):
    return event(number, "data", quantities={"MB": Decimal(quantity)}, **fields)


def charges(stage):
    return [one for one in stage.ledger() if isinstance(one, Charge)]


def costs(charge):
    return [(one.name, one.price_id, Decimal(one.amount)) for one in charge.other_ratings or ()]


def test_a_charge_has_what_its_usage_costs():
    stage = stage_of()
    stage.batch(call(1), event(2, "sms"))
    priced, message = charges(stage)
    assert costs(priced) == [("wholesale", "carrier/calls", Decimal("0.03"))]
    assert costs(message) == []


def test_a_record_without_other_ratings_says_nothing_of_them():
    """So its bytes are those of a build that knows none."""
    stage = stage_of()
    stage.batch(event(2, "sms"))
    (value,) = [one.value for one in stage.appends if one.channel is Channel.LEDGER]
    assert b"other_ratings" not in value


def test_nothing_is_counted_of_what_it_costs():
    """Charges, counters, totals and what limits look at are as without it."""
    usage = [
        call(1),
        data(2, "8"),
        data(3, "8"),
        event(4, "sms"),
        event(5, "ping", quantities={"MB": 0}),
    ]
    usage = [*usage, period_close(OCTOBER, NOVEMBER), call(6)]
    limit = amount_limit("0.15")
    with_it = stage_of(limit)
    line = "    also_rated: {wholesale: {voice: carrier, data: carrier, ping: carrier}}\n"
    assert line in PLANS
    without = stage_of(limit, plans=PLANS.replace(line, ""))
    for stage in (with_it, without):
        stage.batch(*usage)
    stripped = [
        msgspec.structs.replace(one, other_ratings=msgspec.UNSET)
        if isinstance(one, Charge)
        else one
        for one in with_it.ledger()
    ]
    assert stripped == without.ledger()
    assert with_it.state == without.state
    assert with_it.proofs == without.proofs


def test_adjustments_and_what_a_close_asks_for_cost_nothing_and_say_nothing():
    stage = stage_of()
    stage.batch(data(1, "8"), data(2, "8"), period_close(OCTOBER, NOVEMBER))
    kinds = {one.usage_kind: costs(one) for one in charges(stage)}
    assert kinds[ADJUSTMENT] == kinds[CLOSING] == []
    assert kinds["event"] == [("wholesale", "carrier/traffic", Decimal(4))]


def test_usage_that_the_other_plan_has_no_price_for_waits_and_counts_nothing():
    stage = stage_of()
    stage.batch(call(1, to="4420"), call(2))
    (waits,) = stage.suspense()
    assert waits.reason == "rating.no_condition_holds"
    assert waits.detail.startswith("rating wholesale, under plan carrier: ")
    (priced,) = charges(stage)
    assert priced.sequence == 1
    (product,) = priced.counters_after
    assert product.records == 1


def test_what_is_filtered_is_filtered():
    stage = stage_of()
    stage.batch(event(1, "ping", quantities={"MB": Decimal(0)}))
    assert stage.proofs[-1].outcomes == {"filtered": 1}


def test_conditions_of_the_other_plan_ask_at_the_time_of_the_usage():
    """The charged plan asks for nothing: its terms are kept no longer than the other's hold."""
    changed = msgspec.structs.replace(
        account(),
        attributes=(AccountAttributes(valid_from_ms=OCTOBER + DAY_MS, values={"vip": "gold"}),),
    )
    stage = stage_of(accounts=(changed,))
    stage.batch(call(1), call(2, at_ms=OCTOBER + DAY_MS), call(3))
    found = [price for one in charges(stage) for _, price, _ in costs(one)]
    assert found == ["carrier/calls", "carrier/gold", "carrier/calls"]


def test_the_state_is_folded_from_a_record_with_other_ratings():
    stage = stage_of()
    stage.batch(call(1), data(2, "8"))
    folded = {}
    for one in stage.appends:
        folded.update(changes_of(one.value))
    assert {key: stage.state[key] for key in folded} == folded
