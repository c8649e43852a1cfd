"""Prices by the samples of a month: what may be written, and what a close makes of days, gaps and clocks."""

from decimal import Decimal

import msgspec
import pytest

from counters.state import Bucket, bucket_key, bucket_to_state
from pipeline import rate_closing
from pipeline.correcting.work_out import Asked
from pipeline.rate_closing import MOST_SAMPLES, closables
from pipeline.recent_state import RecentState
from pipeline.state import Folded, StateStore
from rating.catalogue import changed_within_months, check, compile
from rating.catalogue.differences.samples import sampling_said
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.closing_samples import Month, close_samples, intervals_of, samples_of
from rating.explain import sentences
from rating.price.percentile import Directions
from rating.price.sampling import Missing, Sampling
from rating.trial import Member, Trial
from schemas.ledger import Charge
from schemas.period import month_start_ms
from schemas.reference import AccountAttributes
from schemas.refusal import RefusalReason, Refused
from tests.correction_world import command_of, history_of, worked_out
from tests.ledger_builders import NOVEMBER, OCTOBER, period_close
from tests.rate_world import MemoryStage, account, event
from tests.unit.test_running_months import NOW

DAY_MS = 86_400_000
MINUTE_MS = 60_000
WHOLE = "percentile: 95"


def catalogue_text(aggregate, *, beside="", product="", model="per_unit, amount: 2, per: 1 Mbps"):
    return f"""
products:
  line: {{type: data, usage_kind: data, unit: Mbps{product}}}
plans:
  basic:
    currency: EUR
    allowances: {{free: {{units: 5 Mbps}}}}
    prices:
      line: {{product: line, price: {{model: {model}, aggregate: {{{aggregate}}}{beside}}}}}
"""


def checked(*args, **fields):
    return check({"plans.yaml": catalogue_text(*args, **fields).encode()})


def document(*args, **fields):
    found = checked(*args, **fields)
    assert not found.errors, found.errors
    return found.document


def closed(aggregate, samples, *, zone="UTC", from_ms=None, **fields):
    """Return the charges of the close of October, of samples by their minute of the month."""
    trial = Trial(compile(document(aggregate, **fields), 7))
    start_ms = month_start_ms(zone, 2026, 10)
    for number, (minute, units) in enumerate(samples):
        came = trial.rate(
            event(number, "line", at_ms=start_ms + minute * MINUTE_MS, zone=zone,
                  quantities={"Mbps": Decimal(units)}),
            plan="basic",
            currency="EUR",
        )  # fmt: skip
        assert isinstance(came, tuple)
        assert [Decimal(each.amount) for each in came] == [0]
    return trial.close(
        "a-1",
        start_ms,
        members=[Member("a-1/s", "basic", from_ms)],
        currency="EUR",
        zone=zone,
    )


def amounts(*args, **fields):
    return [Decimal(each.amount) for each in closed(*args, **fields)]


