"""The models and steps of a price, each by itself, through the text of a catalogue."""

from decimal import Decimal as D

import msgspec
import pytest

from rating.catalogue import compile
from rating.closing import close_month, looked_at
from rating.explain import sentences
from schemas.refusal import RefusalReason
from tests.rating_builders import (
    PRODUCTS,
    Bucket,
    Month,
    catalogue_of,
    charge_of,
    document_of,
    event,
    price_of,
)

BANDS = "bands:\n  hours: {day: [Mon-Sun 08:00-18:00], night: otherwise}\n"


def month_of(price, *, product="voice", extra=""):
    return Month(price_of(price, product=product, extra=extra))


def amounts(month, *usage):
    """Return what events of so many seconds come to, each with what it restates."""
    rated = [month.rate(event(s=units)) for units in usage]
    return [one.amount + one.restated for one in rated]


CALL = (
    "{model: call, connect_fee: 0.05, rates: [{amount: 0.60, per: 1 min, increment: 1 min}, "
    "{from: 1 min, amount: 0.30, per: 1 min, increment: 30 s}]}"
)


@pytest.mark.parametrize(
    ("seconds", "amount"),
    [("1", "0.65"), ("60", "0.65"), ("61", "0.80"), ("90", "0.80"), ("91", "0.95"), ("0", "0")],
)
def test_a_call_has_a_first_minute_and_following_half_minutes(seconds, amount):
    assert amounts(month_of(CALL), seconds) == [D(amount)]


@pytest.mark.parametrize("by", ["start", "end", "split"])
def test_the_connect_fee_by_band_is_that_of_the_beginning(by):
    """Whichever band prices the call."""
    text = (
        f"{PRODUCTS}{BANDS}plans:\n  p:\n    currency: EUR\n    prices:\n      x:\n"
        "        product: voice\n        price:\n          model: call\n          bands: hours\n"
        f"          bands_by: {by}\n          connect_fee: {{day: 0.50, night: 0.05}}\n"
        "          rates:\n"
        "            day: [{amount: 0, per: 1 min, increment: 1 s}]\n"
        "            night: [{amount: 0, per: 1 min, increment: 1 s}]\n"
    )
    month = Month(compile(document_of({"plans.yaml": text.encode()}), 1))
    usage = event(s=600, local="2026-10-05T17:55")
    ended = msgspec.structs.replace(usage, ended_at_ms=usage.started_at_ms + 600_000)
    assert month.rate(ended).amount == D("0.50")


def test_what_is_free_of_a_call_is_its_beginning():
    going_on = CALL.replace("connect_fee: 0.05", "allowance: a")
    anew = going_on.replace("allowance: a", "allowance: a, above_allowance: from_start")
    extra = "{a: {units: 60 s}}"
    assert amounts(month_of(going_on, extra=extra), 90) == [D("0.15")]
    assert amounts(month_of(anew, extra=extra), 90) == [D("0.60")]


def split(by, start, seconds):
    from rating.catalogue import compile
    from tests.rating_builders import PRODUCTS

    text = (
        PRODUCTS
        + BANDS
        + "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: voice, price: {model: "
        f"call, bands: hours, bands_by: {by}, rates: {{day: [{{amount: 6, per: 1 min, increment: "
        "1 s}], night: [{amount: 0.6, per: 1 min, increment: 10 s}]}}}\n"
    )
    month = Month(compile(document_of({"plans.yaml": text.encode()}), 1))
    usage = event(s=seconds, local=start)
    import msgspec

    ended = usage.started_at_ms + int(D(seconds) * 1000)
    return month.rate(msgspec.structs.replace(usage, ended_at_ms=ended))


