"""Laws of counting and limits, over small amounts that often land exactly on a limit."""

from decimal import Decimal
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from counters.limits import check, in_force
from counters.period import close
from counters.state import NEW_HEAD, Head, changes_of, head_key, head_to_state
from schemas import ledger
from schemas.ledger import Charge, LimitReached, PeriodClosed
from tests.ledger_builders import (
    DECEMBER,
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    amount_limit,
    charge_after,
    period_close,
    records_limit,
)

PERIODS = (SEPTEMBER, OCTOBER, NOVEMBER)
TYPES = {"voice": "call", "roaming": "call", "data": "data"}
SCOPES = ("account", "product:voice", "product_type:call", "product:data")


class Usage(NamedTuple):
    amount: str
    product: str
    period_ms: int


class Close(NamedTuple):
    start_ms: int
    end_ms: int


usages = st.builds(
    Usage,
    st.sampled_from(["0.00", "0.01", "1", "4.99", "5", "-1"]),
    st.sampled_from(list(TYPES)),
    st.sampled_from(PERIODS),
)
ENDS = {SEPTEMBER: OCTOBER, OCTOBER: NOVEMBER, NOVEMBER: DECEMBER}
closes = st.sampled_from(PERIODS).map(lambda start: Close(start, ENDS[start]))
days = st.lists(st.one_of(usages, usages, usages, closes), max_size=25)


@st.composite
def limit_sets(draw):
    limits = []
    for number in range(draw(st.integers(0, 3))):
        scope = draw(st.sampled_from(SCOPES))
        fields = {
            "limit_id": str(number),
            "scope": scope,
            "invoice_scope": draw(st.sampled_from(["account", scope])),
        }
        if draw(st.booleans()):
            limits.append(amount_limit(draw(st.sampled_from(["0.01", "5", "10"])), **fields))
        else:
            limits.append(records_limit(draw(st.integers(1, 4)), **fields))
    return tuple(limits)


def run(day, limits):
    """Return the head after a day's records, and the ledger records of it in order."""
    head, records = NEW_HEAD, []
    rules = in_force(limits)
    for step in day:
        if isinstance(step, Close):
            command = period_close(step.start_ms, step.end_ms)
            head, closed = close(head, command, source_partition=0, source_offset=0)
            records += [closed] if closed else []
            continue
        head, charge = charge_after(
            head,
            step.amount,
            product=step.product,
            product_type=TYPES[step.product],
            usage_period_ms=step.period_ms,
        )
        head, reached = check(head, charge, rules)
        records += [charge, reached] if reached else [charge]
    return head, records


def total(entries):
    return sum((Decimal(entry.amount) for entry in entries), Decimal(0))


@given(days, limit_sets())
def test_sequences_have_no_gap_and_the_head_has_the_last_one(day, limits):
    head, records = run(day, limits)
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    assert head.sequence == len(records)


@given(days, limit_sets())
def test_the_newest_record_alone_tells_the_head(day, limits):
    head, records = run(day, limits)
    if records:
        assert list(changes_of(ledger.to_wire(records[-1]))) == [
            (head_key("a-1"), head_to_state(head))
        ]


@given(days, limit_sets())
def test_every_charge_is_invoiced_or_billed_or_still_unbilled(day, limits):
    """By amount and by records: charges = what invoices took + what closes took + what is left."""
    head, records = run(day, limits)
    charges = [record for record in records if isinstance(record, Charge)]
    gone = [
        entry
        for record in records
        if not isinstance(record, Charge)
        for entry in (record.invoiced if isinstance(record, LimitReached) else record.closed)
    ]
    known = [*gone, *head.unbilled]
    assert sum((Decimal(charge.amount) for charge in charges), Decimal(0)) == total(known)
    assert len(charges) == sum(entry.records for entry in known)


@given(days, limit_sets())
def test_an_invoice_says_exactly_the_charges_that_a_reader_would_put_on_it(day, limits):
    """A reader that keeps its own list of unbilled charges finds the sums that the ledger says."""
    _, records = run(day, limits)
    unbilled: list[Charge] = []
    for record in records:
        if isinstance(record, Charge):
            unbilled.append(record)
            continue
        if isinstance(record, PeriodClosed):
            taken = [c for c in unbilled if c.bill_period_ms < record.first_open_period_ms]
            said = record.closed
        else:
            taken = [
                c
                for c in unbilled
                if c.sequence <= record.invoice_up_to
                and record.invoice_scope
                in ("account", f"product:{c.product}", f"product_type:{c.product_type}")
            ]
            said = record.invoiced
        assert total(said) == total(taken)
        assert sum(entry.records for entry in said) == len(taken)
        unbilled = [charge for charge in unbilled if charge not in taken]
        assert total(record.unbilled) == total(unbilled)


@given(days, limit_sets())
def test_no_limit_is_still_reached_after_its_own_report(day, limits):
    """So it cannot be reported twice for the same usage."""
    _, records = run(day, limits)
    by_id = {limit.limit_id: limit for limit in limits}
    for record in records:
        if not isinstance(record, LimitReached):
            continue
        for hit in record.limits:
            scope = by_id[hit.limit_id].scope
            left = [
                entry
                for entry in record.unbilled
                if scope in ("account", f"product:{entry.product}")
                or scope == f"product_type:{entry.product_type}"
            ]
            assert left == []


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(lambda parts: sum(parts) > 0),
    st.integers(1, 20),
)
def test_a_threshold_is_reported_once_however_usage_is_split(parts, threshold):
    """Usage that comes to the threshold and not to twice of it gives one report, at whatever
    record takes the sum there; usage that stays below gives none."""
    day = [Usage(str(part), "voice", OCTOBER) for part in parts]
    upto_first = []
    for usage in day:
        upto_first.append(usage)
        if sum(int(u.amount) for u in upto_first) >= threshold:
            break
    _, records = run(upto_first, (amount_limit(str(threshold)),))
    reports = [record for record in records if isinstance(record, LimitReached)]
    assert len(reports) == (1 if sum(parts) >= threshold else 0)
    if reports:
        assert records[-1] is reports[0]
        assert reports[0].invoice_up_to == len(upto_first)


@given(days, limit_sets())
def test_a_closed_period_stays_closed(day, limits):
    """No charge is billed in a period before the first open one, which never moves back."""
    _, records = run(day, limits)
    first_open_ms = 0
    for record in records:
        if isinstance(record, Charge):
            assert record.bill_period_ms == max(record.usage_period_ms, first_open_ms)
        assert record.first_open_period_ms >= first_open_ms
        first_open_ms = record.first_open_period_ms
        assert all(entry.bill_period_ms >= first_open_ms for entry in record.unbilled)


@given(days, limit_sets(), st.integers(0, 25))
def test_counting_may_stop_and_go_on_anywhere(day, limits, at):
    """The head is all that the next record needs to know of those before it."""
    head, _ = run(day[:at], limits)
    restarted = Head(head.sequence, head.first_open_period_ms, head.unbilled)
    whole, _ = run(day, limits)
    for step in day[at:]:
        if isinstance(step, Close):
            command = period_close(step.start_ms, step.end_ms)
            restarted, _ = close(restarted, command, source_partition=0, source_offset=0)
            continue
        restarted, charge = charge_after(
            restarted,
            step.amount,
            product=step.product,
            product_type=TYPES[step.product],
            usage_period_ms=step.period_ms,
        )
        restarted, _ = check(restarted, charge, in_force(limits))
    assert restarted == whole
