"""Laws of what is compiled in `native/rating_event.pyx` and `native/card_index.pyx`: a batch is
prepared as the Python twins prepare it, to the same bytes and the same errors."""

import gc
import sys
from decimal import Decimal
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import rate_compiled
from pipeline.rate_prepare import Priceable, prepare
from pipeline.rate_terms import Terms, TermsInForce
from rating.catalogue import check, compile
from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import RateCard, RateCardRow
from schemas import sethash, usage
from schemas.flow import SourceRecord
from schemas.reference import Account, AccountAttributes, ReferenceData, Subscription
from schemas.usage import Provenance, UsageEvent

needs_compiled = pytest.mark.skipif(
    rate_compiled._native is None, reason="nothing is compiled: no C compiler was there"
)

CARD = """prefix,destination,price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to
1,"One ""é"" \\ ü",0.0123,60,60,1,0.05,peak,,
1,"One ""é"" \\ ü",0.0001,60,1,1,,off-peak,,
12,Two,0.33,7,30,6,0.1,,,2026-10-05
12,Two,0.44,7,30,6,,,2026-10-05,
123,Three,99999999999999.12345678,3,1.5,0.5,,,,
124,Four,0,60,60,60,,,,
1244,Huge,999999999999.9999999999,0.00000001,1,1,9.99,,,
49,Home,0.1,60,60,60,,peak,,2026-10-09
49,Home,0.1,60,60,60,,off-peak,,2026-10-09
49301,Town,0.000000015,3,1,1,,,,
"""
PLANS = """
products:
  carded: {type: "te\\"l", usage_kind: voice, unit: s, tax_code: "sta\\\\ndard"}
  filtered: {type: t, usage_kind: voice, unit: s, zero_usage: filter}
  priced: {type: t, usage_kind: voice, unit: s, zero_usage: price}
  plain: {type: t, usage_kind: voice, unit: s}
  versions: {type: t, usage_kind: voice, unit: s}
  whither: {type: t, usage_kind: voice, unit: s}
  banded: {type: t, usage_kind: voice, unit: s}
  ended: {type: t, usage_kind: voice, unit: s}
  call: {type: t, usage_kind: voice, unit: s}
  message: {type: t, usage_kind: message, unit: record}
  tiers: {type: t, usage_kind: data, unit: s}
  even: {type: t, usage_kind: data, unit: s}
  upward: {type: t, usage_kind: data, unit: s}
  coins: {type: t, usage_kind: data, unit: s}
  whole: {type: t, usage_kind: data, unit: s}
  mirrored: {type: t, usage_kind: data, unit: s, below_zero: mirror}
  asking: {type: t, usage_kind: data, unit: s}
  unpriced: {type: t, usage_kind: data, unit: s}
  split-card: {type: t, usage_kind: voice, unit: s}
  ended-card: {type: t, usage_kind: voice, unit: s}
  two-cards: {type: t, usage_kind: voice, unit: s}
  split-call: {type: t, usage_kind: voice, unit: s, zero_usage: filter}
  started-call: {type: t, usage_kind: voice, unit: s, zero_usage: price}
  ended-call: {type: t, usage_kind: voice, unit: s}
  roaming: {type: t, usage_kind: voice, unit: s}
  discounted: {type: t, usage_kind: voice, unit: s}
  either: {type: t, usage_kind: voice, unit: s}
  whose: {type: t, usage_kind: voice, unit: s}
  newest: {type: t, usage_kind: data, unit: s}
  each-once: {type: t, usage_kind: data, unit: s}
  by-day: {type: t, usage_kind: data, unit: s}
  held: {type: t, usage_kind: data, unit: s}
  sampled: {type: t, usage_kind: data, unit: s}
  rolling: {type: t, usage_kind: data, unit: s}
calendars:
  days: [2026-10-03]
bands:
  hours:
    peak: ["Mon-Fri 08:00-18:00"]
    off-peak: otherwise
  special:
    peak: ["Mon-Fri 08:00-18:00"]
    low: ["Mon-Fri 00:00-08:00", "Mon-Fri 18:00-24:00", "Sat-Sun", holidays days]
cards:
  world: {file: world.csv, currency: EUR, unit: s, bands: hours}
  home: {file: home.csv, currency: EUR, unit: s}
matrices:
  visits: {file: visits.csv, currency: EUR, unit: s, dimensions: [destination, service_class]}
plans:
  basic:
    currency: EUR
    allowances:
      included: {units: 5 min}
      kept: {units: 5 min, rolls_over: {months: 1}}
    prices:
      carded: {product: carded, price: {model: rate_card, card: world}}
      filtered: {product: filtered, price: {model: per_unit, amount: 0.10, per: 1 min, connect_fee: 0.07}}
      priced: {product: priced, price: {model: per_unit, amount: 0.10, per: 1 min, increments: 60/1}}
      plain: {product: plain, price: {model: per_unit, amount: 0.10, per: 1 min}}
      versions:
        product: versions
        versions:
          - {valid_from: 2026-10-02, price: {model: per_unit, amount: 0.10, per: 7 s}}
          - {valid_from: 2026-10-25, price: {model: per_unit, amount: 0.11, per: 1 min, allowance: included}}
      home: {product: whither, destinations: ["49"], price: {model: per_unit, amount: 0.01, per: 1 s}}
      abroad: {product: whither, destinations: ["1"], price: {model: rate_card, card: world}}
      banded:
        product: banded
        price: {model: per_unit, per: 1 min, bands: special, amounts: {peak: 0.30, low: 0.07}}
      ended:
        product: ended
        price: {model: per_unit, per: 1 min, bands: hours, bands_by: end, amounts: {peak: 0.30, off-peak: 0.07}}
      call: {product: call, price: {model: call, rates: [{amount: 0.20, per: 1 min, increment: 1 min}, {from: 1 min, amount: 0.10, per: 1 min, increment: 30 s}]}}
      message: {product: message, price: {model: flat, amount: 0.09}}
      tiers: {product: tiers, price: {model: graduated, per: 1 min, allowance: included, tiers: [{upto: 10 min, amount: 1.00}, {amount: 0.5}]}}
      even: {product: even, price: {model: per_unit, amount: 0.05, per: 10 s, rounding: {rule: half_even, places: 2}}}
      upward: {product: upward, price: {model: per_unit, amount: 0.05, per: 7 s, rounding: {rule: up, places: 3}}}
      whole: {product: whole, price: {model: per_unit, amount: 0.05, per: 7 s, rounding: {rule: down, places: 0}}}
      coins: {product: coins, price: {model: per_unit, amount: 0.05, per: 7 s, rounding: {rule: half_up, to: 0.05}}}
      mirrored: {product: mirrored, price: {model: per_unit, amount: 0.05, per: 7 s}}
      asking: {product: asking, when: event.colour == "red", price: {model: per_unit, amount: 0.05, per: 7 s}}
      split-card: {product: split-card, price: {model: rate_card, card: world, bands_by: split}}
      ended-card: {product: ended-card, price: {model: rate_card, card: world, bands_by: end, allowance: included}}
      two-cards: {product: two-cards, price: {model: rate_card, card: [home, world]}}
      split-call: {product: split-call, price: {model: call, bands: hours, bands_by: split, connect_fee: 0.05, rates: {peak: [{amount: 0.20, per: 1 min, increment: 1 min}, {from: 1 min, amount: 0.10, per: 1 min, increment: 30 s}], off-peak: [{amount: 0.05, per: 1 min, increment: 1 min}]}}}
      started-call: {product: started-call, price: {model: call, bands: special, rates: {peak: [{amount: 0.20, per: 1 min, increment: 1 min}], low: [{amount: 0.05, per: 1 min, increment: 7 s}]}}}
      ended-call: {product: ended-call, price: {model: call, bands: hours, bands_by: end, rates: {peak: [{amount: 0.20, per: 1 min, increment: 1 min}], off-peak: [{amount: 0.05, per: 1 min, increment: 7 s}]}}}
      roaming: {product: roaming, price: {model: matrix, matrix: visits}}
      discounted:
        product: discounted
        price: {model: per_unit, amount: 0.10, per: 1 min, discount: [{percent: 10, when: event.colour == "red"}]}
      red: {product: either, when: event.colour == "red", price: {model: per_unit, amount: 0.05, per: 7 s, allowance: included}}
      other: {product: either, price: {model: flat, amount: 0.05}}
      gold: {product: whose, when: account.vip == "gold", price: {model: per_unit, amount: 0.01, per: 7 s}}
      early: {product: whose, when: subscription_month <= 1, price: {model: per_unit, amount: 0.02, per: 7 s}}
      late: {product: whose, price: {model: per_unit, amount: 0.03, per: 7 s, discount: [{percent: 10, when: account.vip == "lead"}]}}
      newest: {product: newest, price: {model: per_unit, amount: 50.00, per: 1 min, aggregate: latest}}
      each-once: {product: each-once, price: {model: per_unit, amount: 2.00, per: 1 min, aggregate: unique, unique_by: colour}}
      by-day: {product: by-day, price: {model: per_unit, amount: 2.00, per: 1 min, aggregate: daily}}
      held: {product: held, price: {model: per_unit, amount: 31.00, per: 1 min, aggregate: time_weighted}}
      sampled: {product: sampled, price: {model: per_unit, amount: 31.00, per: 1 min, aggregate: {percentile: 95}}}
      rolling: {product: rolling, price: {model: per_unit, amount: 0.05, per: 7 s, allowance: kept}}
"""
HOME = """prefix,destination,price,per_units,first_units,following_units
49301,Our town,0.01,60,60,1
12,Two of ours,0.02,60,30,30
"""
VISITS = """destination,service_class,name,price,per_units,first_units,following_units
49,,Home,0.10,60,60,1
1,fast,"There, fast",0.20,60,60,1
1,,There,0.15,60,60,60
"""
# The twin selects the prices of these; what is behind that is compiled.
ASKED = [
    *("split-card", "ended-card", "two-cards", "split-call", "started-call", "ended-call"),
    *(
        "roaming",
        "discounted",
        "either",
        "whose",
        "newest",
        "each-once",
        "by-day",
        "held",
        "sampled",
    ),
]
PRODUCTS = [
    *("carded", "filtered", "priced", "plain", "versions", "whither", "banded", "ended", "call"),
    *("message", "tiers", "even", "upward", "whole", "coins", "mirrored", "asking", "unpriced"),
    "nobody has it",
    *ASKED,
    "rolling",
]
MONTH_MS = 1_790_812_800_000  # 1 October 2026, UTC
DAY_MS = 86_400_000
WHEN_ZONES_CHANGE_MS = MONTH_MS + 24 * DAY_MS + 3_600_000


