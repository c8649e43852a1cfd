"""A catalogue rates the same wherever it was: written, published, read back."""

from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import compile, content_digest, document_from_parts, document_to_parts
from rating.local_time import MINUTES_OF_WEEK
from tests.rating_builders import CARD_HEADER, VERSION, Month, document_of, event, files_of

PLANS = """
    bands:
      hours: {peak: ["Mon-Fri 08:00-20:00", "Sat 10:00-14:00"], night: [Mon-Sun 22:00-06:00],
              off-peak: otherwise}
    plans:
      p:
        currency: EUR
        allowances: {a: {units: 10 min}}
        prices:
          near:
            product: voice
            destinations: ["49"]
            price:
              model: per_unit
              bands: hours
              amounts: {peak: 0.09, night: 0.01, off-peak: 0.05}
              per: 1 min
              increments: 60/1
              allowance: a
          far: {product: voice, price: {model: rate_card, card: world}}
          data:
            product: data
            price: {model: graduated, per: 1 kB, tiers: [{upto: 5 kB, amount: 0.10}, {amount: 0.07}]}
          message: {product: message, price: {model: flat, amount: 0.09}}
"""
CARD = f"{CARD_HEADER},valid_from\n1,Zone 1,0.02,60,60,60,\n1242,Bahamas,0.030,60,30,6,2026-10-10\n"
WRITTEN = document_of(files_of(PLANS, world=CARD))
PUBLISHED = document_from_parts(*document_to_parts(WRITTEN))
CATALOGUES = [compile(document, VERSION) for document in (WRITTEN, PUBLISHED)]

local_times = st.builds(
    "2026-10-{:02}T{:02}:{:02}".format, st.integers(1, 31), st.integers(0, 23), st.integers(0, 59)
)
events = st.one_of(
    st.builds(
        lambda to, s, local: event(to=to, s=s, local=local),
        st.sampled_from(["4930", "1212", "124255", "7"]),
        st.integers(0, 400),
        local_times,
    ),
    st.builds(lambda B, local: event("data", B=B, local=local), st.integers(0, 3000), local_times),
    st.builds(lambda local: event("message", local=local), local_times),
)


@given(st.lists(events, max_size=15))
def test_a_document_that_was_published_rates_the_same(usages):
    months = [Month(catalogue) for catalogue in CATALOGUES]
    for usage in usages:
        written, published = (month.rate(usage) for month in months)
        assert written == published
        assert str(written) == str(published), "to the last digit"
    assert content_digest(WRITTEN) == content_digest(PUBLISHED)


def test_every_minute_of_the_week_has_a_band():
    bands = CATALOGUES[0].plans["p"].offers["voice"].entries[0].rules[0].model.bands
    named = [bands.at(0, minute) for minute in range(MINUTES_OF_WEEK)]
    assert {name: named.count(name) for name in ("peak", "night", "off-peak")} == {
        "peak": 5 * 12 * 60 + 4 * 60,
        "night": 7 * 8 * 60,
        "off-peak": MINUTES_OF_WEEK - 5 * 12 * 60 - 4 * 60 - 7 * 8 * 60,
    }
