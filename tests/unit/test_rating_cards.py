"""Several rate cards for one price: which is chosen, what is said of it, and what the check refuses."""

from decimal import Decimal as D

import msgspec
import pytest

from rating.catalogue import check, compile, diff, document_from_parts, document_to_parts
from rating.explain import sentences
from schemas.refusal import Refused
from tests.rating_builders import (
    CARD_HEADER,
    Month,
    at,
    catalogue_of,
    charge_of,
    document_of,
    event,
    files_of,
)

SPECIAL = f"{CARD_HEADER}\n44,United Kingdom,0.01,60,60,1\n"
STANDARD = (
    f"{CARD_HEADER}\n44,United Kingdom,0.05,60,60,1\n4479,Mobile,0.10,60,60,1\n49,Germany,"
    "0.04,60,60,1\n"
)


def plans(price):
    return (
        "plans:\n  p:\n    currency: EUR\n    prices:\n"
        f"      x: {{product: voice, price: {{model: rate_card, {price}}}}}\n"
    )


def month(price="card: [special, standard]", **cards):
    cards = cards or {"special": SPECIAL, "standard": STANDARD}
    return Month(catalogue_of(plans(price), **cards))


def errors_of(price, **cards):
    return [str(error) for error in check(files_of(plans(price), **cards)).errors]


def said(rated):
    return sentences(charge_of(rated))


def test_the_card_and_the_prefix_are_said_and_which_cards_had_none():
    rated = month().rate(event(to="493012345", s=60))
    assert said(rated)[2:4] == [
        "Rate card special has no price for the number at that time.",
        "The number begins with 49: Germany, on rate card standard.",
    ]
    assert said(month().rate(event(to="447912345", s=60)))[2] == (
        "The number begins with 44: United Kingdom, on rate card special."
    )


def test_that_the_longest_prefix_was_looked_for_is_said():
    rated = month("card: [special, standard], choose: longest").rate(event(to="447912345", s=60))
    assert said(rated)[2:4] == [
        "The longest prefix on the rate cards special, standard counts.",
        "The number begins with 4479: Mobile, on rate card standard.",
    ]


def test_a_number_on_none_of_the_cards_names_them_all():
    for price in ("card: [special, standard]", "card: [special, standard], choose: longest"):
        refused = month(price).rate(event(to="33123456789", s=60))
        assert isinstance(refused, Refused)
        assert refused.reason == "rating.unknown_destination"
        assert "none of the rate cards special, standard has a price" in refused.detail
        assert "3312..." in refused.detail
        assert "331234" not in refused.detail


def test_a_list_of_one_is_a_card_like_any_other():
    one, alone = (
        month(f"card: {card}").rate(event(to="49", s=60)) for card in ("[standard]", "standard")
    )
    assert one == alone


BANDS = """
bands:
  hours: {peak: [Mon-Fri 08:00-18:00], off-peak: otherwise}
cards:
  special: {file: special.csv, currency: EUR, unit: s, bands: hours}
  standard: {file: standard.csv, currency: EUR, unit: s}
"""


def banded(choice):
    """A special card whose price off the peak begins in November only."""
    special = (
        f"{CARD_HEADER},band,valid_from\n"
        "44,United Kingdom,0.06,60,60,60,peak,\n"
        "44,United Kingdom,0.03,60,60,60,off-peak,2026-11-01\n"
    )
    text = files_of(plans(f"card: [special, standard], bands_by: {choice}"))["plans.yaml"].decode()
    files = {
        "plans.yaml": (text + BANDS).encode(),
        "special.csv": special.encode(),
        "standard.csv": STANDARD.encode(),
    }
    return Month(compile(document_of(files), 1))


def call(local, s):
    usage = event(to="441234567", local=local, s=s)
    return msgspec.structs.replace(usage, ended_at_ms=at(local) + s * 1000)


@pytest.mark.parametrize(
    ("choice", "local", "amount"),
    [
        ("start", "2026-10-05T17:58", "0.24"),  # four minutes, all of them at the peak's price
        ("start", "2026-10-05T18:00", "0.20"),  # special has no price off the peak: standard
        ("end", "2026-10-05T17:58", "0.20"),
        ("split", "2026-10-05T17:00", "0.24"),
        # Special lacks a band that the call meets: it has none for this call, and standard does.
        ("split", "2026-10-05T17:58", "0.20"),
        ("split", "2026-11-05T17:58", "0.18"),
    ],
)
def test_each_card_has_its_own_bands(choice, local, amount):
    rated = banded(choice).rate(call(local, 240))
    assert rated.amount == D(amount)


def test_a_call_that_is_split_and_no_card_has_all_its_hours_is_refused():
    half = f"{CARD_HEADER},band,valid_from\n44,A,1,60,60,60,peak,\n44,A,1,60,60,60,off-peak,2026-11-01\n"
    files = files_of(plans("card: [one, other], bands_by: split"))
    text = files["plans.yaml"].decode() + BANDS.replace("special", "one").replace(
        "standard: {file: standard.csv, currency: EUR, unit: s}",
        "other: {file: other.csv, currency: EUR, unit: s, bands: hours}",
    )
    other = half + "45,B,1,60,60,60,,\n"
    files = {"plans.yaml": text.encode(), "one.csv": half.encode(), "other.csv": other.encode()}
    month = Month(compile(document_of(files), 1))
    refused = month.rate(call("2026-10-05T17:58", 240))
    assert isinstance(refused, Refused)
    assert "none of the rate cards one, other has a price for all its hours" in refused.detail
    assert not isinstance(month.rate(call("2026-11-05T17:58", 240)), Refused)


