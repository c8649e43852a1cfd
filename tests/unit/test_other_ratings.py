"""Plans that rate the usage of another plan too: what is read, what is refused, what it comes to."""

import json
import textwrap
from decimal import Decimal

import msgspec
import pytest

from pipeline.cli.margin_lines import margin_table, margins_document, others_table
from pipeline.cli.output import results
from pipeline.cli.program import run
from rating.catalogue import check, compile, diff, document_from_parts, document_to_parts
from rating.catalogue.document import AlsoRated
from rating.explain_others import shown_ratings
from rating.margins import MarginSum, margins
from rating.rate import Filtered, Holder
from rating.scenario import read_scenarios, run_scenario
from rating.trial import Trial
from schemas.refusal import STAYS, Refused
from sinks.margin_queries import NotRatedOtherwise
from tests.rating_builders import CARD_HEADER, PRODUCTS, catalogue_of, document_of, event, files_of

PLANS = """
plans:
  carrier:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: world}}
  partner:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: per_unit, amount: 0.06, per: 1 min, increments: 30/6}}
  p:
    currency: EUR
    also_rated: {reseller: {voice: partner}, wholesale: {voice: carrier}}
    allowances:
      minutes: {units: 2 min}
    prices:
      calls:
        product: voice
        price: {model: per_unit, amount: 0.12, per: 1 min, increments: 60/60, allowance: minutes}
      messages: {product: message, price: {model: flat, amount: 0.09}}
"""
CARD = f"{CARD_HEADER}\n49,Germany,0.0300,60,1,1\n"


def rated(usage, plans=PLANS, *, holder=None, **cards):
    """Return what becomes of an event on plan p."""
    catalogue = catalogue_of(plans, **(cards or {"world": CARD}))
    return Trial(catalogue).rate(usage, plan="p", currency="EUR", holder=holder)


def said(ratings):
    return [(one.name, one.price_id, one.billed, Decimal(one.amount)) for one in ratings]


# --- rating ---


def test_usage_is_rated_under_each_plan_in_the_order_of_the_file():
    (charge,) = rated(event(to="4930123456", s=61))
    assert Decimal(charge.amount) == 0, "the allowance pays it"
    assert said(charge.other_ratings) == [
        ("reseller", "partner/calls", "66", Decimal("0.066")),
        ("wholesale", "carrier/calls", "61", Decimal("0.0305")),
    ]
    assert [one.left for one in margins(Decimal(charge.amount), charge.other_ratings)] == [
        Decimal("-0.066"),
        Decimal("0.0355"),
    ]


def test_a_product_that_has_no_other_rating_has_none_on_its_charge():
    (charge,) = rated(event("message", record=1))
    assert not charge.other_ratings
    assert shown_ratings(charge) == ()


def test_a_number_that_the_other_plan_has_no_price_for_is_refused_and_never_free():
    refused = rated(event(to="4420123456", s=61))
    assert isinstance(refused, Refused)
    assert refused.reason == "rating.unknown_destination"
    assert refused.detail == (
        "rating wholesale, under plan carrier: rate card world has no price for this destination: "
        f"4420.... Operator action: publish a card with its prefix; {STAYS}"
    )


def test_a_day_that_the_other_plan_has_no_price_for_is_refused():
    card = f"{CARD_HEADER},valid_from\n49,Germany,0.0300,60,1,1,2026-10-06\n"
    usage = event(to="4930123456", s=61, local="2026-10-05T23:59")
    assert rated(usage, world=card).reason == "rating.unknown_destination"
    plans = PLANS.replace(
        "price: {model: per_unit, amount: 0.06, per: 1 min, increments: 30/6}",
        "versions: [{valid_from: 2026-10-06, price: {model: flat, amount: 1}}]",
    )
    refused = rated(usage, plans)
    assert refused.reason == "rating.no_tariff_in_force"
    assert refused.detail.startswith("rating reseller, under plan partner: no version of ")
    # The day of the account's zone: a minute later, by its clock, it is in force.
    assert not isinstance(rated(event(to="49", s=1, local="2026-10-06T00:00"), plans), Refused)