@pytest.mark.parametrize(
    ("by", "start", "seconds", "amount"),
    [
        ("start", "2026-10-05T17:59:00", "120", "12"),
        ("end", "2026-10-05T17:59:00", "120", "1.2"),
        ("split", "2026-10-05T17:59:00", "120", "6.6"),
        ("end", "2026-10-05T17:59:00", "60", "6"),  # the end is outside
        ("split", "2026-10-05T17:59:55", "12", "0.6"),  # 5 s of the day, one increment of the night
        ("split", "2026-10-05T07:59:55", "12", "0.3"),  # 10 s of the night reach into the day
        ("split", "2026-10-24T17:00:00", "57600", "900"),  # clocks go back: an hour more of night
    ],
)
def test_a_call_over_the_border_of_a_band(by, start, seconds, amount):
    """TV-16."""
    rated = split(by, start, seconds)
    assert rated.amount == D(amount), rated.explanation


TV_15 = "tiers: [{upto: 10 min, amount: 0.10}, {upto: 60 min, amount: 0.05}, {amount: 0.02}]}"


def test_volume_and_graduated_of_the_same_tiers():
    """TV-15."""
    graduated = month_of("{model: graduated, per: 1 min, " + TV_15)
    volume = month_of("{model: volume, per: 1 min, " + TV_15)
    assert amounts(graduated, 4200) == [D("3.70")]
    assert amounts(volume, 4200) == [D("1.40")]
    assert sum(amounts(month_of("{model: volume, per: 1 min, " + TV_15), 600, 600, 3000)) == D(
        "1.4"
    )


def test_a_volume_price_states_the_event_and_what_it_restates_apart():
    month = month_of(
        "{model: volume, per: 1 s, tiers: [{upto: 10, amount: 2, fee: 5}, {amount: 1}]}"
    )
    first, second = month.rate(event(s=10)), month.rate(event(s=1))
    assert (first.amount, first.restated) == (25, 0)
    assert (second.amount, second.restated) == (1, -15)


def test_tiers_with_fees_and_started_packages():
    price = (
        "{model: graduated, per: 1 s, tiers: [{upto: 10, amount: 3, per: 4 s, whole: yes}, "
        "{amount: 1, fee: 100}]}"
    )
    assert amounts(month_of(price), 1, 3, 1, 5, 2) == [3, 0, 3, 3, 102]


@pytest.mark.parametrize(("part", "expected"), [("up", [5, 0, 5]), ("down", [0, 5, 0]),
                                                ("half_up", [5, 0, 5])])  # fmt: skip
def test_packages_are_of_the_month(part, expected):
    price = f"{{model: package, size: 10 s, amount: 5, partly_used: {part}}}"
    assert amounts(month_of(price), 6, 4, 5) == expected


def test_a_percentage_has_its_fee_free_records_and_bounds():
    from rating.catalogue import compile

    text = (
        "products: {sale: {type: t, usage_kind: sale, unit: EUR}}\n"
        "plans: {p: {currency: EUR, prices: {x: {product: sale, price: {model: percentage, percent: "
        "1.5, fee: 0.10, free_records: 1, least: {event: 0.20}, most: {event: 2}}}}}}\n"
    )
    month = Month(compile(document_of({"plans.yaml": text.encode()}), 1))
    rated = [month.rate(event("sale", EUR=value)).amount for value in (1000, 1, 100, 1000)]
    assert rated == [0, D("0.20"), D("1.60"), 2]
    said = " ".join(sentences(charge_of(month.rate(event("sale", EUR=100)))))
    assert "1.5 % of 100 EUR." in said


def test_a_day_may_come_to_no_more_than_its_most():
    """TV-3: 10 an hour, at most 80 a day."""
    month = month_of("{model: per_unit, amount: 10, per: 1 h, most: {day: 80}}")
    days = [(5, 3), (6, 8), (7, 12)]
    found = [
        month.rate(event(s=hours * 3600, local=f"2026-10-{day:02}T01:00")).amount
        for day, hours in days
    ]
    assert found == [30, 80, 80]
    assert month.rate(event(s=3600, local="2026-10-07T20:00")).amount == 0


