"""Which row of a card, of several, or of a matrix prices an event; or that none does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from rating.catalogue.compiled import CardPrice, CardsPrice, MatrixPrice, Price
from rating.catalogue.errors import quoted
from rating.dimensions import holds_prefixes
from rating.local_time import local_time, minute_name
from rating.price.bands import BandChoice, Bands
from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import CardChoice, RateCard, RateCardRow
from rating.scheduling import call_of_rows
from schemas.ledger import ExplanationStep
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

_SHOWN_DIGITS = 4  # of a number in a refusal: enough to see the country, no whole number
_LONG_NUMBER = re.compile(rf"([0-9]{{{_SHOWN_DIGITS}}})[0-9]+")

Found = tuple[Price, tuple[ExplanationStep, ...]]
"""A price, and the steps that say which it is."""


def of_card(
    model: CardPrice, event: UsageEvent, used: Decimal, day: int, minute: int
) -> Found | Refused:
    """Return the price of the longest prefix, and the steps that say so."""
    bands, card = model.bands, model.card
    number = event.destination or ""
    if bands is None:
        row = card.find(number, day=day, band=None)
        if row is not None:
            return row.price, (_prefix_step(card, row),)
    elif model.choice is BandChoice.START:  # most cards: the local time is known
        band = bands.at(day, minute)
        row = card.find(number, day=day, band=band)
        if row is not None:
            return row.price, (_prefix_step(card, row), ("band", band, minute_name(minute)))
    else:
        band, at_ms = deciding_band(bands, model.choice, event, day, minute)
        row = card.find(number, day=day, band=band)
        if row is not None:
            found = _on_card(_Hit(model, row, band, at_ms), event, used, day)
            if found is not None:
                return found
            said = f"rate card {card.code}, in all the hours, has no price"
            return unknown_destination(said, number)
    return unknown_destination(f"rate card {card.code} has no price", number)


class _Hit(NamedTuple):
    """The row that a card has for an event."""

    model: CardPrice
    row: RateCardRow
    band: str | None
    at_ms: int  # the instant that decided the band


def of_cards(
    model: CardsPrice, event: UsageEvent, used: Decimal, day: int, minute: int
) -> Found | Refused:
    """Return the price of the card that comes first, or that has the longest prefix, and the steps
    that say so. A card that has no row for all of an event's bands is one that has none."""
    hits = _hits(model, event, day, minute)
    is_longest = model.choose is CardChoice.LONGEST
    if is_longest:  # sorted() keeps the order of equal ones: the earlier card comes first
        hits = iter(sorted(hits, key=lambda hit: -len(hit.row.prefix)))
    for hit in hits:
        found = _on_card(hit, event, used, day)
        if found is None:
            continue
        price, steps = found
        if is_longest:
            return price, (("longest_of", *model.codes), *steps)
        before = model.codes[: model.cards.index(hit.model)]
        return price, ((("cards_without", *before), *steps) if before else steps)
    codes = ", ".join(model.codes)
    hours = " for all its hours" if model.cards[0].choice is BandChoice.SPLIT else ""
    return unknown_destination(
        f"none of the rate cards {codes} has a price{hours}", event.destination
    )


def _hits(model: CardsPrice, event: UsageEvent, day: int, minute: int) -> Iterator[_Hit]:
    """Yield the rows of the cards that have one, in the order of the cards."""
    number = event.destination or ""
    for each in model.cards:
        band, at_ms = None, event.started_at_ms
        if each.bands is not None:
            band, at_ms = deciding_band(each.bands, each.choice, event, day, minute)
        row = each.card.find(number, day=day, band=band)
        if row is not None:
            yield _Hit(each, row, band, at_ms)


