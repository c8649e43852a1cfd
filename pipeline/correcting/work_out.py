"""What a correction comes to: the month as it was charged, and as it should have been."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from pipeline.correcting.asked import Asked, Detail
from pipeline.correcting.charges import carrying, charges_of, reversals_of
from pipeline.correcting.counters import counters_of
from pipeline.correcting.counters import is_any as is_any_counter
from pipeline.correcting.differences import corrected_originals, differences_of, is_any
from pipeline.correcting.history import History
from pipeline.correcting.refusals import (
    not_rated,
    refuse_filtered,
    refuse_given_once,
    refuse_other_amounts,
    refuse_other_months,
    refuse_samples,
    refuse_what_does_not_add_up,
)
from pipeline.correcting.replay import Entry, StepOf, close_of, replay
from pipeline.correcting.sums import PriceLine, lines_of, of_month
from pipeline.errors import CannotCorrect
from schemas.correction import CorrectedCharge, CorrectedCounter, MonthCorrected
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, command_to_json
from sinks.charge_history import HistoryRow

__all__ = ["Asked", "Detail", "WorkedOut", "work_out"]

_HEADROOM_BYTES = 4_096  # of a record, for what its envelope adds
_NO_ID = "0" * 32


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


def work_out(
    history: History,
    values: Mapping[tuple[int, int], bytes],
    step_of: StepOf,
    asked: Asked,
) -> WorkedOut | None:
    """Return what corrects a month; None where nothing changes. ``values``: the normalised records
    of its charges, by position.

    `CannotCorrect` where the month does not come out again as it was charged, for then nobody knows
    what a correction would be of; and where something of it cannot be rated as asked.
    """
    if not history.rows:
        return None
    rows = history.events()
    as_charged = replay(_entries(history, rows, values), step_of)
    refuse_samples(history, as_charged)
    refuse_given_once(history, as_charged)
    refuse_other_amounts(history, as_charged)
    left = [row for row in rows if row.charge_id not in asked.reverse]
    corrected = replay(_entries(history, left, values, asked), step_of)
    refuse_samples(history, corrected)
    refuse_given_once(history, corrected)
    if corrected.refused:
        raise not_rated(history, left, corrected)
    refuse_filtered(history, left, corrected)
    refuse_other_months(history, corrected)
    taken_back = tuple(row for row in rows if row.charge_id in asked.reverse)
    reversals = reversals_of(taken_back, asked)
    found = differences_of(history, as_charged, corrected, reversals)
    counters = tuple(counters_of(history, as_charged, corrected))
    if not (reversals or is_any(found) or is_any_counter(counters)):
        return None
    for detail in [Detail.SUMS] if asked.is_summed else Detail:
        charges = (
            *reversals,
            *charges_of(history, as_charged, corrected, found, asked, detail),
        ) or tuple(carrying(history, as_charged, corrected, asked))
        refuse_what_does_not_add_up(history, charges, counters)
        correction = _correction(history, charges, counters)
        size = _size(history, correction)
        if size <= MAX_RECORD_BYTES:
            return WorkedOut(
                tenant=history.rows[0].tenant,
                account_id=history.account_id,
                correction=correction,
                lines=tuple(lines_of(of_month(history, as_charged), of_month(history, corrected))),
                taken_back=taken_back,
                corrected=len(corrected_originals(found)),
                detail=detail,
                is_summed=asked.is_summed,
                rated_under=_catalogues(history, asked),
                rerated_under=asked.rerate.catalogue if asked.rerate else None,
            )
    raise CannotCorrect(
        f"The correction of {history.account_id} has {size:,} bytes, {MAX_RECORD_BYTES:,} fit. "
        "Operator action: take back fewer charges at a time, or rate fewer anew by their ids."
    )


def _catalogues(history: History, asked: Asked) -> tuple[int, ...]:
    """Return the catalogue versions by which the charges count that are rated anew."""
    by_now = history.under_by_now()
    return tuple(
        sorted(
            {
                by_now[row.charge_id].catalogue
                for row in history.events()
                if asked.under(row.charge_id) is not None
            }
        )
    )


def _correction(
    history: History,
    charges: tuple[CorrectedCharge, ...],
    counters: tuple[CorrectedCounter, ...],
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
    )
    job_id = hashlib.blake2b(msgspec.msgpack.encode(correction), digest_size=16).hexdigest()
    return msgspec.structs.replace(correction, job_id=job_id)


def _size(history: History, correction: MonthCorrected) -> int:
    """Return the bytes of the record with the command."""
    command = CorrectMonthCommand(history.rows[0].tenant, history.account_id, correction)
    return len(command_to_json(command)) + _HEADROOM_BYTES


def _entries(
    history: History,
    rows: list[HistoryRow],
    values: Mapping[tuple[int, int], bytes],
    asked: Asked | None = None,
) -> list[Entry]:
    """Return the events in the order in which they were rated, the close among them; each under the
    versions by which it counts, or those that are asked for."""
    by_now = history.under_by_now()
    placed = [
        (
            row.sequence,
            Entry(
                values[row.source_partition, row.source_offset],
                (asked and asked.under(row.charge_id)) or by_now[row.charge_id],
            ),
        )
        for row in rows
    ]
    close = history.close
    if close is not None and close.has_asked:
        start_ms, end_ms = history.month_start_ms, history.month_end_ms
        command = close_of(history.account_id, history.rows[0].tenant, start_ms, end_ms)
        anew = asked.rerate if asked is not None and not asked.only else None
        under = anew or history.close_under()
        assert under is not None
        placed.append((close.sequence, Entry(command, under)))
    return [entry for _, entry in sorted(placed, key=lambda each: each[0])]
