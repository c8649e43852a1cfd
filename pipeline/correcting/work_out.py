"""What a correction comes to: the month as it was charged, and as it should have been."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from counters.count import product_counter
from pipeline.correcting.history import RERATED, History
from pipeline.correcting.others import NO_OTHERS, Others, added, negated, others_of
from pipeline.correcting.others import corrected as corrected_ratings
from pipeline.correcting.others import taken_back as taken_back_ratings
from pipeline.correcting.replay import (
    Entry,
    Replayed,
    StepOf,
    close_of,
    replay,
)
from pipeline.errors import CannotCorrect
from schemas.correction import (
    CORRECTIONS,
    CorrectedCharge,
    CorrectedCounter,
    CounterFigures,
    MonthCorrected,
)
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import (
    CORRECTION,
    REVERSAL,
    Charge,
    CounterAfter,
    ExplanationStep,
    records_of,
)
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, command_to_json
from sinks.charge_history import HistoryRow, Under

_PRODUCT = "product:"
_HEADROOM_BYTES = 4_096  # of a record, for what its envelope adds
_NO_ID = "0" * 32
_SHOWN = 5


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be corrected."""

    reverse: frozenset[str] = frozenset()  # charges to take back
    rerate: Under | None = None  # versions to rate the month anew under
    reason: str = ""


class PriceLine(NamedTuple):
    """What a month came to under one price of a subscription, and comes to."""

    subscription_id: str
    product: str
    price_id: str
    currency: str
    was: Decimal
    now: Decimal
    rating: str = ""  # the name of another rating that it is of; empty: of what is charged


class WorkedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that may be sent, and what it changes."""

    tenant: str
    account_id: str
    correction: MonthCorrected
    lines: tuple[PriceLine, ...]  # of prices that change
    taken_back: tuple[HistoryRow, ...]


class _Price(NamedTuple):
    """Charges that can be told apart by nothing but their usage."""

    subscription_id: str
    product: str
    product_type: str
    unit: str
    currency: str
    price_id: str
    tax_code: str | None


class _Sum(NamedTuple):
    amount: Decimal = ZERO
    billed: Decimal = ZERO
    free: Decimal = ZERO
    others: Others = NO_OTHERS

    def plus(self, charge: Charge | HistoryRow | CorrectedCharge) -> _Sum:
        add = EXACT.add
        ratings = charge.other_ratings
        return _Sum(
            add(self.amount, Decimal(charge.amount)),
            add(self.billed, Decimal(charge.billed)),
            add(self.free, Decimal(charge.free)),
            added(self.others, others_of(ratings)) if ratings else self.others,
        )

    def minus(self, other: _Sum) -> _Sum:
        subtract = EXACT.subtract
        return _Sum(
            subtract(self.amount, other.amount),
            subtract(self.billed, other.billed),
            subtract(self.free, other.free),
            # The names of plans and prices are those that there are now.
            added(negated(other.others), self.others),
        )


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
    _compare(history, as_charged)
    left = [row for row in rows if row.charge_id not in asked.reverse]
    corrected = replay(_entries(history, left, values, rerate=asked.rerate), step_of)
    if corrected.refused:
        raise _not_rated(history, left, corrected)
    _refuse_filtered(history, left, corrected)
    _refuse_other_months(history, corrected)
    taken_back = tuple(row for row in rows if row.charge_id in asked.reverse)
    charges = tuple(_charges(history, as_charged, corrected, taken_back, asked))
    counters = tuple(_counters(history, as_charged, corrected))
    if not charges:
        charges = tuple(_carrying(history, counters, as_charged, corrected, asked))
        if not charges:
            return None
    _add_up(history, charges, counters)
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
        lines=tuple(_lines(_of_month(history, as_charged), _of_month(history, corrected))),
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


def _compare(history: History, found: Replayed) -> None:
    """Raise `CannotCorrect` where the replay came to other amounts than the ledger."""
    ledger = _sums(history.rows)
    replayed = _sums(_of_month(history, found))
    for price in sorted(ledger.keys() | replayed.keys(), key=str):
        was, now = ledger.get(price, _Sum()), replayed.get(price, _Sum())
        if was.amount != now.amount:
            raise CannotCorrect(
                f"{history.account_id}: what was charged under {price.price_id} comes to "
                f"{to_text(was.amount)} {price.currency}; rated again as it was then it comes to "
                f"{to_text(now.amount)}. A month whose prices take from other months cannot be corrected "
                "yet. Operator action: run `ratemill verify`; where it finds nothing, report this."
            )
        differing = now.minus(was).others
        if differing:
            raise CannotCorrect(
                f"{history.account_id}: what the usage charged under {price.price_id} comes to as "
                f"{' and '.join(next(iter(differing)))} is not what comes out when it is rated again as it "
                "was then. Operator action: run `ratemill verify`; where it finds nothing, report this."
            )
    _refuse_other_months(history, found)


def _refuse_other_months(history: History, found: Replayed) -> None:
    """Raise `CannotCorrect` where charges count in another month than their own."""
    outside = [
        name
        for name, start_ms in found.counters
        if not history.month_start_ms <= start_ms < history.month_end_ms
    ]
    if outside:
        raise CannotCorrect(
            f"{history.account_id}: {outside[0]} counts in another month; a month whose prices take "
            "from other months cannot be corrected yet."
        )


def _of_month(history: History, found: Replayed) -> list[Charge]:
    return [one for one in found.charges if one.usage_period_ms == history.month_start_ms]


def _sums(charges: Iterable[Charge | HistoryRow]) -> dict[_Price, _Sum]:
    found: dict[_Price, _Sum] = {}
    for charge in charges:
        price = _Price(
            charge.subscription_id,
            charge.product,
            charge.product_type,
            charge.unit,
            charge.currency,
            charge.price_id,
            charge.tax_code,
        )
        found[price] = found.get(price, _Sum()).plus(charge)
    return found


def _charges(
    history: History,
    before: Replayed,
    after: Replayed,
    taken_back: tuple[HistoryRow, ...],
    asked: Asked,
) -> Iterable[CorrectedCharge]:
    """Yield the charges taken back, and for each price what is left of the difference."""
    was, now = _sums(_of_month(history, before)), _sums(_of_month(history, after))
    because: tuple[ExplanationStep, ...] = (("because", asked.reason),) if asked.reason else ()
    reversed_sums: dict[_Price, _Sum] = {}
    for row in taken_back:
        charge = _reversal(row, because)
        yield charge
        (price,) = _sums([row])
        reversed_sums[price] = reversed_sums.get(price, _Sum()).plus(charge)
    for price in sorted(was.keys() | now.keys() | reversed_sums.keys(), key=str):
        difference = now.get(price, _Sum()).minus(was.get(price, _Sum()))
        rest = difference.minus(reversed_sums.get(price, _Sum()))
        if any(rest):
            earlier = now.get(price, _Sum()).minus(rest)
            yield _corrected(history, price, rest, earlier, asked, because, before, after)


def _reversal(row: HistoryRow, because: tuple[ExplanationStep, ...]) -> CorrectedCharge:
    def less(text: str) -> str:
        value = Decimal(text)
        return to_text(value.copy_negate() if value else value)

    return CorrectedCharge(
        kind=REVERSAL,
        corrects=row.charge_id,
        subscription_id=row.subscription_id,
        product=row.product,
        product_type=row.product_type,
        source=row.source,
        record_id=row.record_id,
        started_at_ms=row.started_at_ms,
        origin=row.origin,
        destination=row.destination,
        used=less(row.used),
        billed=less(row.billed),
        free=less(row.free),
        unit=row.unit,
        amount=less(row.amount),
        currency=row.currency,
        catalogue_version=row.catalogue_version,
        price_id=row.price_id,
        tax_code=row.tax_code,
        explanation=(("reversed", row.charge_id), *_where(row), *because),
        other_ratings=taken_back_ratings(row.other_ratings or (), (("reversed", row.charge_id),)),
    )


def _where(row: HistoryRow) -> Iterable[ExplanationStep]:
    """Return the step that says which destination a charge was for, as cards and matrices call it."""
    return [step for step in row.explanation if step[0] in ("prefix", "matrix")]


def _corrected(
    history: History,
    price: _Price,
    rest: _Sum,
    earlier: _Sum,
    asked: Asked,
    because: tuple[ExplanationStep, ...],
    before: Replayed,
    after: Replayed,
) -> CorrectedCharge:
    under = asked.rerate
    catalogue_version = under.catalogue if under else _version_of(history, price, after, before)
    steps: list[ExplanationStep] = [
        ("corrected", to_text(earlier.amount), to_text(EXACT.add(earlier.amount, rest.amount)))
    ]
    if len(rest.others) > 1:
        chains = " and ".join(", ".join(chain) for chain in rest.others)
        raise CannotCorrect(
            f"{history.account_id}: usage charged under {price.price_id} would be also rated as other "
            f"ratings, or in another order, than it was: {chains}. Operator action: publish a catalogue "
            "in which the plan is also_rated as in that month; nothing was corrected."
        )
    if under is not None:
        steps.append((RERATED, str(under.catalogue), str(under.reference)))
    return CorrectedCharge(
        kind=CORRECTION,
        corrects=None,
        subscription_id=price.subscription_id,
        product=price.product,
        product_type=price.product_type,
        source="",
        record_id="",
        started_at_ms=history.month_end_ms - 1,
        origin=None,
        destination=None,
        used="0",
        billed=to_text(rest.billed),
        free=to_text(rest.free),
        unit=price.unit,
        amount=to_text(rest.amount),
        currency=price.currency,
        catalogue_version=catalogue_version,
        price_id=price.price_id,
        tax_code=price.tax_code,
        explanation=(*steps, *because),
        other_ratings=tuple(
            rating
            for chain in rest.others
            for rating in corrected_ratings(chain, rest.others, earlier.others)
        ),
    )


def _version_of(history: History, price: _Price, *replays: Replayed) -> int:
    """Return the newest version under which the price was charged."""
    charges: list[Charge | HistoryRow] = [*history.rows]
    for replayed in replays:
        charges += replayed.charges
    return max(each.catalogue_version for each in charges if each.price_id == price.price_id)


def _carrying(
    history: History,
    counters: tuple[CorrectedCounter, ...],
    before: Replayed,
    after: Replayed,
    asked: Asked,
) -> Iterable[CorrectedCharge]:
    """Yield a charge of nothing where only counters change: tiers or allowances go on as they are now."""
    figures = [(_decimals(each.before), _decimals(each.after)) for each in counters]
    if all(
        was == now for (was, now), each in zip(figures, counters, strict=True) if _is_of_price(each)
    ):
        return
    price = min(_sums(history.rows), key=str)
    yield _corrected(history, price, _Sum(), _Sum(), asked, (), before, after)


def _is_of_price(counter: CorrectedCounter) -> bool:
    return counter.counter != CORRECTIONS


def _decimals(figures: CounterFigures) -> tuple[int, Decimal, Decimal]:
    return figures.records, Decimal(figures.quantity), Decimal(figures.amount)


def _counters(history: History, before: Replayed, after: Replayed) -> Iterable[CorrectedCounter]:
    """Yield every counter that the month's charges stand on, as it must be and as it will be."""
    for name, start_ms in sorted(before.counters.keys() | after.counters.keys()):
        was, now = before.counters.get((name, start_ms)), after.counters.get((name, start_ms))
        yield CorrectedCounter(name, start_ms, _figures(was), _figures(now))
    done = history.corrections
    yield CorrectedCounter(
        CORRECTIONS, history.month_start_ms, CounterFigures(done), CounterFigures(done + 1)
    )


