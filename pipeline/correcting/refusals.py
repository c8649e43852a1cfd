"""Months that are not corrected: what does not come out again as it was, or not as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from counters.count import product_counter
from pipeline.correcting.counters import decimals_of
from pipeline.correcting.history import History
from pipeline.correcting.replay import Replayed
from pipeline.correcting.sums import Sum, sums_of, whole_month
from pipeline.correcting.together import HangsTogether, Together
from pipeline.errors import CannotCorrect
from schemas.correction import CORRECTIONS, CorrectedCharge, CorrectedCounter
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import records_of
from sinks.charge_history import HistoryRow

_PRODUCT = "product:"
_SHOWN = 5


def refuse_other_amounts(history: History, found: Replayed) -> None:
    """Raise `CannotCorrect` where the replay came to other amounts than the ledger."""
    ledger = sums_of(history.rows)
    replayed = sums_of(whole_month(history, found))
    for price in sorted(ledger.keys() | replayed.keys(), key=str):
        was, now = ledger.get(price, Sum()), replayed.get(price, Sum())
        if was.amount != now.amount:
            raise CannotCorrect(
                f"{history.account_id}: what was charged under {price.price_id} comes to "
                f"{to_text(was.amount)} {price.currency}; rated again as it was then it comes to "
                f"{to_text(now.amount)}. Nothing was corrected. Operator action: run `ratemill verify`; where "
                "it finds nothing, report this."
            )
        differing = now.minus(was).others
        if differing:
            raise CannotCorrect(
                f"{history.account_id}: what the usage charged under {price.price_id} comes to as "
                f"{' and '.join(next(iter(differing)))} is not what comes out when it is rated again as it "
                "was then. Operator action: run `ratemill verify`; where it finds nothing, report this."
            )


def refuse_alone(history: History, found: Replayed) -> None:
    """Raise `HangsTogether` where prices look at what other months count."""
    for name, start_ms in sorted(found.asked | found.counters.keys()):
        if not history.month_start_ms <= start_ms < history.month_end_ms:
            raise HangsTogether(
                f"{history.account_id}: the month takes of what other months take of as well ({name}), and "
                "is corrected with them."
            )


def refuse_other_counters(account_id: str, together: Together, found: Replayed) -> None:
    """Raise `CannotCorrect` where the replay of months that hang together came to other counters than
    the ledger has."""
    ledger = {(each.counter, each.period_start_ms): each for each in together.by_now}
    for name, start_ms in sorted(ledger.keys() | found.counters.keys()):
        says, comes_to = (
            (each.records, Decimal(each.quantity), Decimal(each.amount))
            if each
            else (0, ZERO, ZERO)
            for each in (ledger.get((name, start_ms)), found.counters.get((name, start_ms)))
        )
        if says != comes_to and name != CORRECTIONS:
            raise CannotCorrect(
                f"{account_id}: {name} is another one in the ledger than comes out when the usage is rated "
                "again as it was then. Nothing was corrected. Operator action: run the command again, while "
                "no usage of the account comes in; where it says so again, run `ratemill verify`, and report "
                "this where that finds nothing."
            )


def not_rated(history: History, rows: list[HistoryRow], found: Replayed) -> CannotCorrect:
    by_place = dict(found.refused)
    shown = "\n".join(f"  {why}" for why in list(dict.fromkeys(by_place.values()))[:_SHOWN])
    return CannotCorrect(
        f"{history.account_id}: {len(by_place):,} of {len(rows):,} records would have no price:\n{shown}\n"
        "Operator action: publish a catalogue that prices them; nothing was corrected."
    )


def refuse_filtered(history: History, rows: list[HistoryRow], found: Replayed) -> None:
    """Raise `CannotCorrect` where records that were charged would not be any more."""
    charged = {one.identity for one in found.charges if records_of(one.usage_kind) == 1}
    missing = [row.charge_id for row in rows if row.identity not in charged]
    if missing:
        raise CannotCorrect(
            f"{history.account_id}: {len(missing):,} records would be filtered, and have a charge, such as "
            f"{', '.join(missing[:_SHOWN])}. Operator action: take them back first with `ratemill correct "
            "reverse`; nothing was corrected."
        )


def refuse_what_does_not_add_up(
    history: History,
    charges: Iterable[CorrectedCharge],
    counters: Iterable[CorrectedCounter],
) -> None:
    """Raise `CannotCorrect` where the charges do not come to what they make of the products' counters:
    rate would refuse them."""
    sums: dict[tuple[str, int], tuple[int, Decimal, Decimal]] = {}
    for charge in charges:
        month_ms = charge.usage_period_ms
        name = (
            product_counter(charge.product, unit=charge.unit, currency=charge.currency),
            history.month_start_ms if month_ms is None else month_ms,
        )
        records, used, amount = sums.get(name, (0, ZERO, ZERO))
        sums[name] = (
            records + records_of(charge.kind),
            EXACT.add(used, Decimal(charge.used)),
            EXACT.add(amount, Decimal(charge.amount)),
        )
    for counter in counters:
        if not counter.counter.startswith(_PRODUCT):
            continue
        records, used, amount = decimals_of(counter.before)
        more = sums.pop((counter.counter, counter.period_start_ms), (0, ZERO, ZERO))
        comes_to = (records + more[0], EXACT.add(used, more[1]), EXACT.add(amount, more[2]))
        if comes_to != decimals_of(counter.after):
            raise CannotCorrect(
                f"{history.account_id}: usage would be counted otherwise than it was as "
                f"{counter.counter.removeprefix(_PRODUCT)}: as another product, in another unit or "
                "currency. Operator action: publish the catalogue with those that it was charged in, or "
                "take the charges back; nothing was corrected."
            )
    assert not sums, "every charge moves its product's counter"
