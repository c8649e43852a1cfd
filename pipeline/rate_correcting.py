"""The correction of a month: charges taken back and prices restated, where its counters are still
those that it was worked out from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from counters.count import bill_period, count_running, product_counter
from counters.running import RunningBucket, RunningHead
from counters.state import bucket_key
from pipeline.rate_running import RunningState
from schemas.correction import (
    CORRECTIONS,
    CorrectedCharge,
    CorrectedCounter,
    CounterFigures,
    MonthCorrected,
)
from schemas.decimals import EXACT, to_text
from schemas.flow import SourceRecord
from schemas.ids import correction_id, reversal_id
from schemas.ledger import CORRECTION, REVERSAL, Charge, CounterAfter, records_of
from schemas.refusal import RefusalReason, Refused
from schemas.usage import MonthCorrection

_PRODUCT = "product:"
# Of what is added up, such as usage of 28 places times seconds of three; sums are exact to a hundred
# digits.
_MOST_DIGITS, _MOST_PLACES = 60, 31

_CHANGED = Refused(
    RefusalReason.STALE_CORRECTION,
    "the month has other charges than when the correction was worked out, or another month that takes of "
    "the same has; nothing of it took effect. Operator action: run `ratemill correct` again, while no "
    "usage of the account comes in.",
)


class Correctable(NamedTuple):
    """A correction, with the keys of its counters."""

    command: MonthCorrection
    keys: tuple[bytes, ...]


def correctable(command: MonthCorrection) -> Correctable | Refused:
    """Return the correction with what the state must be asked for; refused where it cannot be one of
    ours."""
    correction = command.correction
    months = _months(correction)
    if not correction.charges:
        return _invalid("it has no charges")
    if correction.also and correction.sequence is None:
        return _invalid("it corrects several months and names no newest record")
    for charge in correction.charges:
        if charge.kind != CORRECTION and (charge.kind != REVERSAL or charge.corrects is None):
            return _invalid(
                "a charge neither takes another one back nor corrects a charge or a price"
            )
        if _month_of(correction, charge) not in months:
            return _invalid("a charge is of a month that it does not correct")
    for each in correction.counters:
        if not _is_counted(each, months, alone=correction.sequence is None):
            return _invalid(f"{each.counter} is not counted in the month")
    keys = tuple(
        bucket_key(command.rating_key, each.counter, each.period_start_ms)
        for each in correction.counters
    )
    times = [each for each in correction.counters if each.counter == CORRECTIONS]
    changed = {correction.usage_period_ms} | {
        _month_of(correction, charge) for charge in correction.charges
    }
    if len(set(keys)) < len(keys) or {each.period_start_ms for each in times} != changed:
        return _invalid("a counter is there twice, or that of corrections is not")
    if any(each.after != CounterFigures(each.before.records + 1) for each in times):
        return _invalid("it does not count itself")
    return Correctable(command, keys)


def _months(correction: MonthCorrected) -> dict[int, int]:
    """Return when each month ends, by its beginning."""
    also = {each.usage_period_ms: each.period_end_ms for each in correction.also}
    return {**also, correction.usage_period_ms: correction.period_end_ms}


def _month_of(correction: MonthCorrected, charge: CorrectedCharge) -> int:
    """Return the beginning of the month of a charge."""
    month_ms = charge.usage_period_ms
    return correction.usage_period_ms if month_ms is None else month_ms


def _is_counted(counter: CorrectedCounter, months: dict[int, int], *, alone: bool) -> bool:
    """Return whether a counter can be one of the months; of months that hang together those too that
    others count in, or that never begin anew."""
    at_ms = counter.period_start_ms
    if counter.counter == CORRECTIONS or counter.counter.startswith(_PRODUCT):
        return at_ms in months
    if not alone:
        return at_ms < max(months.values())
    return any(start_ms <= at_ms < end_ms for start_ms, end_ms in months.items())


def correct(
    state: RunningState, head: RunningHead, asked: Correctable, *, record: SourceRecord
) -> tuple[RunningHead, list[Charge]] | Refused:
    """Return the head after a correction, and its charges; the counters are changed in ``state``.

    Refused where a counter is another than the correction says, or where its charges do not come
    to what it makes of the products' counters: then ``state`` is of no use any more.
    """
    correction = asked.command.correction
    try:
        found = [_figures(each.after) for each in correction.counters]
        expected = [_figures(each.before) for each in correction.counters]
        figures = [_amounts(each) for each in correction.charges]
        for each in correction.charges:
            _look_at_others(each)
    except InvalidOperation:
        return _invalid("a figure is none")
    is_closed = head.first_open_period_ms >= correction.period_end_ms
    if is_closed != correction.is_closed:
        return _CHANGED
    if correction.sequence is not None and head.sequence != correction.sequence:
        return _CHANGED
    if [_figures_of(state.bucket(key)) for key in asked.keys] != expected:
        return _CHANGED
    places = {
        (each.counter, each.period_start_ms): place
        for place, each in enumerate(correction.counters)
    }
    after: dict[int, RunningBucket] = {}
    charges: list[Charge] = []
    for charge, (used, amount) in zip(correction.charges, figures, strict=True):
        name = product_counter(charge.product, unit=charge.unit, currency=charge.currency)
        month_ms = _month_of(correction, charge)
        place = places.get((name, month_ms))
        if place is None:
            return _invalid(f"a charge for {charge.product}, which nothing is said of")
        counted = _counted(head, charge, amount, month_ms)
        if isinstance(counted, Refused):
            return counted
        head, bill_period_ms = counted
        before = after.get(place) or state.bucket(asked.keys[place])
        after[place] = _with_charge(before, charge, used, amount)
        stated = _stated(correction.counters[place], after[place])
        charges.append(_charge(asked.command, charge, head, bill_period_ms, (stated,), record))
    others: list[CounterAfter] = []
    for place, (counter, figures_after) in enumerate(zip(correction.counters, found, strict=True)):
        if counter.counter.startswith(_PRODUCT):
            if _figures_of(after.get(place) or state.bucket(asked.keys[place])) != figures_after:
                return _invalid(f"its charges do not come to what it says of {counter.counter}")
        else:
            records, quantity, amount = figures_after
            after[place] = RunningBucket(
                records, quantity, amount, to_text(quantity), to_text(amount)
            )
            others.append(_stated(counter, after[place]))
    if len({charge.charge_id for charge in charges}) < len(charges):
        return _invalid("two of its charges are the same")
    charges[-1] = _with_counters(charges[-1], others)
    for place, bucket in after.items():
        state.buckets[asked.keys[place]] = bucket
    return head, charges


def _counted(
    head: RunningHead, charge: CorrectedCharge, amount: Decimal, usage_period_ms: int
) -> tuple[RunningHead, int] | Refused:
    bill_period_ms = bill_period(head, usage_period_ms)
    counted = count_running(
        *(head, charge.product, charge.product_type, amount, charge.currency, bill_period_ms),
        records=records_of(charge.kind),
    )
    return counted if isinstance(counted, Refused) else (counted, bill_period_ms)


def _with_charge(
    bucket: RunningBucket, charge: CorrectedCharge, used: Decimal, amount: Decimal
) -> RunningBucket:
    quantity, total = EXACT.add(bucket.quantity, used), EXACT.add(bucket.amount, amount)
    records = bucket.records + records_of(charge.kind)
    return RunningBucket(records, quantity, total, to_text(quantity), to_text(total))


def _stated(counter: CorrectedCounter, bucket: RunningBucket) -> CounterAfter:
    return CounterAfter(
        counter.counter,
        counter.period_start_ms,
        bucket.records,
        bucket.quantity_text,
        bucket.amount_text,
    )


def _with_counters(charge: Charge, others: list[CounterAfter]) -> Charge:
    return msgspec.structs.replace(charge, counters_after=(*charge.counters_after, *others))


def _charge(
    command: MonthCorrection,
    charge: CorrectedCharge,
    head: RunningHead,
    bill_period_ms: int,
    counters_after: tuple[CounterAfter, ...],
    record: SourceRecord,
) -> Charge:
    job_id = command.correction.job_id
    if charge.kind == REVERSAL:
        assert charge.corrects is not None
        identifier = reversal_id(corrects=charge.corrects, job_id=job_id)
    else:
        identifier = correction_id(
            rating_key=command.rating_key,
            job_id=job_id,
            of=(
                *(charge.subscription_id, charge.product, charge.product_type, charge.price_id),
                *(charge.unit, charge.currency, charge.tax_code or ""),
                *(() if charge.corrects is None else (charge.corrects,)),
                *(() if charge.usage_period_ms is None else (str(charge.usage_period_ms),)),
            ),
        )
    provenance = command.provenance
    return Charge(
        tenant=command.tenant,
        rating_key=command.rating_key,
        sequence=head.sequence,
        charge_id=identifier,
        run=command.run,
        identity=command.identity.hex(),
        account_id=command.account_id,
        subscription_id=charge.subscription_id,
        product=charge.product,
        product_type=charge.product_type,
        usage_kind=charge.kind,
        source=charge.source,
        record_id=charge.record_id or identifier,
        started_at_ms=charge.started_at_ms,
        origin=charge.origin,
        destination=charge.destination,
        used=charge.used,
        billed=charge.billed,
        free=charge.free,
        unit=charge.unit,
        amount=charge.amount,
        currency=charge.currency,
        usage_period_ms=_month_of(command.correction, charge),
        bill_period_ms=bill_period_ms,
        catalogue_version=charge.catalogue_version,
        price_id=charge.price_id,
        explanation=charge.explanation,
        counters_after=counters_after,
        source_partition=record.partition,
        source_offset=record.offset,
        raw=(provenance.partition, provenance.offset, provenance.index),
        first_open_period_ms=head.first_open_period_ms,
        unbilled=head.unbilled,
        tax_code=charge.tax_code,
        corrects=charge.corrects,
        job_id=job_id,
        other_ratings=charge.other_ratings or UNSET,
    )


_Figures = tuple[int, Decimal, Decimal]  # records, quantity, amount


def _figures_of(bucket: RunningBucket) -> _Figures:
    return bucket.records, bucket.quantity, bucket.amount


def _figures(stated: CounterFigures) -> _Figures:
    quantity, amount = _decimals(stated.quantity, stated.amount)
    return stated.records, quantity, amount


def _amounts(charge: CorrectedCharge) -> tuple[Decimal, Decimal]:
    """Return what was used, and the amount; the other figures are read as well."""
    used, amount, _, _ = _decimals(charge.used, charge.amount, charge.billed, charge.free)
    return used, amount


def _look_at_others(charge: CorrectedCharge) -> None:
    """Raise `InvalidOperation` where another rating has a figure that is none."""
    for each in charge.other_ratings:
        list(_decimals(each.billed, each.amount))


def _decimals(*texts: str) -> Iterator[Decimal]:
    """Yield plain decimals; `InvalidOperation` where a text is none."""
    for text in texts:
        value = Decimal(text)
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or not -_MOST_PLACES <= exponent <= 0:
            raise InvalidOperation
        # As we write them, so that every reader of the ledger reads what was added up.
        if len(text) > _MOST_DIGITS or to_text(value) != text or (value.is_signed() and not value):
            raise InvalidOperation
        yield value


def _invalid(what: str) -> Refused:
    return Refused(RefusalReason.INVALID_COMMAND, f"{what}; nothing of the correction took effect")
