"""The rate step where prices ask for attributes: event time decides, and a close asks whom it should."""

from decimal import Decimal

import msgspec
import pytest

from pipeline.rate_terms import TermsInForce
from rating.catalogue import check, compile
from schemas.ledger import CLOSING, Charge
from schemas.reference import Account, AccountAttributes, Subscription, account_from_json
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.rate_world import MemoryStage, event, reference_of

DAY_MS = 86_400_000
CATALOGUE = """
products:
  sms: {type: message, usage_kind: message, unit: record}
  data: {type: data, usage_kind: data, unit: MB}
  ping: {type: data, usage_kind: event, unit: MB}
  film: {type: film, usage_kind: event, unit: record}
plans:
  basic:
    currency: EUR
    prices:
      own: {product: sms, when: account.id == "a-2", price: {model: flat, amount: 7}}
      gold: {product: sms, when: account.vip == "gold", price: {model: flat, amount: 1}}
      zone-b: {product: sms, when: subscription.zone == "B", price: {model: flat, amount: 3}}
      other: {product: sms, price: {model: flat, amount: 5}}
      promised:
        product: data
        when: account.vip == "gold" and subscription.zone == "B"
        price: {model: flat, amount: 1, least: {month: 31, by_days: yes}}
      watched:
        product: film
        when: account.vip == "gold"
        price:
          {model: flat, amount: 10, least: {month: 100}, discount_by_usage: {product: ping, reached: [{from: 5, percent: 10}]}}
      traffic: {product: data, price: {model: flat, amount: 2}}
      ping: {product: ping, price: {model: flat, amount: 0}}
"""


def catalogue():
    return compile(check({"plans.yaml": CATALOGUE.encode()}).document, 7)


def entry(from_ms=0, to_ms=None, **attributes):
    return Subscription(
        subscription_id="a-1/s",
        identifier="a-1",
        plan="basic",
        valid_from_ms=from_ms,
        valid_to_ms=to_ms,
        attributes=attributes or None,
    )


def account(*entries, attributes=(), account_id="a-1"):
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone="UTC",
        currency="EUR",
        subscriptions=entries or (entry(),),
        attributes=tuple(AccountAttributes(valid_from_ms=at, values=v) for at, v in attributes),
    )


def stage_of(*accounts):
    return MemoryStage(accounts=accounts, catalogue=catalogue())


def amounts(stage):
    return [Decimal(one.amount) for one in stage.ledger() if isinstance(one, Charge)]


def test_a_change_of_the_subscription_holds_from_its_instant_on():
    stage = stage_of(account(entry(0, OCTOBER, zone="A"), entry(OCTOBER, None, zone="B")))
    stage.batch(event(1, at_ms=OCTOBER - 1), event(2, at_ms=OCTOBER), event(3, at_ms=OCTOBER - 1))
    assert amounts(stage) == [5, 3, 5]


def test_a_change_of_the_account_holds_from_its_instant_on():
    changed = account(attributes=[(None, {"vip": "gold"}), (OCTOBER, {"vip": "no"})])
    stage = stage_of(changed)
    stage.batch(event(1, at_ms=OCTOBER - 1), event(2, at_ms=OCTOBER), event(3, at_ms=OCTOBER - 1))
    assert amounts(stage) == [1, 5, 1]


def test_before_its_first_entry_an_account_has_no_attributes():
    later = account(attributes=[(OCTOBER, {"vip": "gold"}), (NOVEMBER, {})])
    stage = stage_of(later)
    stage.batch(*[event(n, at_ms=at) for n, at in enumerate((0, OCTOBER, NOVEMBER - 1, NOVEMBER))])
    assert amounts(stage) == [5, 1, 1, 5]


@pytest.mark.parametrize("at_ms", [0, OCTOBER - 1, OCTOBER, NOVEMBER - 1, NOVEMBER])
def test_attributes_at_an_instant_say_how_long_they_hold(at_ms):
    dated = account(attributes=[(OCTOBER, {"vip": "gold"}), (NOVEMBER, {"vip": "no"})])
    found = dated.attributes_at(at_ms)
    assert found.from_ms is None or found.from_ms <= at_ms
    assert found.to_ms is None or at_ms < found.to_ms
    wanted = {"vip": "gold"} if OCTOBER <= at_ms < NOVEMBER else {"vip": "no"}
    assert found.values == ({} if at_ms < OCTOBER else wanted)


def test_terms_of_a_product_without_conditions_do_not_end_with_the_attributes():
    dated = account(attributes=[(None, {}), (OCTOBER, {"vip": "gold"})])
    terms = TermsInForce(catalogue(), reference_of(dated))
    before = terms.of(event(1, "ping", at_ms=SEPTEMBER))
    assert terms.of(event(2, "ping", at_ms=OCTOBER)) is before
    assert before.holder is None
    asked = terms.of(event(1, at_ms=SEPTEMBER))
    assert terms.of(event(2, at_ms=OCTOBER)) is not asked