def test_what_the_product_filters_is_filtered_and_what_it_rates_without_usage_costs_nothing():
    silent = PLANS.replace("voice", "silent")
    assert isinstance(rated(event("silent", to="49", s=0), silent), Filtered)
    (charge,) = rated(event(to="49", s=0))
    assert [Decimal(one.amount) for one in charge.other_ratings] == [0, 0]
    assert charge.other_ratings[0].explanation[-1] == ("no_usage",)


def test_a_correction_mirrors_what_it_costs():
    plans = PLANS.replace("voice", "corrected").replace(", allowance: minutes", "")
    (charge,) = rated(event("corrected", to="49", s=61), plans)
    (back,) = rated(event("corrected", to="49", s=-61), plans)
    for one, other in zip(charge.other_ratings, back.other_ratings, strict=True):
        assert Decimal(one.amount) == -Decimal(other.amount)
        assert Decimal(one.billed) == -Decimal(other.billed)
    assert Decimal(charge.amount) == -Decimal(back.amount)


def test_conditions_of_the_other_plan_ask_for_the_same_account():
    plans = PLANS.replace(
        "      calls: {product: voice, price: {model: per_unit, amount: 0.06",
        "      gold: {product: voice, when: account.vip == 'gold', price: {model: flat, amount: 7}}\n"
        "      calls: {product: voice, price: {model: per_unit, amount: 0.06",
    )
    (charge,) = rated(event(to="49", s=60), plans, holder=Holder("a-1", "s-1", {"vip": "gold"}))
    assert charge.other_ratings[0].price_id == "partner/gold"
    (charge,) = rated(event(to="49", s=60), plans)
    assert charge.other_ratings[0].price_id == "partner/calls"


def test_what_the_other_plan_is_also_rated_under_is_not_looked_at():
    plans = PLANS.replace(
        "  partner:\n    currency: EUR\n",
        "  partner:\n    currency: EUR\n    also_rated: {own: carrier}\n",
    )
    (charge,) = rated(event(to="49", s=60), plans)
    assert [one.name for one in charge.other_ratings] == ["reseller", "wholesale"]


def test_prices_in_another_currency_are_exchanged_on_the_way():
    plans = """
    exchange_rates:
      usd: {from: USD, to: EUR, rates: [{valid_from: 2026-10-01, rate: 0.9}]}
    plans:
      carrier: {currency: EUR, prices: {c: {product: voice, price: {model: flat, amount: 1, exchange: usd}}}}
      p:
        currency: EUR
        also_rated: {wholesale: carrier}
        prices: {c: {product: voice, price: {model: flat, amount: 2}}}
    """
    (charge,) = Trial(catalogue_of(plans)).rate(event(s=1), plan="p", currency="EUR")
    assert said(charge.other_ratings) == [("wholesale", "carrier/c", "1", Decimal("0.9"))]


def test_sentences_say_what_it_costs_and_what_is_left():
    (charge,) = rated(event(to="4930123456", s=61))
    reseller, wholesale = shown_ratings(charge)
    assert reseller.sentences[-2:] == (
        "Rated as reseller: 0.066 EUR.",
        "Margin over reseller: -0.066 EUR.",
    )
    assert wholesale.sentences == (
        "Price carrier/calls of catalogue version 7.",
        "The number begins with 49: Germany, on rate card world.",
        "Billed in increments of 1/1, the first 1 s whole, then every started 1 s: "
        "61 s is billed as 61 s.",
        "61 s at 0.03 EUR per min.",
        "Rounded half up to 10 decimal places.",
        "Rated as wholesale: 0.0305 EUR.",
        "Margin over wholesale: 0.0355 EUR.",
    )


# --- the check ---

BASE = """
plans:
  carrier: {currency: EUR, prices: {c: {product: voice, price: PRICE}}}
  dollar: {currency: USD, prices: {c: {product: voice, price: {model: flat, amount: 1}}}}
  p:
    currency: EUR
    also_rated: RATED
    prices:
      v: {product: voice, price: {model: flat, amount: 2}}
"""
FLAT = "{model: flat, amount: 1}"


