"""What differs in products, calendars, bands and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from rating.catalogue.differences.dates import said_day
from rating.catalogue.differences.difference import Difference, Kind
from rating.catalogue.differences.names import called
from rating.catalogue.differences.parts import Change, Part, changes, described, money, words
from rating.catalogue.document import (
    Band,
    BandSet,
    BelowZero,
    Calendar,
    CatalogueDocument,
    ExchangeTable,
    Product,
    Special,
    Window,
    ZeroUsage,
)
from rating.local_time import WEEKDAYS
from schemas.decimals import to_text
from schemas.limit import SCOPE_ACCOUNT, ChargeLimit

T = TypeVar("T")


def product_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in products."""
    names = called(old.products, new.products)
    yield from by_parts(
        "products",
        {each.code: each for each in old.products},
        {each.code: each for each in new.products},
        lambda code: f"product {names[code]}",
        _product,
    )


def limit_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in charge limits."""
    yield from by_parts(
        "limits",
        {each.limit_id: each for each in old.limits},
        {each.limit_id: each for each in new.limits},
        lambda code: f"limit {code}",
        _limit,
    )


def calendar_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in calendars: the days that came and went."""
    olds = {each.code: each for each in old.calendars}
    news = {each.code: each for each in new.calendars}
    for code in sorted(olds.keys() | news.keys()):
        was, is_now = olds.get(code), news.get(code)
        at, thing = f"calendars.{code}", f"calendar {code}"
        if was is None or is_now is None:
            yield whole(at, thing, _days(was), _days(is_now))
            continue
        gone = [day for day in was.days if day not in is_now.days]
        come = [day for day in is_now.days if day not in was.days]
        for kind, days in ((Kind.REMOVED, gone), (Kind.ADDED, come)):
            if days:
                said = ", ".join(map(said_day, days))
                before, after = (said, None) if kind is Kind.REMOVED else (None, said)
                yield Difference(kind=kind, at=at, thing=thing, before=before, after=after)


def _days(calendar: Calendar | None) -> str | None:
    return None if calendar is None else ", ".join(map(said_day, calendar.days))


def exchange_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in tables of exchange rates: each rate from its day on."""
    olds, news = ({each.code: each for each in one.exchange_rates} for one in (old, new))
    for code in sorted(olds.keys() | news.keys()):
        at, thing = f"exchange_rates.{code}", f"exchange rates {code}"
        before, after = (_rates(each) for each in (olds.get(code), news.get(code)))
        yield from (of_change(at, thing, change) for change in changes(before, after))


def _rates(table: ExchangeTable | None) -> list[Part]:
    if table is None:
        return []
    pair = f"{table.from_currency} in {table.to_currency}"
    return [
        words("pair", pair),
        *(
            Part(
                each.valid_from.isoformat(),
                f"from {said_day(each.valid_from)} on",
                to_text(each.rate),
                to_text(each.rate),
                (each.rate, Decimal(1)),
            )
            for each in table.rates
        ),
    ]


def band_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in sets of bands: the hours of a band."""
    olds = {each.code: each for each in old.bands}
    news = {each.code: each for each in new.bands}
    for code in sorted(olds.keys() | news.keys()):
        was, is_now = olds.get(code), news.get(code)
        at, thing = f"bands.{code}", f"bands {code}"
        if was is None or is_now is None:
            yield whole(at, thing, _band_set(was), _band_set(is_now))
            continue
        before, after = (
            {band.code: described(_band(band)) for band in each.bands} for each in (was, is_now)
        )
        for band in sorted(before.keys() | after.keys()):
            if before.get(band) != after.get(band):
                named = f"{thing}, {band}"
                yield whole(f"{at}.{band}", named, before.get(band), after.get(band))


def _band_set(bands: BandSet | None) -> str | None:
    if bands is None:
        return None
    return "; ".join(f"{band.code} {described(_band(band))}" for band in bands.bands)