def test_terms_of_one_customer_are_by_the_id_of_the_account():
    other = msgspec.structs.replace(entry(), subscription_id="a-2/s", identifier="a-2")
    stage = stage_of(account(), account(other, account_id="a-2"))
    stage.batch(event(1), event(2, account="a-2"))
    assert amounts(stage) == [5, 7]


def test_a_replay_writes_the_same_bytes():
    changed = account(
        entry(0, OCTOBER, zone="B"), entry(OCTOBER), attributes=[(OCTOBER + 5, {"vip": "gold"})]
    )
    events = [event(n, at_ms=OCTOBER - 5 + n) for n in range(15)]
    whole, cut = stage_of(changed), stage_of(changed)
    whole.batch(*events)
    for one in events:
        cut.batch(one)
    assert [a.value for a in whole.appends] == [a.value for a in cut.appends]


def test_the_charge_says_which_attributes_were_asked_and_what_they_were():
    stage = stage_of(account(entry(0, None, zone="B"), attributes=[(None, {"vip": "silver"})]))
    stage.batch(event(1))
    (charge,) = stage.ledger()
    assert charge.price_id == "basic/zone-b"
    assert charge.explanation[:2] == (
        ("price", "basic/zone-b", ""),
        ("condition", "basic/zone-b", 'subscription.zone == "B"', "subscription.zone", "B"),
    )


def closing_amounts(stage, price_id="basic/promised"):
    stage.batch(period_close(OCTOBER, NOVEMBER, offset=99))
    found = [one for one in stage.ledger() if isinstance(one, Charge)]
    return [
        (one.price_id, Decimal(one.amount))
        for one in found
        if one.usage_kind == CLOSING and one.price_id == price_id
    ]


def test_a_close_asks_those_of_whom_the_condition_held():
    held = account(entry(0, None, zone="B"), attributes=[(None, {"vip": "gold"})])
    assert closing_amounts(stage_of(held)) == [("basic/promised", 31)]
    not_held = account(entry(0, None, zone="A"), attributes=[(None, {"vip": "gold"})])
    assert closing_amounts(stage_of(not_held)) == []


def test_a_close_counts_the_days_on_which_the_condition_held():
    """Gold from the 11th, in zone B up to the 21st: ten days of 31."""
    dated = account(
        entry(0, OCTOBER + 20 * DAY_MS, zone="B"),
        entry(OCTOBER + 20 * DAY_MS, None, zone="A"),
        attributes=[(None, {}), (OCTOBER + 10 * DAY_MS, {"vip": "gold"})],
    )
    assert closing_amounts(stage_of(dated)) == [("basic/promised", 10)]


def test_a_day_counts_by_what_holds_when_the_subscription_begins_in_it():
    noon_ms = OCTOBER + 30 * DAY_MS + DAY_MS // 2
    begins = account(entry(noon_ms, None, zone="B"), attributes=[(noon_ms - 1, {"vip": "gold"})])
    assert closing_amounts(stage_of(begins)) == [("basic/promised", 1)]


def test_a_close_changes_charges_also_where_the_condition_held_within_a_day_only():
    """Gold for an hour: 10 for a film, of which usage of another product takes 1; nothing is missing
    of the least of 100, which nobody who is gold on no day is asked for."""
    hour_ms = OCTOBER + DAY_MS // 2
    for_an_hour = account(
        attributes=[(None, {}), (hour_ms, {"vip": "gold"}), (hour_ms + 3_600_000, {})]
    )
    stage = stage_of(for_an_hour)
    stage.batch(
        event(1, "film", at_ms=hour_ms, quantities={"record": Decimal(1)}),
        event(2, "ping", at_ms=hour_ms, quantities={"MB": Decimal(5)}),
    )
    assert closing_amounts(stage, "basic/watched") == [("basic/watched", -1)]


def test_an_account_of_an_earlier_build_has_no_attributes():
    value = (
        b'{"tenant":"t","account_id":"a","name":"a","zone":"UTC","currency":"EUR","subscriptions":'
        b'[{"subscription_id":"s","identifier":"1","plan":"p","valid_from_ms":0,"valid_to_ms":null}],'
        b'"limits":[]}'
    )
    read = account_from_json(value)
    assert read.attributes_at(0).values == {}
    assert read.subscriptions[0].attributes is None


def test_subscriptions_that_are_alike_share_their_attributes():
    entries = [
        msgspec.structs.replace(
            entry(zone="B"), subscription_id=str(number), identifier=str(number)
        )
        for number in range(3)
    ]
    reference = reference_of(account(*entries))
    first, *others = reference.accounts["a-1"].subscriptions
    assert all(other.attributes is first.attributes for other in others)