def errors(rated, price=FLAT, more=""):
    text = BASE.replace("RATED", rated).replace("PRICE", price)
    text += textwrap.indent(textwrap.dedent(more), "  ")
    return [str(error) for error in check({"plans.yaml": (text + PRODUCTS).encode()}).errors]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (
            "{wholesale: carier}",
            ".wholesale: expected the code of another plan: carrier, dollar, found 'carier'",
        ),
        (
            "{wholesale: p}",
            ".wholesale: expected the code of another plan: carrier, dollar, found 'p'",
        ),
        (
            "{wholesale: dollar}",
            ".wholesale: expected a plan in EUR, as p is; or one table of exchange_rates from USD to "
            "EUR, found dollar in USD, and no table",
        ),
        (
            "{wholesale: {voice: dollar}}",
            ".wholesale.voice: expected a plan in EUR, as p is; or one table of exchange_rates from "
            "USD to EUR, found dollar in USD, and no table",
        ),
        (
            "{wholesale: {vioce: carrier}}",
            ".wholesale: expected a product code: voice, data, message, silent, priced, corrected, "
            "found 'vioce' (did you mean voice?)",
        ),
        (
            "{wholesale: {data: carrier}}",
            ".wholesale.data: expected a product that p has a price for: voice, found 'data'",
        ),
        ("{wholesale: {}}", ".wholesale: expected a plan for at least one product, found none"),
        (
            "{charge: carrier}",
            ".charge: expected a name for the rating; this one is that of what is charged, found "
            "'charge'",
        ),
        (
            "{wholesale: [carrier]}",
            ".wholesale: expected the code of a plan, or one for each product, found a list",
        ),
        ("carrier", ": expected a mapping of codes, found 'carrier'"),
    ],
)
def test_what_cannot_rate_is_refused_with_its_line(stated, expected):
    assert errors(stated) == [f"plans.yaml:7: plans.p.also_rated{expected}"]


@pytest.mark.parametrize(
    ("price", "asked"),
    [
        ("{model: graduated, per: 1 min, tiers: [{amount: 1}]}", "tiers"),
        ("{model: volume, per: 1 min, tiers: [{amount: 1}]}", "tiers"),
        ("{model: package, size: 10 min, amount: 1}", "packages of the month"),
        ("{model: per_unit, per: 1 s, amount: 1, aggregate: max}", "aggregate"),
        ("{model: flat, amount: 1, free_records: 2}", "free_records"),
        (
            "{model: per_unit, per: 1 s, amount: 1, commitment: {amount: 5, overage: 2}}",
            "a commitment",
        ),
        ("{model: flat, amount: 1, least: {month: 5}}", "a least of the month"),
        ("{model: flat, amount: 1, most: {day: 5}}", "a most of the day"),
        ("{model: flat, amount: 1, most: {month: 5}}", "a most of the month"),
        (
            "{model: flat, amount: 1, discount_by_usage: {product: data, reached: [{from: 1 B, percent: 5}]}}",
            "discount_by_usage",
        ),
    ],
)
def test_a_price_that_asks_for_the_month_cannot_rate(price, asked):
    assert errors("{wholesale: carrier}", price) == [
        "plans.yaml:7: plans.p.also_rated.wholesale: expected prices for voice that ask nothing of "
        "the month or day, since another rating counts nothing; give it a plan of its own with such "
        f"prices, found carrier/c with {asked}"
    ]


def test_an_allowance_asks_for_the_month():
    more = """
    bundled:
      currency: EUR
      allowances: {minutes: {units: 1 min}}
      prices: {c: {product: voice, price: {model: per_unit, amount: 1, per: 1 s, allowance: minutes}}}
    """
    (error,) = errors("{wholesale: bundled}", more=more)
    assert error.endswith("found bundled/c with an allowance")


def test_what_is_of_each_event_can_rate():
    for around in ("least: {event: 1}", "most: {event: 1}", "free_units: 5", "discount: 10"):
        price = f"{{model: per_unit, per: 1 min, amount: 1, increments: 60/1, {around}}}"
        assert errors("{wholesale: carrier}", price) == []


def test_a_price_of_another_product_may_ask_for_the_month():
    more = """
    both:
      extends: carrier
      prices: {d: {product: data, price: {model: graduated, per: 1 B, tiers: [{amount: 1}]}}}
    """
    assert errors("{wholesale: both}", more=more) == []


def test_a_product_without_a_price_is_missed_where_the_plan_is_for_all():
    more = """
    q:
      currency: EUR
      also_rated: {wholesale: carrier}
      prices:
        v: {product: voice, price: {model: flat, amount: 2}}
        m: {product: message, price: {model: flat, amount: 2}}
    """
    assert errors("{wholesale: carrier}", more=more) == [
        "plans.yaml:13: plans.q.also_rated.wholesale: expected a plan with a price for message, as q "
        "has; or a plan for each product that has this rating, as in `{voice: carrier}`, found "
        "carrier, which has none"
    ]