def test_an_allowance_of_the_day_is_lost_with_it():
    month = month_of(
        "{model: per_unit, amount: 1, per: 1 s, allowance: a}",
        extra="{a: {units: 10 s, every: day}}",
    )
    days = [("2026-10-05T12:00", 15), ("2026-10-06T12:00", 3), ("2026-10-07T12:00", 12)]
    assert [month.rate(event(s=s, local=at)).billed for at, s in days] == [5, 0, 2]


def test_an_allowance_may_be_taken_in_its_own_steps_and_by_all_of_an_account():
    month = month_of(
        "{model: per_unit, amount: 1, per: 1 s, allowance: a}",
        extra="{a: {units: 150 s, consume: steps, step: 1 min, shared_by: account}}",
    )
    first = month.rate(event(s=61, subscription="s-1"))
    second = month.rate(event(s=5, subscription="s-2"))
    assert (first.free, first.billed) == (61, 0)  # two started minutes; half a minute is no step
    assert (second.free, second.billed) == (0, 5)
    assert next(name for name, *_ in first.counted) == "allowance::p/a:s"


def test_money_of_an_allowance_pays_the_charge():
    month = month_of(
        "{model: per_unit, amount: 1, per: 1 s, allowance: b}", extra="{b: {amount: 7.50}}"
    )
    assert amounts(month, 5, 5) == [0, D("2.50")]


def test_free_units_least_units_and_increments_come_in_this_order():
    month = month_of(
        "{model: per_unit, amount: 1, per: 1 s, free_units: 5 s, minimum_units: 10 s, increments: 6/6}"
    )
    assert [month.rate(event(s=s)).billed for s in (5, 6, 15, 18)] == [0, 12, 12, 18]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("aggregate: max", [5, 3, 0, 0]),
        ("aggregate: latest", [5, 3, -6, 2]),
        ("aggregate: sum", [5, 8, 2, 4]),
    ],
)
def test_what_of_the_month_s_records_counts(how, expected):
    month = month_of(f"{{model: per_unit, amount: 1, per: 1 s, {how}}}")
    assert amounts(month, 5, 8, 2, 4) == expected


def test_the_newest_record_is_so_by_its_own_time():
    month = month_of("{model: per_unit, amount: 1, per: 1 s, aggregate: latest}")
    noon = month.rate(event(s=5, local="2026-10-05T12:00"))
    earlier = month.rate(event(s=9, local="2026-10-05T11:00"))
    nothing = month.rate(event(s=0, local="2026-10-05T13:00"))
    assert (noon.amount, earlier.amount, nothing.restated) == (5, 0, -5)


def test_each_value_of_an_attribute_counts_once():
    import msgspec

    month = month_of("{model: per_unit, amount: 3, per: 1 s, aggregate: unique, unique_by: device}")

    def of(device):
        attributes = {"device": device} if device else {}
        return month.rate(msgspec.structs.replace(event(s=9), attributes=attributes))

    assert [of(device).amount for device in ("a", "b", "a")] == [3, 3, 0]
    assert of("").reason is RefusalReason.MISSING_ATTRIBUTE
    assert not any("device" in name or ":a" in name[:6] for name, *_ in of("c").counted)


def test_a_correction_gives_back_what_so_much_usage_costs():
    from rating.catalogue import compile
    from tests.rating_builders import PRODUCTS

    def month(price, below="mirror"):
        products = PRODUCTS.replace("usage_kind: voice, unit: s}",
                                    f"usage_kind: voice, unit: s, below_zero: {below}}}")  # fmt: skip
        text = f"{products}plans: {{p: {{currency: EUR, prices: {{x: {{product: voice, price: {price}}}}}}}}}"
        return Month(compile(document_of({"plans.yaml": text.encode()}), 1))

    graduated = month("{model: graduated, per: 1 s, tiers: [{upto: 10, amount: 2}, {amount: 1}]}")
    assert amounts(graduated, 12, -4, -10) == [22, -6, -20]
    single = month("{model: per_unit, amount: 1, per: 1 s, increments: 60/60, connect_fee: 5}")
    assert amounts(single, 61, -61) == [125, -125]
    assert (
        month("{model: flat, amount: 1}", "refuse").rate(event(s=-1)).reason == "rating.below_zero"
    )