def _catalogue(world=CARD):
    files = {"plans.yaml": PLANS, "world.csv": world, "home.csv": HOME, "visits.csv": VISITS}
    checked = check({name: text.encode() for name, text in files.items()})
    assert checked.document is not None, checked
    return compile(checked.document, 7)


def _reference():
    data = ReferenceData()
    zones = {"a-1": "UTC", 'a-"ü"\n': "Europe/Berlin", "a-3": "Asia/Kathmandu"}
    data.apply([_account(*each) for each in zones.items()], version=3)
    return data


def _account(account_id, zone):
    middle_ms = MONTH_MS + 10 * DAY_MS
    lives = [
        *(("s-1", 0, None), ("s-2", 0, middle_ms), ("s-2", middle_ms, middle_ms + DAY_MS)),
        ("s-4", MONTH_MS - 20 * DAY_MS, None),
    ]
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone=zone,
        currency="EUR",
        subscriptions=tuple(
            Subscription(
                subscription_id=each,
                identifier=f"{account_id}/{each}/{start_ms}",
                plan="basic",
                valid_from_ms=start_ms,
                valid_to_ms=end_ms,
            )
            for each, start_ms, end_ms in lives
        ),
        attributes=(
            AccountAttributes(values={"vip": "gold"}),
            AccountAttributes(valid_from_ms=MONTH_MS + 3 * DAY_MS, values={"vip": "lead"}),
            AccountAttributes(valid_from_ms=middle_ms, values={}),
        ),
    )