# --- plans that extend ---

CHILD = """
child:
  extends: p
  prices:
    m: {product: message, price: {model: flat, amount: 2}}
"""


def test_a_plan_has_the_other_ratings_of_the_one_it_extends():
    plans = PLANS + "  child: {extends: p}\n  none: {extends: p, also_rated: {}}\n"
    plans += "  other: {extends: p, also_rated: {cost: {voice: partner}}}\n"
    found = {plan.code: plan for plan in document_of(files_of(plans, world=CARD)).plans}
    assert found["child"].also_rated == found["p"].also_rated
    assert not found["none"].also_rated
    assert found["other"].also_rated == (AlsoRated(name="cost", plans={"voice": "partner"}),)


def test_a_product_of_its_own_that_the_inherited_rating_has_no_price_for_is_said_where_it_extends():
    assert errors("{wholesale: carrier}", more=CHILD) == [
        "plans.yaml:12: plans.child.extends: expected a plan with a price for message, as child has; "
        "or a plan for each product that has this rating, as in `{voice: carrier}`, found carrier, "
        "which has none (its also_rated.wholesale)"
    ]
    assert errors("{wholesale: {voice: carrier}}", more=CHILD) == []


def test_a_plan_is_no_other_rating_of_itself_by_what_it_extends():
    (error,) = errors("{wholesale: own}", more="own: {extends: p}\n")
    assert "expected a plan that is no other rating of the one it extends, found 'own'" in error


def test_an_error_of_the_base_is_said_once():
    assert len(errors("{wholesale: dollar}", more="child: {extends: p}\n")) == 1


# --- the document ---


def test_only_a_catalogue_with_other_ratings_is_of_their_format():
    with_others = document_of(files_of(PLANS, world=CARD))
    head, chunks = document_to_parts(with_others)
    assert json.loads(head)["format"] == 6
    assert document_from_parts(head, chunks) == with_others
    without = PLANS.replace(
        "    also_rated: {reseller: {voice: partner}, wholesale: {voice: carrier}}\n", ""
    )
    head, _ = document_to_parts(document_of(files_of(without, world=CARD)))
    assert json.loads(head)["format"] == 3
    assert b"also_rated" not in head


def test_a_document_whose_other_plan_counts_is_never_compiled():
    """The check refuses it; a document that comes from elsewhere must not rate without counters."""
    document = document_of(files_of(PLANS, world=CARD))
    counting = next(plan for plan in document.plans if plan.code == "p")
    swapped = [plan for plan in document.plans if plan.code != "carrier"]
    carrier = msgspec.structs.replace(counting, code="carrier")
    wrong = msgspec.structs.replace(document, plans=(carrier, *swapped))
    with pytest.raises(AssertionError, match="refused by the check"):
        compile(wrong, 1)


def test_differences_are_said_rating_by_rating():
    old = document_of(files_of(PLANS, world=CARD))
    turned = PLANS.replace(
        "{reseller: {voice: partner}, wholesale: {voice: carrier}}",
        "{wholesale: {voice: partner}, transit: {voice: carrier}}",
    )
    assert [str(one) for one in diff(old, document_of(files_of(turned, world=CARD)))] == [
        "plan p, also rated as wholesale: voice under carrier, after reseller -> voice under partner",
        "added: plan p, also rated as transit: voice under carrier, after wholesale",
        "removed: plan p, also rated as reseller: voice under partner",
    ]


# --- what is shown ---


def test_sums_stand_with_their_points_below_each_other_and_have_a_total():
    sums = [
        MarginSum("voice", "charge", "wholesale", "EUR", 3, Decimal("12.5"), Decimal("4.2501")),
        MarginSum("data", "charge", "wholesale", "EUR", 1, Decimal(0), Decimal("0.5")),
    ]
    with results().capture() as shown:
        results().print(margin_table("product", sums))
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    assert "voice wholesale 3 charge 12.50 EUR 4.2501 EUR 8.2499 EUR 66.0" in lines
    assert "data wholesale 1 charge 0.00 EUR 0.50 EUR -0.50 EUR" in lines
    assert "Total wholesale 4 charge 12.50 EUR 4.7501 EUR 7.7499 EUR 62.0" in lines
    assert margins_document(sums)["totals"] == [
        {
            "of": "Total",
            "paid_from": "charge",
            "rating": "wholesale",
            "currency": "EUR",
            "records": 4,
            "before": "12.5",
            "amount": "4.7501",
            "margin": "7.7499",
        }
    ]


