"""Corrections in the memory world: the history of a month from the ledger of a stage, and the command."""

from pipeline.correcting.history import History
from pipeline.correcting.together import Together, reaches
from pipeline.correcting.work_out import work_out
from pipeline.rate_step import RateStep
from schemas import usage
from schemas.ids import correct_month_command_id, digest_of
from schemas.ledger import Charge, PeriodClosed
from schemas.period import month_of
from schemas.usage import MonthCorrection, Provenance
from sinks.account_ledger import MonthInLedger
from sinks.charge_history import HistoryRow, MonthEnd, Under

REFERENCE = 2  # the version of `reference_of`


def history_of(stage, account_id, start_ms, end_ms, *, since=0):
    """Return what the tables would say of an account's month."""
    rows, close, first_open_ms = [], None, 0
    for record in stage.ledger():
        if record.rating_key != account_id:
            continue
        if isinstance(record, PeriodClosed):
            first_ms = first_open_ms or record.period_start_ms
            if close is None and end_ms <= record.period_end_ms:
                close = MonthEnd(record.sequence, Under(7, REFERENCE), first_ms < end_ms)
            first_open_ms = record.period_end_ms
        elif isinstance(record, Charge) and record.usage_period_ms == start_ms:
            rows.append(_row(record))
    return History(
        account_id=account_id,
        month_start_ms=start_ms,
        month_end_ms=end_ms,
        rows=tuple(rows),
        close=close,
        since=since,
    )


def together_of(stage, account_id, wanted, *, zone="UTC"):
    """Return the months that hang together with these, which are said by their beginnings."""
    charges, sequence = [], 0
    for record in stage.ledger():
        if record.rating_key == account_id:
            sequence = record.sequence
            charges += [record] if isinstance(record, Charge) else []
    begins = {}
    for one in charges:
        begins.setdefault(one.source_offset, one.sequence)
    ledger = []
    for start_ms in {one.usage_period_ms for one in charges}:
        own = [one for one in charges if one.usage_period_ms == start_ms]
        jobs = [one.sequence for one in own if one.job_id is not None]
        first = min(begins[one.source_offset] for one in own)
        places = first, own[-1].sequence, max(jobs, default=None)
        ledger.append(MonthInLedger(start_ms, *places))
    since, months = reaches(ledger, wanted)
    counters = {True: {}, False: {}}
    for one in charges:
        for after in one.counters_after:
            counters[False][after.counter, after.period_start_ms] = after
            if one.sequence < since:
                counters[True][after.counter, after.period_start_ms] = after
    return Together(
        months=tuple(
            history_of(stage, account_id, *month_of(start_ms, zone=zone), since=since)
            for start_ms in months
        ),
        before=tuple(counters[True].values()),
        by_now=tuple(counters[False].values()),
        sequence=sequence,
    )


def corrected_together(stage, account_id, wanted, asked, *catalogues, zone="UTC"):
    """Return what corrects months with those that hang together with them; the first of those is rated
    anew."""
    together = together_of(stage, account_id, wanted, zone=zone)
    by_start = {each.month_start_ms: each for each in together.months}
    history = by_start[min(wanted)]
    return worked_out(stage, history, asked, *catalogues, together=together)


def _row(charge):
    fields = {
        name: getattr(charge, name) for name in HistoryRow.__struct_fields__ if name != "under"
    }
    return HistoryRow(**fields, under=Under(charge.catalogue_version, REFERENCE))


def worked_out(stage, history, asked, *catalogues, together=None):
    """Return what corrects a month, by the catalogues of the stage and these."""
    values = {(row.source_partition, row.source_offset): b"" for row in history.rows}
    for offset, value in stage.values.items():
        values[stage.partition, offset] = value
    by_version = {each.version: each for each in (stage.step.catalogue, *catalogues)}

    def step_of(under):
        return RateStep(catalogue=by_version[under.catalogue], reference=stage.step.reference)

    return work_out(history, values, step_of, asked, together)


def command_of(correction, *, batch=1):
    """Return the command as rate reads it."""
    job_id = correction.correction.job_id
    command_id = correct_month_command_id(
        tenant=correction.tenant, account_id=correction.account_id, job_id=job_id
    )
    identity = digest_of(command_id.encode())
    return MonthCorrection(
        tenant=correction.tenant,
        identity=identity,
        content_hash=identity[:8],
        run=usage.RETAIL,
        rating_key=correction.account_id,
        account_id=correction.account_id,
        correction=correction.correction,
        provenance=Provenance(0, 10_000, 0, "command@1", 0),
        batch=batch,
    )