CATALOGUE, REFERENCE = _catalogue(), _reference()

texts = st.text(max_size=20) | st.sampled_from(
    ["", '"', "\\", "\x00\x1f\x7f\n\t", "0123456789abcdef\n", "ß" * 40]
)
quantities = st.one_of(
    st.integers(0, 200).map(Decimal),
    st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**6), st.integers(0, 9)),
    st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**28), st.integers(-9, 28)),
    st.sampled_from([Decimal(each) for each in ("0", "0.00", "0E-10", "-1", "-0", "1E+3", "18446744073709551616", "1844674407370955161", "30", "30.0", "30.01", "60")]),
)  # fmt: skip
numbers = (
    st.none()
    | st.text("12349+é", max_size=9)
    | st.text("12340", min_size=1, max_size=20)
    | st.just("49301")
)
instants = st.one_of(
    st.integers(MONTH_MS - DAY_MS, MONTH_MS + 32 * DAY_MS),
    st.integers(WHEN_ZONES_CHANGE_MS - 2, WHEN_ZONES_CHANGE_MS + 2),
    st.sampled_from([0, -1, MONTH_MS, MONTH_MS - 1, MONTH_MS + 10 * DAY_MS, -(2**53), 2**41]),
)  # fmt: skip
near = st.sampled_from([0, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32, 2**40])


