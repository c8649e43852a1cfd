"""The sample that the demo runs on: found, in order, in the wheel, with usage for every service."""

from __future__ import annotations

import datetime as dt
import threading
import tomllib
from pathlib import Path

import pytest

from pipeline.cli.catalogue import catalogue_files
from pipeline.cli.generating import (
    Abandoned,
    generate_stoppable,
    offers_of,
    priced_prefixes,
    request_of,
)
from pipeline.demo import sample
from pipeline.demo.name import demo_installation
from pipeline.demo.report import Phases
from pipeline.settings import Settings
from rating.catalogue import check
from tests.rating_builders import CARD_HEADER, document_of, files_of

TODAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="module")
def document():
    checked = check(catalogue_files(sample.sample_catalogue()))
    assert checked.errors == ()
    return checked.document


def test_the_wheel_has_the_sample_where_the_demo_looks_for_it():
    root = Path(sample.__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    places = [str(place.relative_to(root)) for place in sample._PLACES]
    assert included[places[0]] == places[1]


def test_every_service_has_a_plan_that_prices_all_of_its_products(document):
    for service, offers in offers_of(document).items():
        assert offers, service


def test_numbers_are_drawn_from_prefixes_that_every_card_has_a_price_for(document):
    prefixes = priced_prefixes(document)
    assert prefixes
    for card in document.cards:
        known = tuple({row.prefix for row in card.rows})
        assert all(prefix.startswith(known) for prefix in prefixes)


def test_cards_of_one_price_are_one_card_to_the_generator():
    plans = (
        "plans: {p: {currency: EUR, prices: "
        "{x: {product: voice, price: {model: rate_card, card: [own, world]}}}}}"
    )
    cards = {
        "own": f"{CARD_HEADER}\n4479,A,1,60,60,1\n",
        "world": f"{CARD_HEADER}\n49,B,1,60,60,1\n",
    }
    assert priced_prefixes(document_of(files_of(plans, **cards))) == ("4479", "49")


def test_usage_ends_yesterday_so_that_nothing_is_too_old_or_in_the_future(document):
    request = request_of(document, records=5000, seed=1, today=TODAY)
    assert request.start + dt.timedelta(days=request.days) == TODAY
    assert request.accounts == 20


def test_a_generator_that_is_told_to_stop_stops(document, tmp_path):
    stop = threading.Event()
    stop.set()
    request = request_of(document, records=5000, seed=1, today=TODAY)
    with pytest.raises(Abandoned):
        generate_stoppable(request, tmp_path / "usage", stop=stop)


def test_a_demo_has_a_name_of_its_own_that_is_legal_everywhere():
    now = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    one, two = demo_installation(now), demo_installation(now)
    assert one != two
    assert Settings(installation=one).installation == one


def test_the_parts_of_a_run_add_up_to_all_of_it():
    phases = Phases(10.0)
    assert phases.done("services", 12.5) == 2.5
    assert phases.done("ingest", 20.0) == 7.5
    assert phases.seconds == {"services": 2.5, "ingest": 7.5}
    assert phases.total(20.0) == 10.0
