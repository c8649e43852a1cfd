"""What a correction comes to: the month as it was charged, and as it should have been."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from pipeline.correcting.charges import Asked, carrying, charges_of
from pipeline.correcting.counters import counters_of
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
from schemas.correction import MonthCorrected
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, command_to_json
from sinks.charge_history import HistoryRow, Under

__all__ = ["Asked", "WorkedOut", "work_out"]

_HEADROOM_BYTES = 4_096  # of a record, for what its envelope adds
_NO_ID = "0" * 32


class WorkedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that may be sent, and what it changes."""

    tenant: str
    account_id: str
    correction: MonthCorrected
    lines: tuple[PriceLine, ...]  # of prices that change
    taken_back: tuple[HistoryRow, ...]


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
    corrected = replay(_entries(history, left, values, rerate=asked.rerate), step_of)
    refuse_samples(history, corrected)
    refuse_given_once(history, corrected)
    if corrected.refused:
        raise not_rated(history, left, corrected)
    refuse_filtered(history, left, corrected)
    refuse_other_months(history, corrected)
    taken_back = tuple(row for row in rows if row.charge_id in asked.reverse)
    charges = tuple(charges_of(history, as_charged, corrected, taken_back, asked))
    counters = tuple(counters_of(history, as_charged, corrected))
    if not charges:
        charges = tuple(carrying(history, counters, as_charged, corrected, asked))
        if not charges:
            return None
    refuse_what_does_not_add_up(history, charges, counters)
    correction = MonthCorrected(
        _NO_ID,
        history.month_start_ms,
        history.month_end_ms,
        history.close is not None,
        charges,
        counters,
    )
    # Of its content: what is worked out twice from the same charges takes effect once.
    job_id = hashlib.blake2b(msgspec.msgpack.encode(correction), digest_size=16).hexdigest()
    correction = msgspec.structs.replace(correction, job_id=job_id)
    tenant = history.rows[0].tenant
    command = CorrectMonthCommand(tenant, history.account_id, correction)
    size = len(command_to_json(command)) + _HEADROOM_BYTES
    if size > MAX_RECORD_BYTES:
        raise CannotCorrect(
            f"The correction of {history.account_id} has {size:,} bytes, {MAX_RECORD_BYTES:,} fit. "
            "Operator action: take back fewer charges at a time."
        )
    return WorkedOut(
        tenant=tenant,
        account_id=history.account_id,
        correction=correction,
        lines=tuple(lines_of(of_month(history, as_charged), of_month(history, corrected))),
        taken_back=taken_back,
    )


def _entries(
    history: History,
    rows: list[HistoryRow],
    values: Mapping[tuple[int, int], bytes],
    *,
    rerate: Under | None = None,
) -> list[Entry]:
    """Return the events in the order in which they were rated, the close among them."""
    placed = [
        (
            row.sequence,
            Entry(
                values[row.source_partition, row.source_offset],
                rerate or history.under(row.sequence, row.under),
            ),
        )
        for row in rows
    ]
    close = history.close
    if close is not None and close.has_asked:
        start_ms, end_ms = history.month_start_ms, history.month_end_ms
        command = close_of(history.account_id, history.rows[0].tenant, start_ms, end_ms)
        under = rerate or history.under(close.sequence, close.under)
        placed.append((close.sequence, Entry(command, under)))
    return [entry for _, entry in sorted(placed, key=lambda each: each[0])]