@st.composite
def events(draw):
    account = draw(st.sampled_from(["a-1", "a-1", 'a-"ü"\n', "a-3"]))
    zone = {"a-1": "UTC", 'a-"ü"\n': "Europe/Berlin"}.get(account, "Asia/Kathmandu")
    units = draw(st.sampled_from([*[["s"]] * 9, ["x", "s"], ["s", "x"], ["x"], []]))
    return UsageEvent(
        tenant=draw(st.sampled_from(["acme", "acme", "other"])),
        identity=draw(st.binary(min_size=16, max_size=16)),
        content_hash=draw(st.binary(min_size=8, max_size=8) | st.binary(max_size=300)),
        run=draw(st.sampled_from(["retail", "retail", "again"])),
        rating_key=draw(st.sampled_from([account, account, "other"])),
        source=draw(st.just("switch") | texts),
        record_id=draw(texts),
        account_id=account,
        subscription_id=draw(st.sampled_from([*["s-1"] * 6, "s-2", "s-3", "s-4"])),
        product=draw(st.sampled_from(PRODUCTS)),
        usage_kind=draw(texts),
        started_at_ms=draw(instants),
        ended_at_ms=draw(st.none() | instants),
        zone=draw(st.sampled_from([zone, zone, "UTC"])),
        quantities={unit: draw(quantities) for unit in units},
        origin=draw(st.none() | texts),
        destination=draw(numbers),
        service_class=draw(st.none() | texts),
        attributes=draw(st.dictionaries(texts, texts, max_size=4) | st.just({"colour": "red"})),
        provenance=Provenance(draw(near), draw(near), draw(near), "test@1", draw(instants)),
        batch=draw(near),
        correlation_id=draw(st.none() | texts),
        part=draw(st.none() | near),
        is_last_part=draw(st.booleans()),
        recycles=draw(st.none() | texts),
    )


SOME = UsageEvent(
    tenant="acme", identity=bytes(16), content_hash=bytes(8), run="retail", rating_key="a-1",
    source="switch", record_id="1", account_id="a-1", subscription_id="s-1", product="carded",
    usage_kind="voice", started_at_ms=MONTH_MS, ended_at_ms=None, zone="UTC",
    quantities={"s": Decimal(61)}, origin=None, destination="4930", service_class=None,
    attributes={"a": "b"}, provenance=Provenance(0, 0, 0, "t@1", 0), batch=1,
)  # fmt: skip


def _prepared(terms, values):
    """Return what a batch is prepared to, as texts, or the error."""
    records = [SourceRecord(0, at, MONTH_MS, b"key", value, ()) for at, value in enumerate(values)]
    try:
        batch = prepare(records, terms=terms, internal_errors=frozenset())
    except Exception as error:
        return type(error), str(error)
    seen = [_seen(item) for item in batch.items]
    read = {
        at: [(run.batch, run.count, run.total % sethash.MODULUS) for run in runs]
        for at, runs in batch.read._runs.items()
    }
    return seen, list(batch.state_keys), list(read.items()), batch.versions


