"""Several cards of one price against looking at every row of all of them, and what is never reached."""

import datetime as dt
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from rating.catalogue import document as doc
from rating.catalogue.compile_rows import compile_card
from rating.catalogue.compiled import CardPrice, CardsPrice
from rating.catalogue.reachable import Reach
from rating.local_time import day_number
from rating.looking_up import of_cards
from rating.price.rate_card import CardChoice
from schemas.refusal import Refused
from tests.rating_builders import event

FIRST_DAY = dt.date(2026, 10, 1)
DAYS = [FIRST_DAY + dt.timedelta(days) for days in range(4)]
NUMBERS = [a + b + c for a in "123" for b in ("", "1", "2") for c in ("", "1", "2")]

digits = st.text("12", min_size=1, max_size=2)
days = st.sampled_from([None, *DAYS])
choices = st.sampled_from(CardChoice)


@st.composite
def rows(draw):
    """Rows of a card: each prefix always, or in one or two periods without overlap."""
    found = []
    for prefix in draw(st.lists(digits, min_size=1, max_size=3, unique=True)):
        edge = draw(st.sampled_from([None, None, *DAYS]))
        periods = [(None, None)]
        if edge is not None:
            periods = draw(
                st.sampled_from([[(None, edge)], [(edge, None)], [(None, edge), (edge, None)]])
            )
        found += [
            doc.CardRow(prefix, "x", D(1), D(60), D(60), D(1), D(0), None, since, until)
            for since, until in periods
        ]
    return tuple(found)


@st.composite
def cards(draw):
    return {
        code: doc.Card(code=code, currency="EUR", unit="s", rows=draw(rows()))
        for code in draw(st.sampled_from([("a", "b"), ("a", "b", "c")]))
    }


def found_on(documents, choose, number, day):
    """Return the card and the prefix that a call is priced by, or None."""
    model = CardsPrice(
        tuple(CardPrice(compile_card(code, card.rows), None) for code, card in documents.items()),
        choose,
    )
    found = of_cards(model, event(to=number), D(60), day_number(day), 0)
    if isinstance(found, Refused):
        return None
    *_, (_step, prefix, _name, code) = found[1]
    return code, prefix


def brute_force(documents, choose, number, day):
    fitting = [
        (code, row.prefix)
        for code, card in documents.items()
        for row in card.rows
        if number.startswith(row.prefix)
        and (row.valid_from or dt.date.min) <= day < (row.valid_to or dt.date.max)
    ]
    codes = list(documents)

    def order(hit):
        place, length = -codes.index(hit[0]), len(hit[1])
        return (place, length) if choose is CardChoice.FIRST else (length, place)

    return max(fitting, key=order, default=None)


@given(cards(), choices, st.sampled_from(NUMBERS), st.sampled_from(DAYS))
def test_several_cards_find_what_looking_at_every_row_finds(documents, choose, number, day):
    found = found_on(documents, choose, number, day)
    assert found == brute_force(documents, choose, number, day)


@settings(max_examples=500)
@given(cards(), choices)
def test_a_card_is_never_reached_exactly_if_no_number_reaches_it(documents, choose):
    """Of cards without bands, both ways: nothing that is used is refused, and nothing idle passes."""
    asked = [FIRST_DAY - dt.timedelta(1), *DAYS]
    reached = {
        found[0]
        for number in NUMBERS
        for day in asked
        if (found := brute_force(documents, choose, number, day)) is not None
    }
    never = Reach(documents, {}).never_reached(tuple(documents), choose)
    assert set(never) == documents.keys() - reached - {"a"}