def _add_up(
    history: History,
    charges: tuple[CorrectedCharge, ...],
    counters: tuple[CorrectedCounter, ...],
) -> None:
    """Raise `CannotCorrect` where the charges do not come to what they make of the products' counters:
    rate would refuse them."""
    sums: dict[str, tuple[int, Decimal, Decimal]] = {}
    for charge in charges:
        name = product_counter(charge.product, unit=charge.unit, currency=charge.currency)
        records, used, amount = sums.get(name, (0, ZERO, ZERO))
        sums[name] = (
            records + records_of(charge.kind),
            EXACT.add(used, Decimal(charge.used)),
            EXACT.add(amount, Decimal(charge.amount)),
        )
    for counter in counters:
        if not counter.counter.startswith(_PRODUCT):
            continue
        records, used, amount = _decimals(counter.before)
        more = sums.pop(counter.counter, (0, ZERO, ZERO))
        comes_to = (records + more[0], EXACT.add(used, more[1]), EXACT.add(amount, more[2]))
        if comes_to != _decimals(counter.after):
            raise CannotCorrect(
                f"{history.account_id}: usage would be counted otherwise than it was as "
                f"{counter.counter.removeprefix(_PRODUCT)}: as another product, in another unit or "
                "currency. Operator action: publish the catalogue with those that it was charged in, or "
                "take the charges back; nothing was corrected."
            )
    assert not sums, "every charge moves its product's counter"


