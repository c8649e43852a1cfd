"""What `ratemill rate` shows a reader: events, closes of months, totals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.cli.output import money, table
from rating.units import readable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.cli.rating import ShownClosing, ShownEvent
    from rating.trial import Sums

_LEAST_PLACES = 2
_AMOUNT_WIDTH = 22  # of 999,999,999.0123456789 EUR, nearly: longer ones stand out to the left


def block_of(event: ShownEvent) -> str:
    """Return an event with each step of its charges as a sentence."""
    if event.errors:
        return "\n".join(map(str, event.errors)) + "\n"
    of_whom = f"subscription {event.subscription} of account {event.account}, plan {event.plan}"
    lines = [f"{event.file}:{event.line}: {_what(event)}, {_when(event)}", f"  {of_whom}"]
    if event.reason is not None:
        lines.append(f"  Refused: {event.reason}: {event.detail}")
    elif event.detail is not None:
        lines.append(f"  Filtered: {event.detail}.")
    for charge in event.charges:
        if charge.kind != "usage":
            lines.append("  Earlier charges have another price now:")
        lines += _numbered(charge.sentences)
        for rating in charge.other_ratings:
            lines.append(f"  Rated as {rating.name} under plan {rating.plan}:")
            lines += _numbered(rating.sentences)
    return "\n".join(lines) + "\n"


def line_of(event: ShownEvent) -> str:
    """Return an event in one line; its amount ends below those of the events before it."""
    if event.errors:
        return "; ".join(map(str, event.errors))
    came = event.outcome if event.reason is None else f"refused: {event.reason}"
    shown = [
        _plain(Decimal(one.amount), one.currency)
        + ("" if one.kind == "usage" else " for earlier charges")
        for one in event.charges
    ]
    result = " and ".join(reversed(shown)) if shown else came.rjust(_AMOUNT_WIDTH)
    others = "".join(
        f"  {rating.name} {_plain(Decimal(rating.amount), rating.currency)}, "
        f"margin {_plain(Decimal(rating.margin), rating.currency)}"
        for charge in event.charges
        for rating in charge.other_ratings
    )
    where = f"{event.file}:{event.line}  {_when(event)}  {_what(event)}"
    return f"{result.rjust(_AMOUNT_WIDTH)}  {where}{others}"


def closing_block(closing: ShownClosing) -> str:
    """Return what the close of a month asks for, with its steps as sentences."""
    of_whom = f"subscription {closing.subscription} of account {closing.account}"
    lines = [f"Close of {closing.month}: {of_whom}", *_numbered(closing.charge.sentences)]
    return "\n".join(lines) + "\n"


def totals_table(sums: Sums) -> RenderableType:
    """Return what all came to, by price, and the total of each currency."""
    rows = [
        (price, one.records, one.amount, currency)
        for (price, currency), one in sums.by_price.items()
    ]
    rows += [
        ("Total", one.records, one.amount, currency) for currency, one in sums.by_currency.items()
    ]
    cells = [
        (price, records, _plain(amount, currency)) for price, records, amount, currency in rows
    ]
    return table("Charged", ["Price", ">Events", ">Amount"], cells)


def _what(event: ShownEvent) -> str:
    used = [one for one in event.charges if one.kind == "usage"]
    quantity = f"{readable(Decimal(used[0].used), used[0].unit)} of " if used else ""
    to = "" if event.destination is None else f" to {event.destination}"
    return f"{quantity}{event.product}{to}"


def _when(event: ShownEvent) -> str:
    local = dt.datetime.fromisoformat(event.local_time)
    places = "milliseconds" if local.microsecond else "seconds"
    by_clock = local.replace(tzinfo=None).isoformat(" ", places)
    if event.zone == "UTC":
        return f"{by_clock} UTC"
    in_utc = local.astimezone(dt.UTC).time().isoformat(places)
    return f"{by_clock} {event.zone} ({in_utc} UTC)"


def _numbered(sentences: Iterable[str]) -> list[str]:
    return [f"  {number:>2}. {text}" for number, text in enumerate(sentences, start=1)]


def _plain(amount: Decimal, currency: str) -> str:
    """Return an amount as the sentences have it, with its thousands apart."""
    return money(amount, currency, places=_LEAST_PLACES)