@pytest.mark.parametrize(
    ("aggregate", "fields", "field", "expected"),
    [
        ("percentile: 0", {}, "percentile", "above 0, of at most 100"),
        ("percentile: 101", {}, "percentile", "above 0, of at most 100"),
        ("method: linear", {}, "percentile", "the key percentile"),
        (f"{WHOLE}, method: nearest", {}, "method", "discard_floor, ceil_rank"),
        (f"{WHOLE}, interval: 7 min", {}, "interval", "minutes that an hour"),
        (f"{WHOLE}, interval: 2 h", {}, "interval", "minutes that an hour"),
        (f"{WHOLE}, interval: 30 s", {}, "interval", "minutes that an hour"),
        (f"{WHOLE}, direction_by: way", {}, "direction_by", "or neither"),
        (f"{WHOLE}, directions: in", {}, "directions", "or neither"),
        (f"{WHOLE}, bill: rest, method: linear", {}, "method", "drops whole samples"),
        (WHOLE, {"beside": ", allowance: free"}, "allowance", "nothing done to single records"),
        (WHOLE, {"beside": ", free_records: 2"}, "free_records", "nothing done to single"),
        (WHOLE, {"beside": ", unique_by: way"}, "unique_by", "nothing done to single records"),
        (WHOLE, {"beside": ", most: {day: 2}"}, "most.day", "a month"),
        (WHOLE, {"model": "flat, amount: 2"}, "aggregate", "a price of the model per_unit"),
        (WHOLE, {"product": ", zero_usage: filter"}, "aggregate", "without zero_usage: filter"),
        (WHOLE, {"product": ", below_zero: mirror"}, "aggregate", "without below_zero: mirror"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line_and_field(
    aggregate, fields, field, expected
):
    errors = [str(each) for each in checked(aggregate, **fields).errors]
    assert any(
        each.startswith("plans.yaml:9: ") and f"{field}: expected" in each and expected in each
        for each in errors
    ), errors


def test_versions_begin_on_the_first_of_a_month():
    text = catalogue_text(WHOLE)
    price = text[text.index("price: ") + 7 : text.rindex("}")]
    versions = ", ".join(
        f"{{valid_from: {day}, price: {price}}}" for day in ("2026-10-01", "2026-10-15")
    )
    text = text.replace(f"price: {price}", f"versions: [{versions}]")
    found = [str(each) for each in check({"plans.yaml": text.encode()}).errors]
    assert len(found) == 1
    assert "expected the first of a month" in found[0]


def test_the_published_form_is_one_that_older_builds_refuse():
    found = document(f"{WHOLE}, bill: rest, direction_by: way, directions: out")
    head, chunks = document_to_parts(found)
    assert b'"format":7' in head
    assert document_from_parts(head, chunks) == found


def test_what_a_month_that_is_running_makes_of_another_percentile_is_said():
    found = changed_within_months(document(WHOLE), document("percentile: 90"), at=NOW)
    assert [each.thing for each in found] == ["percentile of the month"]


def test_what_a_month_that_is_running_makes_of_another_amount_for_its_samples_is_said():
    old, new = document(WHOLE), document(WHOLE, model="per_unit, amount: 3, per: 1 Mbps")
    found = changed_within_months(old, new, at=NOW)
    assert [each.thing for each in found] == ["percentile of the month"]


def test_a_month_that_is_running_has_samples_in_one_unit():
    other = check({"plans.yaml": catalogue_text(WHOLE).replace("Mbps", "kB").encode()}).document
    found = changed_within_months(document(WHOLE), other, at=NOW)
    assert [each.thing for each in found] == ["percentile of the month"]
    assert "another unit" in found[0].text


def test_a_difference_is_said_in_words():
    said = sampling_said(
        Sampling(percent=Decimal(95), direction_by="way", directions=Directions.LARGER)
    )
    assert said.startswith("the highest left of its 95th percentile (discard_floor)")
    assert said.endswith("the larger of both directions by way")


def test_a_record_is_of_the_interval_in_which_it_began_to_the_millisecond():
    stage = MemoryStage(catalogue=compile(document("percentile: 50"), 7))
    for number, at_ms in enumerate((0, 5 * MINUTE_MS - 1, 5 * MINUTE_MS, 31 * DAY_MS - 1)):
        stage.batch(event(number, "line", at_ms=OCTOBER + at_ms, quantities={"Mbps": Decimal(1)}))
    counters = {
        each.counter.rpartition("/")[2]: each.quantity
        for charge in stage.ledger()
        for each in charge.counters_after
        if each.counter.startswith("sample:")
    }
    assert counters == {"0:Mbps": "2", "1:Mbps": "1", "8927:Mbps": "1"}


def test_the_records_of_an_interval_are_added_up_or_the_largest_counts():
    samples = [(0, 3), (1, 5), (2, 4)]
    assert amounts(WHOLE, samples) == [24]
    assert amounts(f"{WHOLE}, within: largest", samples) == [10]


def test_a_sample_of_nothing_is_one_and_a_gap_is_none_unless_it_is_said():
    samples = [(0, 8), (5, 0), (10, 0)]
    assert amounts("percentile: 50", samples) == [0]
    assert amounts("percentile: 50", samples[:1]) == [16]
    assert amounts("percentile: 50, missing: zero", samples[:1]) == [0]
    assert amounts("percentile: 100, missing: zero", samples[:1]) == [16]


def test_a_month_without_a_sample_asks_for_its_least_alone():
    assert amounts(WHOLE, []) == []
    assert amounts(WHOLE, [], beside=", least: {month: 9}") == [9]
    assert amounts(WHOLE, [(0, 2)], beside=", least: {month: 9}") == [9]
    assert amounts(WHOLE, [(0, 8)], beside=", least: {month: 9}") == [16]


def test_late_samples_after_a_least_have_a_charge_of_their_own():
    stage = MemoryStage(catalogue=compile(document(WHOLE, beside=", least: {month: 9}"), 7))
    stage.batch(period_close(OCTOBER, NOVEMBER))
    stage.batch(event(1, "line", at_ms=OCTOBER, quantities={"Mbps": Decimal(8)}))
    stage.batch(period_close(NOVEMBER, NOVEMBER + 30 * DAY_MS, offset=1))
    closing = [each for each in stage.ledger() if isinstance(each, Charge) and each.used == "0"]
    of_october = [each for each in closing if each.usage_period_ms == OCTOBER]
    assert [Decimal(each.amount) for each in of_october] == [9, 7]
    assert len({each.charge_id for each in closing}) == len(closing) == 3


def test_a_close_sees_what_its_own_batch_has_changed():
    """The first sample is in the state when its second record comes, in the batch of the close."""
    stage = MemoryStage(catalogue=compile(document(WHOLE), 7))
    one, two = (
        event(number, "line", at_ms=OCTOBER + number, quantities={"Mbps": Decimal(4)})
        for number in range(2)
    )
    stage.batch(one)
    stage.batch(two, period_close(OCTOBER, NOVEMBER))
    assert not stage.suspense()
    charges = [each for each in stage.ledger() if isinstance(each, Charge)]
    assert [Decimal(each.amount) for each in charges] == [0, 0, 16]


def test_what_a_close_says_does_not_depend_on_where_batches_end():
    """5 and 5.00 are alike, and written otherwise; the state and a batch have them in another order."""
    records = [
        event(
            number, "line", at_ms=OCTOBER + minute * MINUTE_MS, quantities={"Mbps": Decimal(units)}
        )
        for number, (minute, units) in enumerate([(5, "5.00"), (0, "5"), (10, "1")])
    ]
    close = period_close(OCTOBER, NOVEMBER)
    stages = [MemoryStage(catalogue=compile(document(WHOLE), 7)) for _ in range(2)]
    stages[0].batch(*records, close)
    stages[1].batch(*records)
    stages[1].batch(close)
    assert stages[0].ledger() == stages[1].ledger()
    assert stages[0].state == stages[1].state


def test_samples_of_a_part_of_a_day_are_priced_too():
    """At no beginning of a day did the condition hold; the sample was taken while it did."""
    text = catalogue_text(WHOLE).replace(
        "product: line, price: {",
        'product: line, when: account.vip == "gold", price: {least: {month: 5}, ',
    )
    begun, ended = OCTOBER + 60 * MINUTE_MS, OCTOBER + 120 * MINUTE_MS
    attributes = tuple(
        AccountAttributes(valid_from_ms=at_ms, values=values)
        for at_ms, values in ((begun, {"vip": "gold"}), (ended, {}))
    )
    holder = msgspec.structs.replace(account(), attributes=attributes)
    found = check({"plans.yaml": text.encode()})
    assert not found.errors
    stage = MemoryStage(accounts=(holder,), catalogue=compile(found.document, 7))
    stage.batch(event(1, "line", at_ms=begun + 1, quantities={"Mbps": Decimal(4)}))
    stage.batch(period_close(OCTOBER, NOVEMBER))
    assert not stage.suspense()
    charges = [each for each in stage.ledger() if isinstance(each, Charge)]
    assert [Decimal(each.amount) for each in charges] == [0, 8]


def test_increments_discounts_and_commitments_are_of_the_level():
    samples = [(0, 3), (5, 7)]
    model = "per_unit, amount: 2, per: 1 Mbps, increments: 5/5"
    assert amounts(WHOLE, samples, model=model) == [20]
    assert amounts(WHOLE, samples, beside=", discount: 10") == [Decimal("12.6")]
    committed = ", commitment: {amount: 10, overage: 2}"
    assert amounts(WHOLE, samples, beside=committed) == [18]
    tiers = "volume, per: 1 Mbps, tiers: [{upto: 5 Mbps, amount: 2}, {amount: 1}]"
    assert amounts(WHOLE, samples, model=tiers) == [7]
    assert amounts(WHOLE, samples, model="package, size: 5 Mbps, amount: 4") == [8]


@pytest.mark.parametrize(
    ("month", "zone", "days", "expected"),
    [
        (10, "UTC", range(1, 32), 8928),
        (10, "Europe/Berlin", range(1, 32), 8940),
        (3, "Europe/Berlin", range(1, 32), 8916),
        (3, "Europe/Berlin", range(29, 30), 276),
        (10, "Europe/Berlin", range(1, 11), 2880),
        (2, "Asia/Kathmandu", range(1, 29), 8064),
    ],
)
def test_a_month_has_the_intervals_of_its_days(month, zone, days, expected):
    first = (month_start_ms("UTC", 2026, month)) // DAY_MS
    assert expected == intervals_of(
        Sampling(percent=Decimal(95), missing=Missing.ZERO),
        tuple(first + day - 1 for day in days),
        start_ms=month_start_ms(zone, 2026, month),
        end_ms=month_start_ms(zone, 2026, month + 1),
        zone=zone,
    )


def test_a_subscription_that_came_late_has_no_gaps_before_it():
    """Of one day's 288 intervals the highest 14 are dropped; of a month's it would be 446."""
    from_ms = OCTOBER + 30 * DAY_MS
    samples = [(30 * 1440 + 5 * number, 4) for number in range(15)]
    zero = f"{WHOLE}, missing: zero"
    assert amounts(zero, samples, from_ms=from_ms) == [8]
    assert amounts(zero, samples) == [0]


def test_the_intervals_of_a_month_are_counted_once_for_all_that_were_there_on_the_same_days(
    monkeypatch,
):
    asked = []
    monkeypatch.setattr(
        rate_closing,
        "intervals_of",
        lambda *args, **fields: asked.append(args) or intervals_of(*args, **fields),
    )
    entry, late_ms = account().subscriptions[0], NOVEMBER - DAY_MS
    entries = [
        msgspec.structs.replace(entry, subscription_id=str(number), valid_from_ms=from_ms)
        for number, from_ms in enumerate([OCTOBER] * 50 + [late_ms] * 50)
    ]
    held = msgspec.structs.replace(account(), subscriptions=tuple(entries))
    found = closables(period_close(OCTOBER, NOVEMBER), held, compile(document(WHOLE), 7))
    assert [each.intervals for each in found] == [8928] * 50 + [288] * 50
    assert len(asked) == 2


def test_samples_that_were_counted_otherwise_are_not_left_out_in_silence():
    rule = compile(document(WHOLE), 7).plans["basic"].offers["line"].entries[0].rules[0]

    class Count:
        records, quantity, amount = 2, Decimal(0), Decimal(0)

    begins = samples_of(rule, subscription_id="s")
    assert begins == {"": "sample:s:basic/line/5//"}
    samples = {"": [("0:Mbps", 1, Decimal(1)), ("0:s:x/y/5//0:Mbps", 1, Decimal(9))]}
    found = close_samples(rule, "Mbps", Count(), Count(), samples, Month(31, 31, 8928))
    assert isinstance(found, Refused)
    assert found.reason is RefusalReason.NO_TARIFF_IN_FORCE


def test_a_close_of_more_samples_than_it_may_read_is_refused():
    many = MOST_SAMPLES // 44_640 + 1
    entry, names = account().subscriptions[0], [f"s-{number}" for number in range(many)]
    entries = tuple(msgspec.structs.replace(entry, subscription_id=name) for name in names)
    stage = MemoryStage(
        accounts=(msgspec.structs.replace(account(), subscriptions=entries),),
        catalogue=compile(document(f"{WHOLE}, interval: 1 min"), 7),
    )
    for name in names:
        key = bucket_key("a-1", f"sampled:{name}:basic/line:Mbps", OCTOBER)
        stage.state[key] = bucket_to_state(Bucket(10**6))
    stage.batch(period_close(OCTOBER, NOVEMBER))
    assert [each.reason for each in stage.suspense()] == [RefusalReason.TOO_LARGE]


def test_an_explanation_says_what_was_dropped_and_what_is_billed():
    charge = closed(WHOLE, [(5 * number, number + 1) for number in range(20)])[0]
    assert sentences(charge)[1:4] == [
        "20 samples. At the 95th percentile (discard_floor) the highest is dropped; the highest left "
        "is 19 Mbps.",
        "19 Mbps at 2.00 EUR per Mbps.",
        "Rounded half up to 10 decimal places.",
    ]


def test_the_state_gives_what_begins_so_also_what_was_written_a_moment_ago(tmp_path):
    store = StateStore(tmp_path / "s")
    at = Folded(1, "cluster", "genesis", 1, "chain")
    recent = RecentState(store, most_values=10)
    recent.write([(b"a/1", b"1"), (b"a/2", b"2"), (b"a0", b"3"), (b"b", b"4")], at)
    recent.write([(b"a/2", b"5")], at)
    for state in (store, recent):
        assert [*state.get_many([b"b"]).scan(b"a/")] == [(b"a/1", b"1"), (b"a/2", b"5")]
        assert [*state.get_many([]).scan(b"c")] == []
    store.close()


def test_a_month_is_corrected_whose_close_asked_for_a_least_where_nothing_was_sampled():
    text = catalogue_text(WHOLE, beside=", least: {month: 5}").replace(
        "plans:", "  calls: {type: call, usage_kind: voice, unit: s}\nplans:"
    )
    text += "      calls: {product: calls, price: {model: flat, amount: 3}}\n"
    found = check({"plans.yaml": text.encode()})
    assert not found.errors, found.errors
    stage = MemoryStage(catalogue=compile(found.document, 7))
    stage.batch(
        *[
            event(number, "calls", at_ms=OCTOBER, quantities={"s": Decimal(1)})
            for number in range(2)
        ],
        period_close(OCTOBER, NOVEMBER),
    )
    history = history_of(stage, "a-1", OCTOBER, NOVEMBER)
    ids = frozenset({history.events()[0].charge_id})
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=ids))))
    assert not stage.suspense()
    charges = [each for each in stage.ledger() if isinstance(each, Charge)]
    assert [Decimal(each.amount) for each in charges] == [3, 3, 5, -3]
    # The least stays what was charged of the samples that come late.
    stage.batch(event(3, "line", at_ms=OCTOBER, quantities={"Mbps": Decimal(4)}))
    stage.batch(period_close(NOVEMBER, NOVEMBER + 30 * DAY_MS, offset=1))
    closing = [each for each in stage.ledger()[-3:] if isinstance(each, Charge)]
    assert [Decimal(each.amount) for each in closing if each.usage_period_ms == OCTOBER][-1] == 3
