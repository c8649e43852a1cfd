"""One price for several products: it is as if it had been written out for each."""

import pytest

from rating.catalogue import check, compile
from tests.rating_builders import VERSION, Month, document_of, event

PRODUCTS = """\
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  silent: {type: telephony, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: B}
"""
LINE = PRODUCTS.count("\n") + 6  # that says which products

PLAN = """\
plans:
  p:
    currency: EUR
    prices:
      calls:
        %s
        when: account.vip != "gold"
        price: {model: graduated, per: 1 s, tiers: [{upto: 10 s, amount: 1}, {amount: 2}]}
"""


def files_of(text):
    return {"plans.yaml": (PRODUCTS + text).encode()}


def prices_of(named):
    (plan,) = document_of(files_of(PLAN % named)).plans
    return [(price.code, price.product) for price in plan.prices]


def errors_of(named):
    return [str(error) for error in check(files_of(PLAN % named)).errors]


def test_a_price_of_some_products_and_of_a_type_is_one_for_each():
    wanted = [("calls.silent", "silent"), ("calls.voice", "voice")]
    assert prices_of("products: [silent, voice]") == wanted
    assert prices_of("product_type: telephony") == wanted
    assert prices_of("product: voice") == [("calls", "voice")]


def test_the_tiers_of_one_product_are_not_those_of_another():
    catalogue = compile(document_of(files_of(PLAN % "product_type: telephony")), VERSION)
    month = Month(catalogue)
    charged = [month.rate(event(product, s=10)) for product in ("voice", "silent", "voice")]
    assert [rated.amount for rated in charged] == [10, 10, 20]
    assert charged[0].price_id == "p/calls.voice"


@pytest.mark.parametrize(
    ("named", "errors"),
    [
        (
            "products: [voice, vocie]",
            [
                f"plans.yaml:{LINE + 0}: plans.p.prices.calls.products: expected a product code: voice, silent, "
                "data, found 'vocie' (did you mean voice?)"
            ],
        ),
        (
            "products: [voice, voice]",
            [
                f"plans.yaml:{LINE + 0}: plans.p.prices.calls.products: expected each product once, found 'voice'"
            ],
        ),
        (
            "product_type: telefony",
            [
                f"plans.yaml:{LINE + 0}: plans.p.prices.calls.product_type: expected the type of a product: data, "
                "telephony, found 'telefony' (did you mean telephony?)"
            ],
        ),
        (
            "product: voice\n        products: [silent]",
            [
                f"plans.yaml:{LINE + 1}: plans.p.prices.calls: expected one of product, products, product_type, "
                "found product and products"
            ],
        ),
    ],
)
def test_an_error_is_named(named, errors):
    assert errors_of(named) == errors


def test_units_must_fit_each_product():
    found = errors_of("products: [voice, data]")
    assert found
    assert all("that B measures" in error for error in found)


def test_a_code_that_comes_of_two_prices_is_an_error():
    text = PLAN % "products: [voice]"
    more = '      calls.voice: {product: voice, destinations: ["49"], price: {model: flat, amount: 1}}\n'
    found = [str(error) for error in check(files_of(text + more)).errors]
    assert found == [
        f"plans.yaml:{LINE + 3}: plans.p.prices.calls.voice: expected each code once, found calls.voice again"
    ]