def whole(at: str, thing: str, before: str | None, after: str | None) -> Difference:
    """Return the difference of a thing that is said in one text; None: it was not there."""
    kind = Kind.CHANGED
    if before is None or after is None:
        kind = Kind.ADDED if before is None else Kind.REMOVED
    return Difference(kind=kind, at=at, thing=thing, before=before, after=after)


def of_change(at: str, thing: str, change: Change) -> Difference:
    """Return the difference that one part of a thing makes."""
    kind = Kind.CHANGED
    if change.before is None or change.after is None:
        kind = Kind.ADDED if change.before is None else Kind.REMOVED
    return Difference(
        kind=kind,
        at=at,
        thing=thing,
        what=change.name,
        before=change.before,
        after=change.after,
        change_percent=change.percent,
    )


def by_parts(
    section: str,
    olds: Mapping[str, T],
    news: Mapping[str, T],
    thing_of: Callable[[str], str],
    parts_of: Callable[[T], list[Part]],
) -> Iterator[Difference]:
    """Yield what differs in things that are told apart by their code."""
    for code in sorted(olds.keys() | news.keys()):
        at, thing = f"{section}.{code}", thing_of(code)
        before, after = (parts_of(each[code]) if code in each else None for each in (olds, news))
        if before is None or after is None:
            was, is_now = (None if each is None else described(each) for each in (before, after))
            yield whole(at, thing, was, is_now)
            continue
        for change in changes(before, after):
            yield of_change(at, thing, change)


def _product(product: Product) -> list[Part]:
    return [
        words("name", product.name)._replace(default=product.name == product.code),
        words("type", product.product_type),
        words("usage kind", product.usage_kind),
        words("unit", product.unit),
        words("zero usage", product.zero_usage.value, default=ZeroUsage.RATE.value),
        words("below zero", product.below_zero.value, default=BelowZero.REFUSE.value),
        words("tax code", product.tax_code or ""),
    ]


def _limit(limit: ChargeLimit) -> list[Part]:
    records = "" if limit.records is None else str(limit.records)
    return [
        words("of", limit.scope),
        money("amount", limit.amount, limit.currency or ""),
        words("records", records),
        words("invoices", limit.invoice_scope, default=SCOPE_ACCOUNT),
    ]


def _band(band: Band) -> list[Part]:
    return [
        words("week", _windows(band.windows), name=""),
        *(
            words(_special_days(each), _windows(each.windows), default="no hours")._replace(
                default=False
            )
            for each in band.special
        ),
    ]


def _special_days(special: Special) -> str:
    if special.season is not None:
        first, last = special.season.first, special.season.last
        return f"{_month_day(first)}..{_month_day(last)}"
    return f"holidays {special.calendar}"


def _month_day(number: int) -> str:
    return f"{number // 100:02}-{number % 100:02}"


def _windows(windows: Iterable[Window]) -> str:
    """Return windows as they are written, days with the same hours together: ``Mon-Fri
    08:00-18:00, Sat 10:00-14:00``."""
    days: dict[tuple[int, int], list[int]] = {}
    for window in windows:
        days.setdefault((window.from_minute, window.to_minute), []).append(window.weekday)
    said = []
    for (start, end), weekdays in days.items():
        hours = "" if (start, end) == (0, 24 * 60) else f" {_clock(start)}-{_clock(end)}"
        said += [f"{run}{hours}" for run in _runs(weekdays)]
    return ", ".join(said)


def _runs(weekdays: list[int]) -> Iterator[str]:
    """Yield runs of days that follow each other: ``Mon-Fri``, ``Sun``."""
    start = 0
    for index, day in enumerate(weekdays):
        if index + 1 == len(weekdays) or weekdays[index + 1] != day + 1:
            first, last = WEEKDAYS[weekdays[start]], WEEKDAYS[day]
            yield first if first == last else f"{first}-{last}"
            start = index + 1


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
