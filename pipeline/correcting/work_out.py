"""What a correction comes to: the month as it was charged, and as it should have been."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from pipeline.correcting.asked import Asked, Detail
from pipeline.correcting.charges import carrying, charges_of, of_another_month, reversals_of
from pipeline.correcting.counters import counters_of, is_told, number_of, told_of
from pipeline.correcting.counters import is_any as is_any_counter
from pipeline.correcting.differences import (
    Differences,
    corrected_originals,
    differences_of,
    is_any,
)
from pipeline.correcting.history import History
from pipeline.correcting.refusals import (
    not_rated,
    refuse_alone,
    refuse_filtered,
    refuse_other_amounts,
    refuse_other_counters,
    refuse_what_does_not_add_up,
)
from pipeline.correcting.replay import Entry, Replayed, StepOf, close_of, replay
from pipeline.correcting.shared import Shared
from pipeline.correcting.sums import PriceLine, lines_of, whole_month
from pipeline.correcting.together import Together
from pipeline.errors import CannotCorrect
from schemas.correction import AlsoCorrected, CorrectedCharge, CorrectedCounter, MonthCorrected
from schemas.period import from_ms
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, command_to_json
from sinks.charge_history import HistoryRow

__all__ = ["Asked", "Detail", "WorkedOut", "work_out"]

_HEADROOM_BYTES = 4_096  # of a record, for what its envelope adds
_NO_ID = "0" * 32


class MonthLines(NamedTuple):
    """What another month of the account comes to, that is corrected with the one asked for."""

    month_start_ms: int
    lines: tuple[PriceLine, ...]


class WorkedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that may be sent, and what it changes."""

    tenant: str
    account_id: str
    correction: MonthCorrected
    lines: tuple[PriceLine, ...]  # of prices that change
    taken_back: tuple[HistoryRow, ...]
    corrected: int  # charges that come to something else besides
    detail: Detail  # how much the correction says of them
    is_summed: bool  # as it was asked for
    rated_under: tuple[int, ...]  # catalogues by which what is rated anew counts so far
    rerated_under: int | None  # that by which it is rated anew; None: it is not
    also: tuple[MonthLines, ...] = ()  # months that take of the same, where they change


class _Month(NamedTuple):
    """A month, and what is asked of it."""

    history: History
    asked: Asked


def work_out(
    history: History,
    values: Mapping[tuple[int, int], bytes],
    step_of: StepOf,
    asked: Asked,
    together: Together | None = None,
) -> WorkedOut | None:
    """Return what corrects a month; None where nothing changes. ``values``: the normalised records
    of its charges, by position; ``together``: the months that hang together with it, itself among them,
    of which ``asked`` may name charges, and ``values`` has the records.

    `HangsTogether` where there are such months and they are not said. `CannotCorrect` where the month
    does not come out again as it was charged, for then nobody knows what a correction would be of; and
    where something of it cannot be rated as asked.
    """
    if not history.rows:
        return None
    months = _months(history, asked, together)
    before = () if together is None else together.before
    rows = [row for month in months for row in month.history.events()]
    entries = _entries((_Month(month.history, _AS_IT_WAS) for month in months), rows, values)
    account_id = history.account_id
    as_charged = replay(entries, step_of, account_id=account_id, counters_before=before)
    if together is None:
        refuse_alone(history, as_charged)
    for month in months:
        refuse_other_amounts(month.history, as_charged)
    if together is not None:
        refuse_other_counters(account_id, together, as_charged)
    left = [row for row in rows if row.charge_id not in asked.reverse]
    entries = _entries(months, left, values)
    corrected = replay(entries, step_of, account_id=account_id, counters_before=before)
    if together is None:
        refuse_alone(history, corrected)
    if corrected.refused:
        raise not_rated(history, left, corrected)
    refuse_filtered(history, left, corrected)
    taken_back = tuple(row for row in rows if row.charge_id in asked.reverse)
    found = [_differences(month, as_charged, corrected, taken_back) for month in months]
    counters = tuple(counters_of(as_charged, corrected))
    is_any_change = taken_back or any(map(is_any, found)) or is_any_counter(counters)
    # Under which versions it counts decides what it comes to when another month is corrected.
    if not is_any_change and (together is None or not _is_under_others(months)):
        return None
    shared = Shared(() if together is None else (as_charged, corrected))
    for detail in [Detail.SUMS] if asked.is_summed else Detail:
        charges = tuple(_charges(history, months, found, as_charged, corrected, shared, detail))
        told = tuple(_told(history, months, counters, charges, together))
        refuse_what_does_not_add_up(history, charges, told)
        correction = _correction(history, charges, told, together)
        size = _size(history, correction)
        if size <= MAX_RECORD_BYTES:
            lines = {
                month.history.month_start_ms: tuple(
                    lines_of(
                        whole_month(month.history, as_charged),
                        whole_month(month.history, corrected),
                    )
                )
                for month in months
            }
            return WorkedOut(
                tenant=history.rows[0].tenant,
                account_id=account_id,
                correction=correction,
                lines=lines.pop(history.month_start_ms),
                taken_back=taken_back,
                corrected=sum(len(corrected_originals(each)) for each in found),
                detail=detail,
                is_summed=asked.is_summed,
                rated_under=_catalogues(months),
                rerated_under=asked.rerate.catalogue if asked.rerate else None,
                also=tuple(MonthLines(*each) for each in lines.items() if each[1]),
            )
    raise CannotCorrect(
        f"The correction of {account_id} has {size:,} bytes, {MAX_RECORD_BYTES:,} fit. "
        "Operator action: take back fewer charges at a time, or rate fewer anew by their ids; make good by "
        "hand what cannot be divided, such as a month of samples by other intervals. Nothing was corrected."
    )