def _on_card(hit: _Hit, event: UsageEvent, used: Decimal, day: int) -> Found | None:
    """Return the price of a row; None where it is split and its card lacks a band of the event."""
    model, row, band, at_ms = hit
    card, bands = model.card, model.bands
    step = _prefix_step(card, row)
    if bands is None or band is None:
        return row.price, (step,)
    if model.choice is not BandChoice.SPLIT:
        return row.price, (step, band_step(model.choice, band, at_ms, event.zone))

    def price_in(name: str) -> PerUnitPrice | None:
        found = card.find(event.destination or "", day=day, band=name)
        return None if found is None else found.price

    call = call_of_rows(price_in, row.price, bands, event=event, used_units=used.copy_abs())
    return None if call is None else (call, (step,))


def _prefix_step(card: RateCard, row: RateCardRow) -> ExplanationStep:
    return "prefix", row.prefix, row.destination, card.code


def of_matrix(
    model: MatrixPrice, event: UsageEvent, used: Decimal, day: int, minute: int
) -> Found | Refused:
    """Return the price of the most specific row, and the steps that say so."""
    matrix, bands = model.matrix, model.bands
    said = [read(event) or "" for read in model.readings]
    band, at_ms = None, event.started_at_ms
    if bands is not None:
        band, at_ms = deciding_band(bands, model.choice, event, day, minute)
    row = matrix.find(said, day=day, band=band)
    if row is None:
        return _no_row(model, said, "")
    stated = [
        part
        for dimension, value in zip(model.dimensions, row.values, strict=True)
        if value
        for part in (dimension, value)
    ]
    step = ("matrix", matrix.code, row.name, *stated)
    if bands is None or band is None:
        return row.price, (step,)
    if model.choice is not BandChoice.SPLIT:
        return row.price, (step, band_step(model.choice, band, at_ms, event.zone))

    def price_in(name: str) -> PerUnitPrice | None:
        found = matrix.find(said, day=day, band=name)
        return None if found is None else found.price

    call = call_of_rows(price_in, row.price, bands, event=event, used_units=used.copy_abs())
    return _no_row(model, said, ", in all the hours,") if call is None else (call, (step,))


def _no_row(model: MatrixPrice, said: list[str], hours: str) -> Refused:
    had = ", ".join(
        f"{dimension} {_shown(dimension, value)}"
        for dimension, value in zip(model.dimensions, said, strict=True)
    )
    return Refused(
        RefusalReason.NO_MATCHING_ROW,
        f"matrix {model.matrix.code}{hours} has no row for what the event has: {had}. Operator "
        f"action: publish a matrix with a row for it, or correct the mapping; {STAYS}",
    )


def _shown(dimension: str, value: str) -> str:
    """Return what an event has, without a subscriber's number."""
    if not value:
        return "none"
    if holds_prefixes(dimension):
        return f"{value[:_SHOWN_DIGITS]}..."
    # Also a service class or an attribute may hold a number.
    return quoted(_LONG_NUMBER.sub(r"\1...", value))


def unknown_destination(said: str, destination: str | None) -> Refused:
    """Return the refusal of a destination that something has no price for; ``said``: that."""
    shown = "the event has none" if not destination else f"{destination[:_SHOWN_DIGITS]}..."
    return Refused(
        RefusalReason.UNKNOWN_DESTINATION,
        f"{said} for this destination: {shown}. Operator action: publish a card "
        f"with its prefix; {STAYS}",
    )


def deciding_band(
    bands: Bands, choice: BandChoice, event: UsageEvent, day: int, minute: int
) -> tuple[str, int]:
    """Return the band that decides, and its instant; a split begins with that of the start."""
    if choice is not BandChoice.END or event.ended_at_ms is None:
        return bands.at(day, minute), event.started_at_ms
    # The end is outside: a call that ends at eight has no part of what begins at eight.
    last_ms = max(event.started_at_ms, event.ended_at_ms - 1)
    return bands.at_instant(last_ms, zone=event.zone), last_ms


def band_step(choice: BandChoice, band: str, at_ms: int, zone: str) -> ExplanationStep:
    """Return the step that says which band decided, and when in the week its instant was."""
    code = "band_end" if choice is BandChoice.END else "band"
    return code, band, minute_name(local_time(at_ms, zone=zone)[1])