@pytest.mark.parametrize(
    "price",
    [
        "{model: graduated, per: 1 s, tiers: [{upto: 9, amount: 0}, {amount: 1}]}",
        "{model: graduated, per: 1 s, tiers: [{amount: 1}], round_units: {to: 10 s, rule: down}}",
        "{model: per_unit, per: 1 s, amount: 0}",
    ],
)
def test_usage_below_zero_that_gives_back_nothing_is_zero_without_a_sign(price):
    month = Month(price_of(price, product="corrected"))
    rated = month.rate(event("corrected", s=-4))
    assert (rated.amount, rated.amount.is_signed()) == (0, False)
    assert not (rated.billed.is_signed() and not rated.billed)


def closing(price, *usage, days=31):
    month = month_of(price)
    for units in usage:
        month.rate(event(s=units))
    rule = month.catalogue.plans["p"].offers["voice"].entries[0].rules[0]
    return closed(month, rule, days)


def closed(month, rule, days=31):
    """Return what the close of October asks for under a price."""
    found = {key[0].partition(":")[0]: bucket for key, bucket in month.counted.items()}
    counted = {each.kind: found.get(each.kind.value, Bucket()) for each in looked_at(rule)}
    return close_month(rule, counted, days=days, days_of_month=31)


LEAST = "{model: per_unit, amount: 1, per: 1 s, rounding: {places: 2}, least: {month: 10%s}}"


@pytest.mark.parametrize(
    ("price", "usage", "days", "due"),
    [
        (LEAST % "", (4,), 31, "6.00"),
        (LEAST % "", (4, 6), 31, None),
        (LEAST % "", (), 31, "10.00"),
        (LEAST % ", by_days: yes", (4,), 15, "0.84"),  # 10 x 15 / 31 is 4.84
        (LEAST % ", by_days: yes", (5,), 15, None),
        (LEAST % "", (), 0, None),
    ],
)
def test_a_month_that_came_to_less_is_charged_the_rest(price, usage, days, due):
    found = closing(price, *usage, days=days)
    assert (found and found.amount) == (due and D(due))


def test_a_commitment_is_trued_up_and_its_overage_costs_more():
    """TV-8: up to 100 units the baseline, above it by the unit."""
    price = "{model: per_unit, amount: 2, per: 1 s, commitment: {units: 100 s, overage: 1.5, true_up: yes}}"
    assert closing(price, 90).amount == 20
    assert closing(price, 100) is None
    assert amounts(month_of(price), 100, 30) == [200, 90]


def test_what_a_close_asked_for_pays_late_usage():
    """A month of at least 10: 4 before its close, which asks for 6; then 5 and 3 come late."""
    month = month_of(LEAST % "")
    month.rate(event(s=4))
    (key,) = [key for key in month.counted if key[0].startswith("cap:")]
    month.counted["closed:" + key[0].removeprefix("cap:"), key[1]] = Bucket(0, D(0), D(10))
    assert amounts(month, 5, 3) == [0, 2]
    assert 4 + 6 + 2 == 4 + 5 + 3


RESTATED = "{model: volume, per: 1 s, tiers: [{upto: 9 s, amount: 1}, {amount: 0.1}], rounding: {places: 2}, "


@pytest.mark.parametrize("least", ["least: {month: 8}", "commitment: {amount: 8, true_up: yes}"])
def test_a_close_that_asks_for_nothing_says_what_the_month_came_to(least):
    """9 s at 1.00 are above the least of 8; a late second takes all of them to 0.10."""
    price = RESTATED + least + "}"
    found = closing(price, 9)
    assert (found.amount, found.comes_to) == (0, 9)
    assert found.changes == (("closed", 0, 9),)
    assert ("closed_at", "9.00") in found.explanation
    month = month_of(price)
    month.rate(event(s=9))
    (key,) = [key for key in month.counted if key[0].startswith("cap:")]
    month.counted["closed:" + key[0].removeprefix("cap:"), key[1]] = Bucket(0, D(0), D(9))
    assert amounts(month, 1, 79, 11) == [0, 0, 1]  # 100 s are 10.00