@pytest.mark.parametrize(
    ("price", "error"),
    [
        (
            "card: [special, none]",
            "card: expected the code of a rate card: special, standard, found 'none'",
        ),
        ("card: [special, special]", "card: expected each card once, found special"),
        ("card: []", "card: expected a list of at least one, found an empty list"),
        ("card: standard, choose: first", "choose: expected several cards beside it, found one"),
        (
            "card: [special, standard], choose: last",
            "choose: expected first, longest, found 'last'",
        ),
        (
            "card: [special, standard], bands_by: end",
            "bands_by: expected bands beside it, found a price that has none",
        ),
        (
            "card: [standard, special]",
            "card: expected cards that some destination reaches, found special after standard, "
            "which take all of its prefixes",
        ),
        (
            "card: [standard, special], choose: longest",
            "card: expected cards that some destination reaches, found special after standard, "
            "which have all of them too",
        ),
    ],
)
def test_what_is_wrong_with_a_list_of_cards_is_an_error(price, error):
    (found,) = errors_of(price, special=SPECIAL, standard=STANDARD)
    assert found.endswith(f"plans.p.prices.x.price.{error}")


def test_a_card_behind_one_that_has_every_digit_is_never_reached():
    every = "".join(f"{digit},World,0.10,60,60,1\n" for digit in range(10))
    (found,) = errors_of("card: [all, standard]", all=f"{CARD_HEADER}\n{every}", standard=STANDARD)
    assert "found standard after all, which take all of its prefixes" in found
    nine = every.replace("4,World,0.10,60,60,1\n", "")
    assert errors_of("card: [all, standard]", all=f"{CARD_HEADER}\n{nine}", standard=STANDARD) == []


def test_a_card_in_front_of_another_for_some_time_only_leaves_it_reached():
    teaser = f"{CARD_HEADER},valid_from,valid_to\n44,UK,0,60,60,1,,2026-11-01\n"
    rest = "44,UK,0,60,60,1,2026-12-01,\n"
    later = f"{CARD_HEADER}\n44,United Kingdom,0.05,60,60,1\n"
    assert errors_of("card: [teaser, later]", teaser=teaser + rest, later=later) == []
    rest = "44,UK,0,60,60,1,2026-11-01,\n"
    (found,) = errors_of("card: [teaser, later]", teaser=teaser + rest, later=later)
    assert "found later after teaser" in found


def test_where_the_longest_prefix_counts_a_shorter_one_in_front_takes_nothing():
    cards = {"short": f"{CARD_HEADER}\n4,World,0.10,60,60,1\n", "standard": STANDARD}
    assert errors_of("card: [short, standard], choose: longest", **cards) == []
    (found,) = errors_of("card: [short, standard]", **cards)
    assert "found standard after short" in found


@pytest.mark.parametrize(
    ("since", "never"), [("2026-11-01", False), ("", True)], ids=["an hour is left", "none is"]
)
def test_a_card_in_front_takes_a_prefix_if_it_does_in_all_of_its_bands(since, never):
    special = (
        f"{CARD_HEADER},band,valid_from\n4,World,0.06,60,60,60,peak,\n"
        f"4,World,0.03,60,60,60,off-peak,{since}\n"
    )
    text = files_of(plans("card: [special, standard]"))["plans.yaml"].decode() + BANDS
    files = {
        "plans.yaml": text.encode(),
        "special.csv": special.encode(),
        "standard.csv": STANDARD.encode(),
    }
    assert bool(check(files).errors) == never


def test_cards_of_one_price_are_in_one_currency_and_unit():
    text = files_of(plans("card: [special, standard]"))["plans.yaml"].decode() + (
        "cards:\n  special: {file: special.csv, currency: GBP, unit: s}\n"
        "  standard: {file: standard.csv, currency: EUR, unit: min}\n"
    )
    errors = check(
        {
            "plans.yaml": text.encode(),
            "special.csv": SPECIAL.encode(),
            "standard.csv": STANDARD.encode(),
        }
    ).errors
    assert [str(error).partition(": expected ")[2] for error in errors] == [
        "a card in EUR, as the plan, found special in GBP",
        "a card per s, as the product, found standard per min",
    ]


def test_at_most_eight_cards():
    cards = {f"c{number}": f"{CARD_HEADER}\n4{number},X,1,60,60,1\n" for number in range(9)}
    (found,) = errors_of(f"card: [{', '.join(cards)}]", **cards)
    assert found.endswith("card: expected at most 8 cards, found 9")


def test_a_change_of_the_cards_is_a_line():
    def document(price):
        return document_of(files_of(plans(price), special=SPECIAL, standard=STANDARD))

    before = document("card: [special, standard]")
    assert document_from_parts(*document_to_parts(before)) == before
    (longest,) = diff(before, document("card: [special, standard], choose: longest"))
    assert str(longest) == "plan p, price x, choose: the first -> the longest prefix"
    (one,) = diff(before, document("card: special"))
    assert str(one) == "plan p, price x, rate card: special, then standard -> special"