def test_what_has_no_other_rating_is_shown_without_a_cost():
    with results().capture() as shown:
        results().print(
            others_table("product", [NotRatedOtherwise("", "adjustment", "EUR", 2, Decimal(-4))])
        )
    assert "(none) adjustment 2 -4.00 EUR" in " ".join(shown.get().split())


# --- scenarios ---

SCENARIO = """
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
plans:
  carrier: {currency: EUR, prices: {c: {product: voice, price: {model: per_unit, amount: 0.03, per: 1 min}}}}
  p:
    currency: EUR
    also_rated: {wholesale: carrier}
    prices: {v: {product: voice, price: {model: per_unit, amount: 0.10, per: 1 min, increments: 60/60}}}
"""


def outcome(line):
    """Return what is wrong with a scenario of one line, as texts."""
    text = (
        "Costs.\n\nAccount on plan p in EUR, zone UTC\n\nScenario: one line\n"
        f"    {line}\n    total 0.20 EUR\n"
    )
    read = read_scenarios("a.scenario", text, with_catalogue=False)
    assert not read.errors, read.errors
    document = check({"plans.yaml": SCENARIO.encode()}).document
    result = run_scenario(read.scenarios[0], compile(document, 0), units={"voice": "s"})
    return [str(failure) for failure in result.failures]


def test_a_scenario_says_what_usage_costs_and_what_is_left():
    line = "2 x 30 s of voice, rated as wholesale 0.03 EUR, margin over wholesale 0.17 EUR, charge 0.20 EUR"
    assert outcome(line) == []
    assert outcome(line.replace("0.03", "0.02").replace("0.17", "0.16")) == [
        "a.scenario:6: expected rated as wholesale 0.02 EUR, found rated as wholesale 0.03 EUR; "
        "expected margin over wholesale 0.16 EUR, found margin over wholesale 0.17 EUR"
    ]
    assert outcome(line.replace("over wholesale", "over reseller")) == [
        "a.scenario:6: expected margin over reseller 0.17 EUR, found no rating reseller"
    ]


# --- the command ---


def test_the_check_says_what_is_also_rated_and_what_is_not(tmp_path, capsys):
    plans = PLANS + "".join(f"  child-{number}: {{extends: p}}\n" for number in range(6))
    for name, content in files_of(plans, world=CARD).items():
        (tmp_path / name).write_bytes(content)
    assert run(["catalogue", "check", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "Usage of plans child-0, child-1, child-2, child-3, child-4 and 2 more is also rated as "
        "wholesale under carrier, but for message."
    ) in said


def test_rate_shows_what_an_event_costs(tmp_path, capsys):
    for name, content in files_of(PLANS, world=CARD).items():
        (tmp_path / name).write_bytes(content)
    usage = tmp_path.parent / "usage.jsonl"
    usage.write_text(
        '{"product": "voice", "started_at": "2026-10-14T10:30:04", "quantities": {"s": 61}, '
        '"destination": "4930", "plan": "p"}\n'
        '{"product": "voice", "started_at": "2026-10-14T10:31:04", "quantities": {"s": 120}, '
        '"destination": "4930", "plan": "p"}\n'
    )
    words = ["rate", "--catalogue", str(tmp_path), "--event", str(usage)]
    assert run(words) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Rated as wholesale under plan carrier: 1. Price carrier/calls of the catalogue" in shown
    # 61 s and 59 s are free; the rest is billed as two minutes, of which one is above the allowance.
    assert "p/calls wholesale 2 reseller 0.186 EUR 0.0905 EUR 0.0955 EUR 51.3" in shown
    assert run([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    first, _ = document["events"]
    assert [one["margin"] for one in first["charges"][0]["other_ratings"]] == [
        "-0.0660000000",
        "0.0355000000",
    ]
    assert [one["rating"] for one in document["margins"]["totals"]] == ["reseller", "wholesale"]