@pytest.mark.parametrize("price", [RESTATED + "discount: 0}", LEAST % "", LEAST % ", by_days: yes"])
def test_a_close_says_nothing_where_it_asks_for_nothing_or_usage_takes_the_month_no_lower(price):
    assert closing(price, 30) is None


def test_the_first_tier_s_fee_may_be_due_without_usage():
    price = (
        "{model: graduated, per: 1 s, first_fee_without_usage: yes, "
        "tiers: [{upto: 10, amount: 1, fee: 7}, {amount: 1}]}"
    )
    assert closing(price).amount == 7
    assert closing(price, 3) is None


def test_discounts_follow_each_other_and_roundings_do_too():
    price = (
        "{model: per_unit, amount: 1, per: 1 s, discount: [10, 50], "
        "rounding: [{rule: up, places: 1}, {times: 3, rule: down, to: 0.5}]}"
    )
    assert amounts(month_of(price), 1) == [D("1.5")]  # 0.45, 0.5, 1.5


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (CALL, "From 1 min on: 2 x 30 s, at 0.30 EUR per min."),
        ("{model: package, size: 1 min, amount: 5}", "2 packages of 1 min, at 5.00 EUR each."),
        ("{model: package, size: 2 min, amount: 5}", "1 package of 2 min, at 5.00 EUR each."),
        (
            "{model: volume, per: s, tiers: [{upto: 60, amount: 2}, {amount: 1, fee: 3}]}",
            "all of it is in the tier without end, at 1.00 EUR per s, and 3.00 EUR once.",
        ),
        ("{model: flat, amount: 3, discount: 10}", "10 % off 3.00 EUR."),
        ("{model: flat, amount: 3, most: {event: 2}}", "At most 2.00 EUR for each event"),
        ("{model: flat, amount: 3, least: {event: 4}}", "At least 4.00 EUR for each event"),
        ("{model: flat, amount: 3, free_units: 5 s}", "The first 5 s of each record is free: 5 s."),
        (
            "{model: flat, amount: 3, rounding: {rule: up, to: 0.05}}",
            "Rounded up to multiples of 0.05.",
        ),
    ],
)
def test_every_step_explains_itself(price, said):
    text = " ".join(sentences(charge_of(month_of(price).rate(event(s=120)))))
    assert said in text, text


def test_a_free_record_is_free_also_where_nothing_was_used():
    """Free records go before the fee that a record without usage has."""
    catalogue = price_of(
        "{model: per_unit, amount: 1, per: 1 s, connect_fee: 2, free_records: 1}", product="priced"
    )
    month = Month(catalogue)
    assert [month.rate(event("priced", s=0)).amount for _ in range(2)] == [0, 2]


@pytest.mark.parametrize("late", [(2, 1, 3, 9), (9, 1, 3), (3, 20, 100)])
def test_a_closed_month_comes_to_what_it_was_closed_at_or_more(late):
    """2 a unit up to ten, 0.1 each above: the month was closed at 10, and falls below that too."""
    price = (
        "{model: volume, least: {month: 10}, tiers: [{upto: 10 s, amount: 2, per: 1 s}, "
        "{amount: 0.1, per: 1 s}]}"
    )
    month = month_of(price)
    assert amounts(month, 1) == [2]
    (key,) = [key for key in month.counted if key[0].startswith("cap:")]
    month.counted["closed:" + key[0].removeprefix("cap:"), key[1]] = Bucket(0, D(0), D(10))
    total = D(10)
    units = D(1)
    for used in late:
        total += sum(amounts(month, used))
        units += used
        cost = units * 2 if units <= 10 else units * D("0.1")
        assert total == max(D(10), cost)


