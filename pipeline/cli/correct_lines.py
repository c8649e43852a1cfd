"""What `ratemill correct` says of corrections, and their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.cli.output import counted, money
from rating.units import readable
from schemas.decimals import EXACT, ZERO, to_text
from schemas.period import from_ms

if TYPE_CHECKING:
    from pipeline.correcting.sums import PriceLine
    from pipeline.correcting.work_out import WorkedOut

_HALF_A_MONTH_MS = 15 * 86_400_000
_ALLOWANCE = "allowance:"


def month_of_usage(start_ms: int) -> str:
    """Return the month that begins at an instant, such as 2026-11, in the account's zone."""
    # It begins at midnight of that zone: within half a day of it in UTC.
    return from_ms(start_ms + _HALF_A_MONTH_MS).strftime("%Y-%m")


def _lines_by_month(each: WorkedOut) -> Iterator[tuple[str, PriceLine]]:
    """Yield the lines of the month that is corrected, and of those that are corrected with it."""
    months = [(each.correction.usage_period_ms, each.lines), *each.also]
    for start_ms, lines in sorted(months):
        for line in lines:
            yield month_of_usage(start_ms), line


def columns_and_rows(
    corrections: Sequence[WorkedOut],
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the table of what each month comes to under each price that changes."""
    months = {month_of_usage(each.correction.usage_period_ms) for each in corrections}
    months |= {month for each in corrections for month, _ in _lines_by_month(each)}
    has_months = len(months) > 1
    whole = "whole month" if has_months else f"whole month {''.join(months)}"
    rows: list[tuple[str, ...]] = []
    totals: dict[str, Decimal] = {}
    for each in corrections:
        for month, line in _lines_by_month(each):
            difference = line.now - line.was
            if not line.rating:
                totals[line.currency] = totals.get(line.currency, ZERO) + difference
            rows.append(
                (
                    each.account_id,
                    line.subscription_id,
                    *((month,) if has_months else ()),
                    f"{line.price_id}, as {line.rating}" if line.rating else line.price_id,
                    *(
                        money(amount, line.currency, places=2)
                        for amount in (line.was, line.now, difference)
                    ),
                )
            )
    for currency, total in sorted(totals.items()):
        empty = [""] * (5 if has_months else 4)
        rows.append(("Total", *empty, money(total, currency, places=2)))
    columns = [
        *("Account", "Subscription"),
        *(("Month",) if has_months else ()),
        *(f"Price ({whole})", ">Charged", ">Corrected", ">Difference"),
    ]
    return columns, rows


def said_of_changes(
    corrections: Sequence[WorkedOut], *, is_sent: bool, is_shown_only: bool
) -> Iterator[str]:
    """Yield what becomes of charges: ``is_sent`` where something of it is new and on its way."""
    taken_back = sum(len(each.taken_back) for each in corrections)
    if taken_back and is_shown_only:
        yield f"{counted(taken_back, 'charge')} would be taken back."
    elif taken_back and is_sent:
        yield f"{counted(taken_back, 'charge')} {_is(taken_back)} taken back."
    if is_sent or is_shown_only:
        yield from _of_other_months(corrections)
        yield from _of_catalogues(corrections)
        yield from _of_no_amounts(corrections)
        yield from _of_charges(corrections)


def said_of_sending(corrections: Sequence[WorkedOut], queued: int) -> Iterator[str]:
    """Yield what is on its way, and what was sent before."""
    before = len(corrections) - queued
    if queued:
        yield (
            f"{_corrections(corrections, queued)} {_is(queued)} on {'its' if queued == 1 else 'their'} "
            "way; `ratemill charges ACCOUNT --kind correction` shows the new charges (--kind reversal: those taken back) once they are rated and loaded."
        )
    if before:
        new = "" if queued else "Nothing new was sent: "
        was = "was" if before == 1 else "were"
        yield (
            f"{new}{_corrections(corrections, before)} {was} sent before and had no effect yet; "
            "`ratemill suspense list` shows what was refused."
        )


def _corrections(corrections: Sequence[WorkedOut], count: int) -> str:
    """Return so many corrections, each of a month of an account, by what they are of."""
    if count == 1:
        return "1 account's correction"
    if len({each.account_id for each in corrections}) == len(corrections):
        return f"{count:,} accounts' corrections"
    return f"{count:,} corrections, one for each account and month,"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _of_catalogues(corrections: Sequence[WorkedOut]) -> Iterator[str]:
    """Yield from which versions of the catalogue to which one months are rated anew."""
    newest = {each.rerated_under for each in corrections if each.rerated_under is not None}
    for version in sorted(newest):
        so_far = sorted(
            {
                old
                for each in corrections
                if each.rerated_under == version
                for old in each.rated_under
            }
        )
        versions = "version" if len(so_far) == 1 else "versions"
        yield (
            f"Rated anew by catalogue version {version}; so far it counts by {versions} "
            f"{', '.join(map(str, so_far))}."
        )


def _of_other_months(corrections: Sequence[WorkedOut]) -> Iterator[str]:
    """Yield which months are corrected besides those that were asked for."""
    months = {month_of_usage(other.month_start_ms) for each in corrections for other in each.also}
    if months:
        takes, is_ = ("take", "are") if len(months) > 1 else ("takes", "is")
        yield (
            f"{', '.join(sorted(months))} {takes} of the same allowances or discounts, and {is_} corrected "
            "too, at the same time."
        )


def _of_no_amounts(corrections: Sequence[WorkedOut]) -> Iterator[str]:
    """Yield that there are accounts of which no amount changes, for these have no line in the table."""
    same = [each for each in corrections if not each.lines and not each.also]
    if not same:
        return
    names = same[0].account_id if len(same) == 1 else counted(len(same), "month") + " of accounts"
    freed: dict[str, Decimal] = {}
    for each in same:
        for counter in each.correction.counters:
            if counter.counter.startswith(_ALLOWANCE):
                unit = counter.counter.rpartition(":")[2]
                less = EXACT.subtract(
                    Decimal(counter.before.quantity), Decimal(counter.after.quantity)
                )
                freed[unit] = EXACT.add(freed.get(unit, ZERO), less)
    free = [readable(quantity, unit) for unit, quantity in sorted(freed.items()) if quantity > 0]
    again = f"; {' and '.join(free)} of allowance are free again" if free else ""
    yield f"{names}: no amount changes under any price{again}."


def _of_charges(corrections: Sequence[WorkedOut]) -> Iterator[str]:
    """Yield how many charges come to something else, and what the ledger says of them."""
    from pipeline.correcting.work_out import Detail

    each = sum(one.corrected for one in corrections if one.detail is not Detail.SUMS)
    if each:
        yield f"Charges that come to something else: {each:,}; each has a correction of its own."
    for is_asked, why in ((False, ", more than one command holds"), (True, "")):
        summed = [
            one for one in corrections if one.detail is Detail.SUMS and one.is_summed is is_asked
        ]
        charges = sum(one.corrected for one in summed)
        if charges:
            yield (
                f"Charges that come to something else: {charges:,} in "
                f"{counted(len(summed), 'account')}{why}; they are corrected in sums, one for each price."
            )


def document_of(each: WorkedOut) -> dict[str, object]:
    """Return a correction as `--json` has it: all digits, never an exponent."""
    from pipeline.correcting.work_out import Detail

    return {
        "account": each.account_id,
        "job_id": each.correction.job_id,
        "usage_period_ms": each.correction.usage_period_ms,
        "prices": [_price(line) for line in each.lines],
        "also": [
            {"usage_period_ms": start_ms, "prices": [_price(line) for line in lines]}
            for start_ms, lines in each.also
        ],
        "taken_back": [row.charge_id for row in each.taken_back],
        "charges_corrected": each.corrected,
        "corrected_in": "sums" if each.detail is Detail.SUMS else "charges",
        "charges": [
            {
                "kind": charge.kind,
                "corrects": charge.corrects,
                "usage_period_ms": each.correction.usage_period_ms
                if charge.usage_period_ms is None
                else charge.usage_period_ms,
                "subscription": charge.subscription_id,
                "price": charge.price_id,
                "billed": charge.billed,
                "unit": charge.unit,
                "amount": charge.amount,
                "currency": charge.currency,
                "other_ratings": [
                    {"name": one.name, "plan": one.plan, "amount": one.amount}
                    for one in charge.other_ratings
                ],
            }
            for charge in each.correction.charges
        ],
        "catalogue_versions": list(each.rated_under),
        "rerated_by_catalogue": each.rerated_under,
    }


def _price(line: PriceLine) -> dict[str, object]:
    # The writer of JSON says 0E-10 of a Decimal that is zero to ten places.
    return {**line._asdict(), "was": to_text(line.was), "now": to_text(line.now)}
