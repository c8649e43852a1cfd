"""Bill periods and hours: when the next period begins, which hours a time is in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from schemas.period import anchored_month_of, from_ms, to_ms
from tests.conformance.adapters.saas_engine import DAY, rated_usage
from tests.conformance.engine import Engine, one_price
from tests.conformance.outcome import Adapter
from tests.conformance.vector import Vector

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # 0 is Monday
MINUTES_OF_DAY = 24 * 60


def month_anchor(vector: Vector) -> dict[str, Any]:
    """Return when the next bill period begins."""
    day = dt.datetime.fromisoformat(vector.usage).replace(tzinfo=dt.UTC)
    anchor_day = int(vector.price["anchor_day"])
    _, end_ms = anchored_month_of(to_ms(day), zone="UTC", anchor_day=anchor_day)
    return {"next": from_ms(end_ms).date().isoformat()}


def time_window(vector: Vector) -> dict[str, Any]:
    """Return whether a time is in a window of hours, on the weekdays stated; a window over midnight
    is one of each of these days, before its end and from its start on."""
    stated = vector.price
    start, end = stated.get("start") or "00:00", stated.get("end") or "24:00"
    days = [f"{_WEEKDAYS[day]} " for day in stated.get("days_of_week") or ()]
    all_day = minutes_between(start, end) == MINUTES_OF_DAY
    inside = [f"{day}{start}-{end}" for day in days or [""]] if start != end else []
    covered = all_day and len(set(days)) in (0, len(_WEEKDAYS))
    bands = with_rest({"inside": inside} if inside else {}, "outside", covered=covered)
    return {"inside": band_at(by_bands(bands), moment(vector.usage)) == "inside"}


def by_bands(bands: Mapping[str, Any]) -> Engine:
    """Return an engine whose price is one of bands."""
    amounts = dict.fromkeys(bands, "1")
    price = {"model": "per_unit", "per": "1", "bands": "hours", "amounts": amounts}
    return one_price(price, bands={"hours": bands})


def with_rest(bands: Mapping[str, Any], rest: str, *, covered: bool) -> dict[str, Any]:
    """Return bands with one for what is left of the week, unless they cover it."""
    return dict(bands) if covered else {**bands, rest: "otherwise"}


def band_at(engine: Engine, at: str) -> str:
    """Return the band that a charge says it is of."""
    rated = rated_usage(engine, engine.event("x", unit=1, at=at))
    return next(step[1] for step in rated.explanation if step[0] == "band")


def moment(stated: str) -> str:
    """Return a time with its day."""
    return stated if "T" in stated else f"{DAY}T{stated}"


def minutes_between(start: str, end: str) -> int:
    """Return how long a window is that ends on its day, or after midnight."""
    first, last = (int(text[:2]) * 60 + int(text[3:5]) for text in (start, end))
    return last - first if last >= first else last - first + MINUTES_OF_DAY


MODELS: Adapter = {
    "month_anchor": month_anchor,
    "time_window": time_window,
    "time_window_days": time_window,
}