def _seen(item):
    verdict = item.verdict
    if not isinstance(verdict, Priceable):
        return item
    selected, terms = verdict.selected, verdict.terms
    steps = selected.explanation if verdict.charged is None else ()  # else they are written
    return (
        (item.record, item.event, id(selected.offer), selected.rule, repr(selected.price)),
        (repr(selected.used), steps, selected.subscription_id, selected.counting),
        (selected.started_at_ms, selected.earlier, selected.month, selected.day, selected.days),
        (terms.head_key, terms.ledger_head, terms.from_ms, terms.to_ms, terms.plan, terms.limits),
        (verdict.counters, verdict.usage_period_ms, verdict.charge_id, _charged(verdict.charged)),
        (verdict.source, verdict.usage_json, verdict.rest_json, verdict.raw, verdict.is_recycled),
    )


def _charged(charged):
    if charged is None:
        return None
    fields = msgspec.structs.asdict(charged)
    return repr(fields | {"explanation": bytes(charged.explanation)})


class Both:
    """The compiled way and Python's, each with what it keeps from batch to batch."""

    def __init__(self):
        self.compiled = TermsInForce(CATALOGUE, REFERENCE)
        self.python = TermsInForce(CATALOGUE, REFERENCE)

    def check(self, values):
        found = _prepared(self.compiled, values)
        with patch.object(rate_compiled, "_native", None):
            assert found == _prepared(self.python, values)


BOTH = Both()  # what it keeps is part of the law, so it is kept from example to example


@needs_compiled
@given(st.lists(events(), min_size=1, max_size=6))
def test_a_batch_is_prepared_as_the_twin_prepares_it(given_events):
    BOTH.check([usage.to_wire(each) for each in given_events])


@needs_compiled
@pytest.mark.parametrize("product", PRODUCTS)
def test_each_price_of_each_quantity_is_that_of_the_twin(product):
    used = (
        "0",
        "0.00",
        "1",
        "29",
        "30",
        "30.5",
        "60",
        "61",
        "61.000000001",
        "90071992547409931",
        "-61",
    )
    numbers = (None, "", "1", "12", "123", "1233", "1244", "493", "4930155", "8", "+49", "1é")
    times = (MONTH_MS, MONTH_MS + 9 * 3_600_000, MONTH_MS + 6 * DAY_MS, WHEN_ZONES_CHANGE_MS)
    for number in numbers:
        given_events = [
            msgspec.structs.replace(
                SOME,
                product=product,
                destination=number,
                quantities={"s": Decimal(each)},
                started_at_ms=at_ms,
            )
            for each in used
            for at_ms in times
        ]
        BOTH.check([usage.to_wire(each) for each in given_events])


@needs_compiled
def test_what_conditions_ask_of_the_holder_is_that_of_the_instant():
    """The terms of an account are kept, and what it is like changes."""
    days = [0, 12, 3, -10, 9, 10, 2, 25, -20, 11]
    for subscription in ("s-1", "s-2", "s-4"):
        given_events = [
            msgspec.structs.replace(
                SOME, product="whose", subscription_id=subscription, started_at_ms=at_ms
            )
            for day in days
            for at_ms in (MONTH_MS + day * DAY_MS, MONTH_MS + day * DAY_MS - 1)
        ]
        BOTH.check([usage.to_wire(each) for each in given_events])


@needs_compiled
@given(events(), st.data())
def test_what_is_broken_is_refused_as_the_twin_refuses_it(event, data):
    wire = bytearray(usage.to_wire(event))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at] = data.draw(st.integers(0, 255) | st.sampled_from([0xC0, 0xC1, 0xD9, 0xDB, 0xFF]))
    BOTH.check([bytes(wire)])
    BOTH.check([bytes(wire[: data.draw(st.integers(0, len(wire)))])])
    BOTH.check([bytes(wire) + data.draw(st.binary(max_size=3))])


