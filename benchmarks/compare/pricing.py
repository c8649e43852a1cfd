"""The work that every compared program in Python does for an event, whatever keeps its counters.

Prices are Ratemill's own functions, so that all come to the same charges. Three counters are kept:
the one that the price asks for (its tier or allowance, where it has one), the product's month, and
what the account has to pay in all. Left out, to the advantage of the others: reference data, charge
limits, closed months, set hashes, proofs, and the explanation in the charge.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from benchmarks.compare.event import Charge, charge_to_json, event_from_json, usage_of
from benchmarks.counted import counted
from rating.catalogue import check
from rating.catalogue import compile as compile_catalogue
from rating.rate import Selected, charge, select
from schemas.period import month_start_of

Get = Callable[[str], str | None]
Put = Callable[[str, str], None]


class Pricing:
    """The catalogue of a folder, ready to rate events by."""

    def __init__(self, catalogue: Path) -> None:
        files = {
            str(path.relative_to(catalogue)): path.read_bytes()
            for path in sorted(catalogue.rglob("*"))
            if path.is_file()
        }
        document = check(files).document
        assert document is not None
        self._catalogue = compile_catalogue(document, 1)

    def rate(self, value: bytes, get: Get, put: Put) -> bytes | None:
        """Return the charge for an event, after its counters were fetched and put; None for none."""
        event = event_from_json(value)
        usage = usage_of(event)
        selected = select(self._catalogue, usage, event.plan, event.currency)
        if not isinstance(selected, Selected):
            return None
        period_ms = month_start_of(usage.started_at_ms, zone=usage.zone)
        names = {name: f"{name}/{period_ms}" for name in selected.counters}
        before = {name: counted(get(key)) for name, key in names.items()}
        rated = charge(selected, before)
        for name, quantity, amount in rated.counted:
            put(names[name], before[name].text_with(quantity, amount))
        total = f"product:{rated.product}/{period_ms}"
        after = counted(get(total)).text_with(rated.used, rated.amount)
        put(total, after)
        put("unbilled", counted(get("unbilled")).text_with(Decimal(0), rated.amount))
        return charge_to_json(
            Charge(
                charge_id=event.id,
                account_id=event.account_id,
                product=rated.product,
                used=rated.used,
                billed=rated.billed,
                free=rated.free,
                unit=rated.unit,
                amount=rated.amount,
                currency=rated.currency,
                price_id=rated.price_id,
                started_at_ms=event.started_at_ms,
                counter_after=after,
            )
        )