_AS_IT_WAS = Asked()


def _months(history: History, asked: Asked, together: Together | None) -> list[_Month]:
    if together is None:
        return [_Month(history, asked)]
    return [
        _Month(
            each,
            asked if each.month_start_ms == history.month_start_ms else asked.of_other_months(),
        )
        for each in together.months
    ]


def _differences(
    month: _Month, as_charged: Replayed, corrected: Replayed, taken_back: Iterable[HistoryRow]
) -> Differences:
    ids = {row.charge_id for row in month.history.rows}
    reversals = reversals_of((row for row in taken_back if row.charge_id in ids), month.asked)
    return differences_of(month.history, as_charged, corrected, reversals)


def _charges(
    history: History,
    months: Iterable[_Month],
    found: Iterable[Differences],
    as_charged: Replayed,
    corrected: Replayed,
    shared: Shared,
    detail: Detail,
) -> Iterable[CorrectedCharge]:
    """Yield the charges of all months; the one that is corrected has one of nothing if it has no other."""
    zone_ms = (history.month_start_ms + history.month_end_ms) // 2
    name = from_ms(zone_ms).strftime("%Y-%m")
    for month, differences in zip(months, found, strict=True):
        own = month.history
        taken_back = [row for row in own.events() if row.charge_id in month.asked.reverse]
        charges = (
            *reversals_of(taken_back, month.asked),
            *charges_of(own, as_charged, corrected, differences, month.asked, detail),
        )
        if own.month_start_ms == history.month_start_ms:
            yield from charges or carrying(own, as_charged, corrected, month.asked)
        else:
            for charge in charges:
                yield of_another_month(charge, own.month_start_ms, with_month=name, shared=shared)


def _told(
    history: History,
    months: Iterable[_Month],
    counters: tuple[CorrectedCounter, ...],
    charges: tuple[CorrectedCharge, ...],
    together: Together | None,
) -> Iterable[CorrectedCounter]:
    """Yield the counters that the correction says, those of the corrections among them."""
    if together is None:
        yield from (each for each in counters if is_told(each))
    else:
        yield from told_of(counters, charges, history.month_start_ms)
    own_ms = history.month_start_ms
    charged = {own_ms} | {each.usage_period_ms for each in charges}
    yield from (
        number_of(month.history) for month in months if month.history.month_start_ms in charged
    )


def _catalogues(months: Iterable[_Month]) -> tuple[int, ...]:
    """Return the catalogue versions by which the charges count that are rated anew."""
    found = set()
    for history, asked in months:
        by_now = history.under_by_now()
        found |= {
            by_now[row.charge_id].catalogue
            for row in history.events()
            if asked.under(row.charge_id) is not None
        }
    return tuple(sorted(found))


def _is_under_others(months: Iterable[_Month]) -> bool:
    """Return whether a charge that is rated anew counts under other versions so far."""
    for history, asked in months:
        for charge_id, under in history.under_by_now().items():
            if asked.under(charge_id) not in (None, under):
                return True
    return False


def _correction(
    history: History,
    charges: tuple[CorrectedCharge, ...],
    counters: tuple[CorrectedCounter, ...],
    together: Together | None,
) -> MonthCorrected:
    """Return the correction. Its id is of its content: what is worked out twice from the same charges
    takes effect once."""
    correction = MonthCorrected(
        _NO_ID,
        history.month_start_ms,
        history.month_end_ms,
        history.close is not None,
        charges,
        counters,
        () if together is None else _also(history, together),
        None if together is None else together.sequence,
    )
    job_id = hashlib.blake2b(msgspec.msgpack.encode(correction), digest_size=16).hexdigest()
    return msgspec.structs.replace(correction, job_id=job_id)


def _size(history: History, correction: MonthCorrected) -> int:
    """Return the bytes of the record with the command."""
    command = CorrectMonthCommand(history.rows[0].tenant, history.account_id, correction)
    return len(command_to_json(command)) + _HEADROOM_BYTES


def _also(history: History, together: Together) -> tuple[AlsoCorrected, ...]:
    return tuple(
        AlsoCorrected(each.month_start_ms, each.month_end_ms)
        for each in together.months
        if each.month_start_ms != history.month_start_ms
    )


def _entries(
    months: Iterable[_Month], rows: Iterable[HistoryRow], values: Mapping[tuple[int, int], bytes]
) -> list[Entry]:
    """Return these events in the order in which they were rated, the closes of their months among them;
    each under the versions by which it counts, or those that are asked for."""
    kept = {row.charge_id for row in rows}
    placed = [each for month in months for each in _placed(month, kept, values)]
    # Several months that were closed at once are closed in their order.
    return [
        entry for _, entry in sorted(placed, key=lambda each: (each[0], each[1].closes_ms or 0))
    ]


def _placed(
    month: _Month, kept: set[str], values: Mapping[tuple[int, int], bytes]
) -> Iterable[tuple[int, Entry]]:
    """Yield what of a month is rated, each with its place in the ledger."""
    history, asked = month
    by_now = history.under_by_now()
    for row in history.events():
        if row.charge_id in kept:
            value = values[row.source_partition, row.source_offset]
            yield row.sequence, Entry(value, asked.under(row.charge_id) or by_now[row.charge_id])
    start_ms, end_ms = history.month_start_ms, history.month_end_ms
    for close in history.closes():
        # A period behind the month asks for what came late of it, and for nothing else.
        period = (start_ms, end_ms) if close.is_end else (end_ms, end_ms + 1)
        command = close_of(history.account_id, history.rows[0].tenant, *period)
        under = (None if asked.only else asked.rerate) or close.under
        yield close.sequence, Entry(command, under, start_ms, close.asked_for)