def test_a_volume_price_restates_what_was_charged_whatever_the_catalogue_says_by_then():
    """A price that was raised within the month: the next tier gives back no more than was charged."""
    tiers = "{model: volume, tiers: [{upto: 10 s, amount: %s, per: 1 s}, {amount: 0.5, per: 1 s}]}"
    month = month_of(tiers % 1)
    assert amounts(month, 10) == [10]
    month.catalogue = price_of(tiers % 3)
    assert amounts(month, 2) == [D(12) / 2 - 10]


def test_a_price_that_restates_the_month_follows_one_that_did_not():
    """The whole month comes to the price in force, of which what came before it has been charged."""
    month = month_of("{model: graduated, tiers: [{amount: 1, per: 1 s}]}")
    assert amounts(month, 10) == [10]
    month.catalogue = price_of(
        "{model: volume, tiers: [{upto: 10 s, amount: 1, per: 1 s}, {amount: 0.5, per: 1 s}]}"
    )
    assert sum(amounts(month, 1)) == D("5.5") - 10
    level = "{model: graduated, aggregate: %s, tiers: [{amount: 1, per: 1 s}]}"
    month = month_of(level % "max")
    assert amounts(month, 10) == [10]
    month.catalogue = price_of(level % "latest")
    assert amounts(month, 4) == [4 - 10]


@pytest.mark.parametrize("usage", [(2,), (1, 1), (0, 2)])
def test_units_that_were_counted_without_their_money_were_charged_what_they_cost(usage):
    """As older builds counted them: 9 s at 1.00, and all at 0.50 above 10 s."""
    month = month_of(
        "{model: volume, tiers: [{upto: 10 s, amount: 1, per: 1 s}, {amount: 0.5, per: 1 s}]}"
    )
    assert amounts(month, 9) == [9]
    (key,) = [key for key in month.counted if key[0].startswith("tier:")]
    month.counted[key] = month.counted[key]._replace(amount=D(0))
    assert sum(amounts(month, *usage)) == D("5.5") - 9


def test_a_level_gives_back_what_was_charged_whatever_the_catalogue_says_by_then():
    level = "{model: per_unit, amount: %s, per: 1 s, aggregate: latest}"
    month = month_of(level % 1)
    assert amounts(month, 5) == [5]
    month.catalogue = price_of(level % 2)
    assert amounts(month, 4) == [3]  # 4 at 2, of which 5 is charged


def test_what_is_given_back_beyond_the_month_is_given_back_at_its_price():
    price = price_of(
        "{model: graduated, tiers: [{upto: 10 s, amount: 1, per: 1 s}, {amount: 2, per: 1 s}]}",
        product="corrected",
    )
    month = Month(price)
    found = [month.rate(event("corrected", s=units)).amount for units in (4, -16, 20, 2)]
    assert found == [4, -4 - 14, 14 + 8, 2]  # 12 beyond the month are 10 at 1 and 2 at 2
    assert sum(found) == 10


def test_what_is_given_back_is_measured_as_usage_is():
    price = price_of(
        "{model: graduated, increments: 60/60, round_units: {to: 1 s, rule: up}, "
        "minimum_units: 30 s, tiers: [{upto: 60 s, amount: 1, per: 1 min}, {amount: 2, per: 1 min}]}",
        product="corrected",
    )
    month = Month(price)
    found = [month.rate(event("corrected", s=units)) for units in ("61.5", "-61.5")]
    assert [one.billed for one in found] == [120, -120]
    assert [one.amount for one in found] == [3, -3]


def test_a_split_call_is_given_back_by_its_own_hours():
    rate = "[{amount: %s, per: 1 min, increment: 1 min}]"
    price = (
        "{model: call, bands: hours, bands_by: split, "
        f"rates: {{day: {rate % 2}, night: {rate % 1}}}}}"
    )
    month = Month(
        catalogue_of(
            f"{BANDS}plans:\n  p:\n    currency: EUR\n"
            f"    prices:\n      x: {{product: corrected, price: {price}}}\n"
        )
    )
    local = "2026-10-05T17:59"
    found = [month.rate(event("corrected", local=local, s=units)).amount for units in (120, -120)]
    assert found == [3, -3]


