"""The rates of one call, stretch by stretch, where the hours that it lies in have their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal

from rating.price.bands import BandPart, Bands, band_parts
from rating.price.call import CallPrice, Rate, Stretch
from rating.price.per_unit import PerUnitPrice
from schemas.decimals import EXACT, ZERO
from schemas.usage import UsageEvent

_MS_IN_S = Decimal(1000)
_LONGEST_S = Decimal(400 * 86_400)  # beyond it the band of that instant prices the rest
# A card of 170,000 prefixes has hundreds of terms; where there are more, the oldest is made again.
_MOST_KEPT = 16_384

_kept: dict[tuple[int, str], tuple[PerUnitPrice, CallPrice]] = {}


def call_in_bands(
    bands: Bands,
    rates: Mapping[str, tuple[Stretch, ...]],
    connect_fee: Decimal,
    *,
    event: UsageEvent,
    used_units: Decimal,
    in_one_band: Mapping[str, CallPrice] | None = None,
) -> CallPrice:
    """Return the rates that a call of ``used_units`` seconds meets: those of the band that it lies
    in, by how far into the call that is.

    ``in_one_band``: what calls that lie in one band as a whole meet, made once, by the band.
    """
    found = _band_parts(bands, event, used_units)
    if in_one_band is not None and len(found) == 1:  # most calls
        return in_one_band[found[0].band]
    schedule: list[Stretch] = []
    parts = [(EXACT.divide(Decimal(from_ms), _MS_IN_S), band) for from_ms, band in found]
    for place, (from_s, band) in enumerate(parts):
        end_s = parts[place + 1][0] if place + 1 < len(parts) else None
        of_band = rates[band]
        for number, stretch in enumerate(of_band):
            following = of_band[number + 1].from_units if number + 1 < len(of_band) else None
            if following is not None and following <= from_s:
                continue  # it ended before the band began
            if end_s is not None and stretch.from_units >= end_s:
                break
            schedule.append(Stretch(max(from_s, stretch.from_units), stretch.rate, band))
    return CallPrice(tuple(schedule), connect_fee)


def call_of_rows(
    price_in: Callable[[str], PerUnitPrice | None],
    first: PerUnitPrice,
    bands: Bands,
    *,
    event: UsageEvent,
    used_units: Decimal,
) -> CallPrice | None:
    """Return the same of a card or matrix that has a row for each band, that of the first being
    ``first``; None where a band that the call meets has no row. All rows are to be those of the day on
    which the call began: a price list changes between calls, not within one."""
    parts = _band_parts(bands, event, used_units)
    if len(parts) == 1:  # most calls
        return _in_one_band(first, parts[0].band)
    rates = {parts[0].band: _rates_of(first, parts[0].band)}
    for _, band in parts:
        if band not in rates:
            found = price_in(band)
            if found is None:
                return None
            rates[band] = _rates_of(found, band)
    return call_in_bands(bands, rates, first.connect_fee, event=event, used_units=used_units)


def _in_one_band(price: PerUnitPrice, band: str) -> CallPrice:
    """Return what a call meets that lies in a band as a whole: for each row it is made once."""
    key = id(price), band  # of equal ones the texts of the numbers may differ
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            del _kept[next(iter(_kept))]  # the oldest
        call = CallPrice(_rates_of(price, band), price.connect_fee)
        found = _kept[key] = price, call  # with it here, its id stays its own
    return found[1]


def _rates_of(price: PerUnitPrice, band: str) -> tuple[Stretch, ...]:
    increments = price.increments
    assert increments is not None, "a row has increments"
    first = Rate(price.amount, price.per_units, increments.first_units)
    following = Rate(price.amount, price.per_units, increments.following_units)
    return Stretch(ZERO, first, band), Stretch(increments.first_units, following, band)


def _band_parts(bands: Bands, event: UsageEvent, used_units: Decimal) -> list[BandPart]:
    seconds = min(used_units, _LONGEST_S)
    duration_ms = math.ceil(EXACT.multiply(seconds, _MS_IN_S))
    return band_parts(bands, event.started_at_ms, duration_ms=duration_ms, zone=event.zone)
