"""From a catalogue to realistic usage of it: which plans there are, which numbers have a price."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path

from rating.catalogue import CatalogueDocument
from rating.catalogue.document import RateCardPrice
from sources.generate.population import Offer, Service
from sources.generate.scenario import SCENARIOS
from sources.generate.stream import Request
from sources.generate.truth import Summary
from sources.generate.write import generate

DEFAULT_DAYS = 20
RECORDS_PER_ACCOUNT = 500

# The products that the generated network elements write usage of.
_PRODUCTS = {
    Service.VOICE: {"voice"},
    Service.DEVICE: {"iot-data", "iot-message"},
    Service.METER: {"energy"},
    Service.CLIENT: {"api-calls"},
    Service.VIEWER: {"video"},
}


class Abandoned(Exception):
    """Somebody stopped the generator; the folder is not whole."""


def request_of(
    document: CatalogueDocument,
    *,
    records: int,
    seed: int,
    today: dt.date,
    scenario: str = "mixed",
    start: dt.date | None = None,
    days: int = DEFAULT_DAYS,
    accounts: int | None = None,
    horizon_days: int = 62,
) -> Request:
    """Return the request for usage of a catalogue.

    Without a start the days end with yesterday, so that nothing is too old or in the future.
    """
    chosen = SCENARIOS[scenario]
    return Request(
        scenario=chosen,
        seed=seed,
        records=records,
        start=start or today - dt.timedelta(days=days),
        days=days,
        accounts=accounts or max(20, records // RECORDS_PER_ACCOUNT),
        offers=offers_of(document),
        prefixes=priced_prefixes(document),
        shares=chosen.shares,
        horizon_days=horizon_days,
    )


def offers_of(document: CatalogueDocument) -> dict[Service, tuple[Offer, ...]]:
    """Return the plans for each service: those that have a price for all of its products."""
    offers: dict[Service, tuple[Offer, ...]] = {}
    for service, needed in _PRODUCTS.items():
        offers[service] = tuple(
            Offer(plan.code, plan.currency)
            for plan in document.plans
            if needed <= {price.product for price in plan.prices}
        )
    return offers


def priced_prefixes(document: CatalogueDocument) -> tuple[str, ...]:
    """Return the prefixes that every rate card, or every list of cards of a price, has a price for,
    so that any plan may call them. What matrices have is not among them."""
    prefixes_of = {
        card.code: tuple(dict.fromkeys(row.prefix for row in card.rows)) for card in document.cards
    }
    found = dict.fromkeys(prefix for prefixes in prefixes_of.values() for prefix in prefixes)
    together = [
        tuple(prefix for code in codes for prefix in prefixes_of[code])
        for codes in _cards_of_prices(document)
    ]
    return tuple(
        prefix for prefix in found if all(_covers(prefixes, prefix) for prefixes in together)
    )


def _cards_of_prices(document: CatalogueDocument) -> set[tuple[str, ...]]:
    """Return the codes of cards that stand together in a price; of a card in none, it alone."""
    together = {
        version.model.cards
        for plan in document.plans
        for price in plan.prices
        for version in price.versions
        if isinstance(version.model, RateCardPrice)
    }
    named = {code for codes in together for code in codes}
    return together | {(card.code,) for card in document.cards if card.code not in named}


def _covers(prefixes: tuple[str, ...], wanted: str) -> bool:
    return any(wanted.startswith(prefix) for prefix in prefixes)


def generate_stoppable(
    request: Request,
    folder: Path,
    *,
    stop: threading.Event,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Write the usage, on any thread; `Abandoned` soon after ``stop`` is set."""

    def look(records: int) -> None:
        if stop.is_set():
            raise Abandoned
        on_progress(records)

    return generate(request, folder, on_progress=look)