def _refuse_filtered(history: History, rows: list[HistoryRow], found: Replayed) -> None:
    """Raise `CannotCorrect` where records that were charged would not be any more."""
    charged = {one.identity for one in found.charges if records_of(one.usage_kind) == 1}
    missing = [row.charge_id for row in rows if row.identity not in charged]
    if missing:
        raise CannotCorrect(
            f"{history.account_id}: {len(missing):,} records would be filtered, and have a charge, such as "
            f"{', '.join(missing[:_SHOWN])}. Operator action: take them back first with `ratemill correct "
            "reverse`; nothing was corrected."
        )


def _figures(counter: CounterAfter | None) -> CounterFigures:
    if counter is None:
        return CounterFigures()
    return CounterFigures(counter.records, counter.quantity, counter.amount)


def _lines(before: Iterable[Charge], after: Iterable[Charge]) -> Iterable[PriceLine]:
    was, now = _sums(before), _sums(after)
    for price in sorted(was.keys() | now.keys(), key=str):
        amounts = was.get(price, _Sum()).amount, now.get(price, _Sum()).amount
        if amounts[0] != amounts[1]:
            yield PriceLine(
                price.subscription_id, price.product, price.price_id, price.currency, *amounts
            )
        yield from _other_lines(price, was.get(price, _Sum()), now.get(price, _Sum()))


def _other_lines(price: _Price, was: _Sum, now: _Sum) -> Iterable[PriceLine]:
    differing = now.minus(was).others
    for chain, ratings in differing.items():
        before = was.others.get(chain) or (None,) * len(chain)
        for name, each, old in zip(chain, ratings, before, strict=True):
            came = ZERO if old is None else old.amount
            if each.amount:
                yield PriceLine(
                    *(price.subscription_id, price.product, price.price_id, price.currency),
                    *(came, EXACT.add(came, each.amount), name),
                )


def _not_rated(history: History, rows: list[HistoryRow], found: Replayed) -> CannotCorrect:
    by_place = dict(found.refused)
    shown = "\n".join(f"  {why}" for why in list(dict.fromkeys(by_place.values()))[:_SHOWN])
    return CannotCorrect(
        f"{history.account_id}: {len(by_place):,} of {len(rows):,} records would have no price:\n{shown}\n"
        "Operator action: publish a catalogue that prices them; nothing was corrected."
    )