@needs_compiled
@pytest.mark.parametrize("place", range(26))
@given(st.sampled_from([
    None, True, 0, -1, -33, 2**63, 2**64 - 1, -(2**63), 1.0, "", "x" * 70_000, b"", b"\xff" * 16, b"x" * 300, [], {},
    {"s": "1_0"}, {"s": " 1"}, {"s": "007"}, {"s": ".5"}, {"s": "5."}, {"s": "+5"}, {"s": "NaN"}, {"s": "1e3"},
    {"s": "-"}, {"s": ""}, {"s": 5}, {"s": 1.5}, {"s": "1", "x": "-7"}, {"x": "9" * 90, "s": "3"}, {"s": "9" * 64},
    {str(each): str(each) for each in range(30)}, {1: "x"}, {"a": None}, [0, 1, 2, "f", 3, 4], [0, 1, 2, "f", 3],
]))  # fmt: skip
def test_a_field_of_another_form_is_taken_or_refused_as_by_the_twin(place, value):
    fields = msgspec.msgpack.decode(usage.to_wire(SOME))
    fields[place] = value
    BOTH.check([msgspec.msgpack.encode(fields)])


@needs_compiled
@pytest.mark.parametrize("length", [0, 1, 21, 22, 25, 27, 28])
def test_an_array_of_another_length_is_taken_or_refused_as_by_the_twin(length):
    fields = msgspec.msgpack.decode(usage.to_wire(SOME))
    BOTH.check([msgspec.msgpack.encode([*fields, None, None][:length])])


@needs_compiled
def test_of_a_name_that_comes_twice_the_last_holds_as_in_the_twin():
    one = usage.to_wire(SOME)
    quantity, attribute = b"\x81\xa1s\xa261", b"\x81\xa1a\xa1b"
    assert quantity in one
    assert attribute in one
    BOTH.check([one.replace(quantity, b"\x82\xa1s\xa261\xa1s\xa272")])
    BOTH.check([one.replace(attribute, b"\x82\xa1a\xa1b\xa1a\xa1c")])
    BOTH.check(
        [one.replace(b"\xa4acme", b"\xd9\x04acme"), one.replace(b"\xa4acme", b"\xa4ac\xffe")]
    )


@needs_compiled
def test_most_of_it_is_not_left_to_the_twin():
    """Else the laws above would compare the twin with itself."""
    left = []
    with patch("pipeline.rate_prepare._item", side_effect=lambda record, *_: left.append(record)):
        ordinary = ("carded", "plain", "priced", "tiers", "message", "banded", "call", "even")
        for product in (*ordinary, *ASKED):
            event = msgspec.structs.replace(SOME, product=product, attributes={"colour": "red"})
            prepare(
                [SourceRecord(0, 0, MONTH_MS, b"key", usage.to_wire(event), ())],
                terms=TermsInForce(CATALOGUE, REFERENCE),
                internal_errors=frozenset(),
            )
    assert not left


@pytest.mark.parametrize("product", ["plain", "tiers"])
def test_an_error_leaves_no_counters_of_another_month(product):
    """The batch is prepared once more then, under the same terms; what is compiled: `test_native_terms.py`."""
    of_october = msgspec.structs.replace(SOME, product=product)
    of_november = msgspec.structs.replace(of_october, started_at_ms=MONTH_MS + 32 * DAY_MS)
    october, november = usage.to_wire(of_october), usage.to_wire(of_november)
    with patch.object(rate_compiled, "_native", None):
        terms = TermsInForce(CATALOGUE, REFERENCE)
        _prepared(terms, [october])
        with patch.object(Terms, "_named", side_effect=MemoryError):
            assert _prepared(terms, [november]) == (MemoryError, "")
        for values in ([november], [october], [november]):
            fresh = TermsInForce(CATALOGUE, REFERENCE)
            assert _prepared(terms, values) == _prepared(fresh, values)


@needs_compiled
def test_an_error_leaves_nothing_that_was_read():
    """What was read before the event that failed is read once more, and summed once."""
    values = [usage.to_wire(SOME), usage.to_wire(msgspec.structs.replace(SOME, product="tiers"))]
    terms = TermsInForce(CATALOGUE, REFERENCE)
    beyond = usage.to_wire(msgspec.structs.replace(SOME, started_at_ms=1 << 52))
    assert _prepared(terms, [*values, beyond])[0] is OverflowError
    assert _prepared(terms, values) == _prepared(TermsInForce(CATALOGUE, REFERENCE), values)


