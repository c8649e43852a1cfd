"""The state of rating, summed anew from the charges and held against what the records say."""

from __future__ import annotations

from decimal import Decimal

from pipeline.verify.ledger_records import ChargeSaid, CloseSaid, LimitSaid, Said
from pipeline.verify.report import Check
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import CORRECTION, REVERSAL, CounterAfter, Unbilled, records_of

Mismatch = tuple[Check, str, str]
"""A check, what it expected, what the record says."""

_Entry = tuple[str, str, int, str]  # product, product type, bill period, currency
_Total = tuple[int, Decimal]  # records, amount
_Used = tuple[int, Decimal, Decimal]  # records, quantity, amount

_PRODUCT = "product:"
_MAY_FALL = ("tier:", "held:", "level:", "listed:")


class _Key:
    """One rating key, by the charges so far."""

    __slots__ = ("first_open_ms", "last_charge", "sequence", "unbilled")

    def __init__(self) -> None:
        self.sequence = 0
        self.first_open_ms = 0
        self.last_charge: tuple[int, str] = (0, "")  # sequence and id
        self.unbilled: dict[_Entry, _Total] = {}


class Fold:
    """All rating keys of one ledger partition. It grows with keys and counters, not with records."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}
        self._counters: dict[tuple[str, str, int], _Used] = {}
        self._taken_back: set[bytes] = set()  # charges, by their ids

    def add(self, record: Said, *, whole: bool = True) -> list[Mismatch]:
        """Add one record; return what it says otherwise than the sum of those before it.

        Not ``whole``: what it said of the state after it is not known.
        """
        wrong: list[Mismatch] = []
        key = self._keys.get(record.rating_key)
        if key is None:
            key = self._keys[record.rating_key] = _Key()
        if record.sequence != key.sequence + 1:
            wrong.append(
                (
                    Check.LEDGER_SEQUENCE,
                    f"sequence {key.sequence + 1} of {record.rating_key}",
                    f"sequence {record.sequence}",
                )
            )
        key.sequence = max(key.sequence, record.sequence)
        if isinstance(record, ChargeSaid):
            self._charge(key, record, wrong)
        elif isinstance(record, LimitSaid):
            self._limit(key, record, wrong)
        else:
            self._close(key, record, wrong)
        if not whole:
            return wrong
        if not _same(key.unbilled, record.unbilled):
            wrong.append(_unbilled("unbilled", key.unbilled, record.unbilled, record))
        if record.first_open_period_ms != key.first_open_ms:
            wrong.append(
                (
                    Check.LEDGER_UNBILLED,
                    f"first open period {key.first_open_ms} of {record.rating_key}",
                    str(record.first_open_period_ms),
                )
            )
        return wrong

    def _charge(self, key: _Key, charge: ChargeSaid, wrong: list[Mismatch]) -> None:
        key.last_charge = charge.sequence, charge.charge_id
        # A charge may be corrected often, but is taken back once.
        if charge.corrects is not None and charge.usage_kind == REVERSAL:
            corrects = bytes.fromhex(charge.corrects)
            if corrects in self._taken_back:
                expected = f"charge {charge.corrects} taken back once"
                wrong.append((Check.LEDGER_UNIQUE, expected, f"again by {charge.charge_id}"))
            self._taken_back.add(corrects)
        amount = Decimal(charge.amount)
        entry = (charge.product, charge.product_type, charge.bill_period_ms, charge.currency)
        records, total = key.unbilled.get(entry, (0, ZERO))
        key.unbilled[entry] = records + records_of(charge.usage_kind), EXACT.add(total, amount)
        if charge.bill_period_ms != max(charge.usage_period_ms, key.first_open_ms):
            wrong.append(
                (
                    Check.LEDGER_UNBILLED,
                    f"bill period {max(charge.usage_period_ms, key.first_open_ms)} of charge "
                    f"{charge.charge_id}",
                    str(charge.bill_period_ms),
                )
            )
        own = f"{_PRODUCT}{charge.product}:"
        stated = 0
        for after in charge.counters_after:
            stated += after.counter.startswith(own)
            self._count(charge, after, amount, wrong)
        if stated != 1:
            wrong.append(
                (
                    Check.LEDGER_COUNTERS,
                    f"one counter of product {charge.product} after charge {charge.charge_id}",
                    str(stated),
                )
            )

    def _count(
        self, charge: ChargeSaid, after: CounterAfter, amount: Decimal, wrong: list[Mismatch]
    ) -> None:
        name = (charge.rating_key, after.counter, after.period_start_ms)
        records, quantity, total = self._counters.get(name, (0, ZERO, ZERO))
        records += records_of(charge.usage_kind)
        said = (after.records, Decimal(after.quantity), Decimal(after.amount))
        if after.counter.startswith(_PRODUCT):
            quantity = EXACT.add(quantity, Decimal(charge.used))
            total = EXACT.add(total, amount)
            right = said == (records, quantity, total)
        elif charge.usage_kind in (CORRECTION, REVERSAL):
            # Worked out beside the stream; the worker has held what they were against the state.
            right = True
            records, quantity, total = said
        else:
            # What a tier or an allowance takes of a charge is the price's matter.
            # What a tier counts falls too, where the newest record is what counts; so does what is off.
            grows = said[1] >= quantity or after.counter.startswith(_MAY_FALL)
            right = said[0] == records and grows
            quantity, total = said[1], said[2]
        self._counters[name] = records, quantity, total
        if not right:
            wrong.append(
                (
                    Check.LEDGER_COUNTERS,
                    f"{after.counter} of {charge.rating_key} at {records:,} records, quantity "
                    f"{to_text(quantity)}, amount {to_text(total)}",
                    f"{after.records:,} records, quantity {after.quantity}, amount {after.amount} "
                    f"(charge {charge.charge_id})",
                )
            )

    def _limit(self, key: _Key, limit: LimitSaid, wrong: list[Mismatch]) -> None:
        scope = limit.invoice_scope
        taken = {entry: total for entry, total in key.unbilled.items() if _in(entry, scope)}
        key.unbilled = {e: total for e, total in key.unbilled.items() if e not in taken}
        if not _same(taken, limit.invoiced):
            wrong.append(_unbilled("invoiced", taken, limit.invoiced, limit))
        if key.last_charge != (limit.invoice_up_to, limit.crossing_charge_id):
            wrong.append(
                (
                    Check.LEDGER_UNBILLED,
                    f"limit {limit.limit_reached_id} to follow charge {key.last_charge[1]}, "
                    f"sequence {key.last_charge[0]}",
                    f"charge {limit.crossing_charge_id}, sequence {limit.invoice_up_to}",
                )
            )
        for hit in limit.limits:
            if Decimal(hit.after) < Decimal(hit.threshold):
                wrong.append(
                    (
                        Check.LEDGER_UNBILLED,
                        f"limit {hit.limit_id} of {limit.rating_key} reached: at least "
                        f"{hit.threshold}",
                        hit.after,
                    )
                )

    def _close(self, key: _Key, close: CloseSaid, wrong: list[Mismatch]) -> None:
        end_ms = close.period_end_ms
        closed = {entry: total for entry, total in key.unbilled.items() if entry[2] < end_ms}
        key.unbilled = {e: total for e, total in key.unbilled.items() if e not in closed}
        key.first_open_ms = max(key.first_open_ms, end_ms)
        if not _same(closed, close.closed):
            wrong.append(_unbilled("closed", closed, close.closed, close))


def _in(entry: _Entry, scope: str) -> bool:
    """Return whether an entry lies in ``account``, ``product:<code>`` or ``product_type:<code>``."""
    kind, _, code = scope.partition(":")
    match kind:
        case "product":
            return entry[0] == code
        case "product_type":
            return entry[1] == code
        case _:
            return True


def _same(own: dict[_Entry, _Total], stated: tuple[Unbilled, ...]) -> bool:
    if len(own) != len(stated):
        return False
    for each in stated:
        entry = (each.product, each.product_type, each.bill_period_ms, each.currency)
        if own.get(entry) != (each.records, Decimal(each.amount)):
            return False
    return True


def _unbilled(
    what: str, own: dict[_Entry, _Total], stated: tuple[Unbilled, ...], record: Said
) -> Mismatch:
    expected = ", ".join(
        f"{entry[0]} {records:,} records {to_text(amount)} {entry[3]}"
        for entry, (records, amount) in own.items()
    )
    found = ", ".join(f"{e.product} {e.records:,} records {e.amount} {e.currency}" for e in stated)
    return (
        Check.LEDGER_UNBILLED,
        f"{what} of {record.rating_key} at sequence {record.sequence}: {expected or 'nothing'}",
        found or "nothing",
    )
