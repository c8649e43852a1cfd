"""Plans that extend others: what they have of them, and what they are then."""

import textwrap
from decimal import Decimal

import pytest

from rating.catalogue import check, compile
from tests.rating_builders import PRODUCTS, VERSION, Month, document_of, event, files_of

BASE = """
    plans:
      base:
        name: Base
        currency: EUR
        allowances:
          minutes: {units: 10 min}
          gift: {amount: 1}
        prices:
          national:
            product: voice
            destinations: ["49"]
            price: {model: per_unit, amount: 0.10, per: 1 min, allowance: minutes}
          abroad: {product: voice, price: {model: per_unit, amount: 0.50, per: 1 min}}
          messages: {product: message, price: {model: flat, amount: 0.09}}
"""


def plans_of(more, base=BASE):
    text = base + textwrap.indent(textwrap.dedent(more), "      ")
    return {plan.code: plan for plan in document_of(files_of(text)).plans}


def errors_of(more):
    text = textwrap.dedent(BASE) + textwrap.indent(textwrap.dedent(more), "  ") + PRODUCTS
    return [str(error) for error in check({"plans.yaml": text.encode()}).errors]


def codes(plan):
    return [price.code for price in plan.prices]


def test_a_plan_that_only_extends_is_the_other_one_by_another_name():
    plans = plans_of("child: {extends: base}\n")
    child, base = plans["child"], plans["base"]
    assert (child.name, child.currency) == ("child", "EUR")
    assert (child.allowances, child.prices) == (base.allowances, base.prices)


def test_own_prices_come_first_and_a_code_that_is_stated_again_replaces_the_inherited_one():
    child = plans_of(
        """
        child:
          extends: base
          prices:
            austria: {product: voice, destinations: ["43"], price: {model: flat, amount: 1}}
            national: {product: voice, destinations: ["49"], price: {model: flat, amount: 2}}
        """
    )["child"]
    assert codes(child) == ["austria", "national", "abroad", "messages"]


def test_what_own_prices_hide_is_left_out():
    child = plans_of(
        """
        child:
          extends: base
          prices: {all-calls: {product: voice, price: {model: flat, amount: 1}}}
        """
    )["child"]
    assert codes(child) == ["all-calls", "messages"]


def test_a_condition_leaves_the_inherited_prices_for_everybody_else():
    child = plans_of(
        """
        child:
          extends: base
          prices:
            vip: {product: voice, when: account.vip == "gold", price: {model: flat, amount: 1}}
        """
    )["child"]
    assert codes(child) == ["vip", "national", "abroad", "messages"]


def test_allowances_are_inherited_used_and_stated_again():
    plans = plans_of(
        """
        child:
          extends: base
          allowances: {minutes: {units: 20 min, every: day}}
          prices:
            austria:
              product: voice
              destinations: ["43"]
              price: {model: per_unit, amount: 1, per: 1 min, allowance: [minutes, gift]}
        """
    )
    assert {each.code: each.units for each in plans["child"].allowances} == {
        "minutes": 1200,
        "gift": 1,
    }
    assert {each.code: each.units for each in plans["base"].allowances}["minutes"] == 600


def test_a_plan_is_as_if_it_were_written_out_in_full():
    """Its code is in the names of counters, so turning one form into the other renames nothing."""
    extending = plans_of("child: {extends: base, name: Base}\n")["child"]
    (written_out,) = document_of(files_of(BASE.replace("base:", "child:"))).plans
    assert extending == written_out


def test_charges_and_counters_have_the_code_of_the_plan_that_the_subscription_is_on():
    text = textwrap.dedent(BASE) + "  child: {extends: base}\n"
    month = Month(compile(document_of(files_of(text)), VERSION), "child")
    rated = month.rate(event(to="4930", s=60))
    assert rated.price_id == "child/national"
    assert [name for name, *_ in rated.counted if name.startswith("allowance")] == [
        "allowance:s-1:child/minutes:s"
    ]


def test_plans_extend_plans_that_extend_in_any_order_and_file():
    first = textwrap.dedent(BASE) + PRODUCTS
    grandchild = "plans: {a-grandchild: {extends: child}}\n"
    child = "plans: {child: {extends: base, prices: {data: {product: data, price: {model: flat, amount: 1}}}}}\n"
    files = {"a.yaml": grandchild, "b.yaml": child, "c.yaml": first}
    plans = document_of({name: text.encode() for name, text in files.items()}).plans
    assert [plan.code for plan in plans] == ["a-grandchild", "base", "child"]
    assert codes(plans[0]) == ["data", "national", "abroad", "messages"]


@pytest.mark.parametrize(
    ("more", "errors"),
    [
        (
            "child: {extends: bsae}\n",
            [
                "plans.yaml:16: plans.child.extends: expected the code of a plan: base, child, found 'bsae'"
            ],
        ),
        (
            "child: {extends: child}\n",
            [
                "plans.yaml:16: plans.child.extends: expected a plan that does not extend this one, "
                "found 'child extends child'"
            ],
        ),
        (
            "a: {extends: b}\nb: {extends: c}\nc: {extends: a}\n",
            [
                "plans.yaml:18: plans.c.extends: expected a plan that does not extend this one, "
                "found 'a extends b extends c extends a'"
            ],
        ),
        (
            "child: {extends: base, currency: GBP}\n",
            [
                "plans.yaml:16: plans.child.currency: expected EUR, as base has, which the plan extends, "
                "found 'GBP'"
            ],
        ),
        (
            "child:\n  extends: base\n  allowances:\n    minutes: {units: 5 GB}\n",
            [
                "plans.yaml:19: plans.child.allowances.minutes: expected an allowance in s that takes "
                "exact, as in base: its prices name it, found one in B that takes exact"
            ],
        ),
        (
            "child:\n  extends: base\n  allowances:\n    gift: {units: 5 min, consume: increments}\n",
            [
                "plans.yaml:19: plans.child.allowances.gift: expected an allowance in money, as in base: "
                "its prices name it, found one in s that takes increments"
            ],
        ),
    ],
)
def test_an_error_is_named_where_it_can_be_corrected(more, errors):
    assert errors_of(more) == errors


def test_there_is_an_end_to_levels():
    chain = "".join(f"p{n}: {{extends: p{n + 1}}}\n" for n in range(20)) + "p20: {extends: base}\n"
    first, *_ = errors_of(chain)
    assert "expected at most 8 plans, each extending the next, found one more, p9" in first


def test_a_price_of_the_same_code_stands_in_the_place_of_the_inherited_one():
    """The catch-all is restated: calls within the country keep the price that stands before it."""
    document = check(
        {
            "plans.yaml": b"""
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
plans:
  base:
    currency: EUR
    prices:
      national: {product: voice, destinations: ["49"], price: {model: flat, amount: 0.05}}
      international: {product: voice, price: {model: flat, amount: 0.90}}
  gold:
    extends: base
    prices:
      special: {product: voice, destinations: ["4420"], price: {model: flat, amount: 0.10}}
      international: {product: voice, price: {model: flat, amount: 0.50}}
"""
        }
    ).document
    gold = {plan.code: plan for plan in document.plans}["gold"]
    assert [price.code for price in gold.prices] == ["special", "national", "international"]
    assert gold.prices[-1].versions[0].model.amount == Decimal("0.50")