@needs_compiled
@pytest.mark.parametrize("most_kept", [1, 6, 20_000])
def test_terms_hold_between_their_instants_and_for_their_own_usage(most_kept):
    """Whatever was asked before, and however many of them are kept."""
    middle_ms, end_ms = MONTH_MS + 10 * DAY_MS, MONTH_MS + 11 * DAY_MS
    times = (middle_ms - 1, middle_ms, end_ms - 1, end_ms)
    with patch.object(rate_compiled, "MOST_KEPT", most_kept):
        both = Both()
        for first in times:
            for then in times:
                both.check(
                    [
                        usage.to_wire(
                            msgspec.structs.replace(
                                SOME,
                                subscription_id=subscription,
                                product=product,
                                zone=zone,
                                started_at_ms=at_ms,
                            )
                        )
                        for at_ms in (first, then)
                        for subscription in ("s-1", "s-2")
                        for product in ("plain", "tiers")
                        for zone in ("UTC", "Asia/Kathmandu")
                    ]
                )


@needs_compiled
@pytest.mark.parametrize("product", ["banded", "carded", "versions"])
def test_every_hour_of_a_month_in_which_clocks_change(product):
    """More hours than are at hand, before the change and behind it."""
    zones = {"a-1": "UTC", 'a-"ü"\n': "Europe/Berlin", "a-3": "Asia/Kathmandu"}
    BOTH.check(
        [
            usage.to_wire(
                msgspec.structs.replace(
                    SOME,
                    product=product,
                    started_at_ms=MONTH_MS + hour * 3_600_000 + 1_800_000,
                    account_id=account,
                    rating_key=account,
                    zone=zone,
                )
            )
            for hour in range(32 * 24)
            for account, zone in zones.items()
        ]
    )


MANY = range(1000, 7000)  # prices, more than are at hand at once


@needs_compiled
def test_more_prices_than_are_at_hand():
    rows = [f"{each},Place,0.{each},60,60,60,,,," for each in MANY]
    card = CARD.splitlines()[0] + "\n" + "\n".join(rows) + "\n"
    catalogue = _catalogue(card)
    values = [usage.to_wire(msgspec.structs.replace(SOME, destination=str(each))) for each in MANY]
    found = _prepared(TermsInForce(catalogue, REFERENCE), values * 2)
    with patch.object(rate_compiled, "_native", None):
        assert found == _prepared(TermsInForce(catalogue, REFERENCE), values * 2)


@needs_compiled
@pytest.mark.parametrize("product", ["each-once", "sampled"])
def test_counters_that_each_event_has_of_its_own_are_not_kept(product):
    """Of values and samples there is no end; what is kept of an offer is kept for a catalogue's life."""
    terms, blocks = TermsInForce(CATALOGUE, REFERENCE), []
    for first in range(0, 3 * 600, 600):
        _prepared(terms, [_of_its_own(product, number) for number in range(first, first + 600)])
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert blocks[2] - blocks[1] < 1200  # what is kept of one event is a dozen


def _of_its_own(product, number):
    """Return an event with a value, and in a sample, that no other one has."""
    at_ms, attributes = MONTH_MS + number * 400_000, {"colour": str(number)}
    event = msgspec.structs.replace(
        SOME, product=product, attributes=attributes, started_at_ms=at_ms
    )
    return usage.to_wire(event)


digits = st.text("012", min_size=1, max_size=6)


@needs_compiled
@given(
    st.lists(st.tuples(digits, st.sampled_from([None, "day", "night"]), st.integers(0, 3), st.integers(0, 3)), max_size=30),
    st.text("0123x²٣", max_size=20),
    st.integers(-1, 4),
    st.sampled_from([None, "day", "night", "dusk"]),
)  # fmt: skip
@example([("1" * 16, None, 0, 3), ("1" * 15, None, 0, 3)], "1" * 20, 1, None)
@example([("1" * 17, None, 0, 3), ("1" * 15, None, 0, 3)], "1" * 20, 1, None)
@example([("1x", None, 0, 3), ("1", None, 0, 3)], "1x", 1, None)
def test_a_row_is_found_as_the_twin_finds_it(stated, number, day, band):
    rows = [
        RateCardRow(prefix, prefix, PerUnitPrice(Decimal(at), Decimal(1)), of, start, end)
        for at, (prefix, of, start, end) in enumerate(stated)
    ]
    card = RateCard("c", rows)
    found = card.find(number, day=day, band=band)
    assert found is card.find_in_python(number, day=day, band=band)