def test_the_first_day_of_a_month_is_no_month():
    """An allowance by the day whose period becomes the month begins anew."""
    price = "{model: per_unit, amount: 1, per: 1 s, allowance: a}"
    month = month_of(price, extra="{a: {units: 10 s, every: day}}")
    first = event(s=10, local="2026-10-01T12:00")
    assert month.rate(first).amount == 0
    month.catalogue = price_of(price, extra="{a: {units: 10 s}}")
    assert month.rate(first).amount == 0
    assert month.rate(first).amount == 10


def test_money_is_counted_whatever_the_product_is_measured_in():
    price = "{model: per_unit, amount: 1, per: 1 s, allowance: a, most: {month: 8}}"
    month = month_of(price, extra="{a: {amount: 3}}")
    names = {name for name, *_ in month.rate(event(s=1)).counted}
    assert {"allowance:s-1:p/a:EUR", "cap:s-1:p/x:EUR"} <= names


def test_a_cap_of_the_month_counts_what_was_charged_before_it():
    """A version with a most of the month follows one without it, within a month."""
    catalogue = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: voice
                versions:
                  - {valid_from: 2026-10-01, price: {model: flat, amount: 6}}
                  - {valid_from: 2026-10-15, price: {model: flat, amount: 6, most: {month: 10}}}
        """
    )
    month = Month(catalogue)
    days = ("2026-10-10T12:00", "2026-10-20T12:00")
    assert [month.rate(event(local=day, s=1)).amount for day in days] == [6, 4]


def test_a_cap_is_never_rounded_up():
    month = month_of("{model: flat, amount: 1, most: {month: 0.055}, rounding: {places: 2}}")
    assert amounts(month, 1, 1) == [D("0.05"), 0]


FILMS = """
plans:
  p:
    currency: EUR
    prices:
      films: {product: message, price: {model: flat, amount: 1}}
      x:
        product: voice
        price:
          model: flat
          amount: 5
          discount_by_usage: {product: message, reached: [{from: 5, percent: 10}]}
          %s
"""


@pytest.mark.parametrize(("films", "total"), [(4, 50), (5, 45)])
def test_five_films_take_ten_percent_off_all_calls_of_the_month(films, total):
    """TV-7: 30.00 of calls before the last film, 20.00 after it."""
    month = Month(catalogue_of(FILMS % ""))
    calls = [month.rate(event(s=60)) for _ in range(6)]
    for _ in range(films):
        month.rate(event("message", record=1))
    calls += [month.rate(event(s=60)) for _ in range(4)]
    assert sum(call.amount + call.restated for call in calls) == total
    assert [call.restated for call in calls if call.restated] == ([-3] if films == 5 else [])
    found = closed(month, month.catalogue.plans["p"].offers["voice"].entries[0].rules[0])
    assert (found.amount, found.changes) == (0, (("closed", 0, total),))


def test_films_after_the_last_call_are_off_at_the_close():
    month = Month(catalogue_of(FILMS % ""))
    assert month.rate(event(s=60)).amount == 5
    for _ in range(5):
        month.rate(event("message", record=1))
    rule = month.catalogue.plans["p"].offers["voice"].entries[0].rules[0]
    found = closed(month, rule)
    assert (found.amount, found.comes_to) == (D("-0.5"), D("4.5"))
    assert found.changes == (("listed", 10, 0), ("cap", 0, D("-0.5")), ("closed", 0, D("4.5")))
    with_least = Month(catalogue_of(FILMS % "least: {month: 4.80}"))
    with_least.counted = month.counted
    rule = with_least.catalogue.plans["p"].offers["voice"].entries[0].rules[0]
    found = closed(with_least, rule)
    assert (found.amount, found.comes_to) == (D("-0.2"), D("4.8"))
    assert found.changes == (("listed", 10, 0), ("cap", 0, D("-0.5")), ("closed", 0, D("4.8")))
