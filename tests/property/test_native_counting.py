"""Laws of what is compiled in `native/counting.pyx`: it charges, counts and writes as its Python twin."""

import contextlib
from decimal import Decimal, localcontext
from unittest import mock

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from counters.limits import LimitInForce, scope_of
from counters.running import running_bucket
from counters.state import Bucket, Head, bucket_to_state, head_key, head_to_state
from pipeline import rate_ordinary, rate_step
from pipeline.rate_prepare import Priceable
from pipeline.rate_records import Charged
from pipeline.rate_running import RunningState
from pipeline.rate_tally import RateTally
from pipeline.rate_terms import PeriodCounter, Terms
from rating.catalogue import Offer
from rating.catalogue.compiled import Rule
from rating.rate import Priced, Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import Unbilled
from schemas.ledger_parts import (
    PricePart,
    RestPart,
    UsagePart,
    explanation_json,
    fields_json,
    head_json,
)
from schemas.limit import ChargeLimit
from schemas.raw import MAX_LEDGER_RECORD_BYTES
from schemas.refusal import RefusalReason
from tests.charge_builders import BEFORE, PARTITION, STEP, batch_of, made, outcome

needs_compiled = pytest.mark.skipif(
    rate_ordinary._compiled_charges is None, reason="nothing is compiled: no C compiler was there"
)


def rule_of(price_id):
    return made(Rule, price_id=price_id)


def scaled(digits, places, sign):
    return Decimal((sign, tuple(map(int, str(digits))), -places))


ordinary_decimals = st.builds(
    scaled, st.integers(0, 10**9), st.integers(0, 10), st.integers(0, 1)
) | st.sampled_from([Decimal(0), Decimal("-0"), Decimal("0.00"), Decimal("-0.000")])
decimals = ordinary_decimals | st.builds(
    scaled,
    st.integers(0, 10**40) | st.integers(10**38 - 2, 10**38 + 2) | st.integers(0, 12).map(lambda n: 10**n),
    st.integers(-6, 40) | st.integers(60, 70),
    st.integers(0, 1),
)  # fmt: skip
texts = st.text(max_size=6) | st.sampled_from(
    ["", '"\\/\b\f\n\r\t\x00\x1f\x7f', "ü\u2028😀", "x" * 40]
)
# Few of them: usage then meets the unbilled usage that is there.
names = st.sampled_from(["voice", "data", 'a"b', "\x01ü"])
currencies = st.sampled_from(["EUR", "EUR", "EUR", "GBP"])
periods = st.sampled_from([-5, 0, 1_790_812_800_000, 1_793_491_200_000])
records = st.integers(0, 3) | st.sampled_from([127, 128, 255, 256, 65_535, 2**31, 2**40])
stored_decimals = decimals.map(to_text) | st.sampled_from(["1E+3", "007", "0.50", "NaN"])

unbilled = st.builds(
    Unbilled, names, names, periods, st.just("EUR"), records, decimals.map(to_text)
)
heads = st.builds(
    Head,
    st.integers(0, 300) | st.integers(2**31, 2**40),
    periods,
    st.lists(unbilled, max_size=18).map(tuple),
)
buckets = st.builds(Bucket, records, stored_decimals, stored_decimals)


@st.composite
def limits(draw):
    scope = draw(st.sampled_from(["account", "product:voice", "product_type:data", "product:data"]))
    by = draw(st.integers(1, 3))
    amount = draw(decimals) if by & 1 else None
    limit = ChargeLimit(
        limit_id=draw(texts),
        scope=scope,
        amount=amount,
        currency=draw(currencies) if by & 1 else None,
        records=draw(st.integers(1, 10_000)) if by & 2 else None,
        invoice_scope=draw(st.sampled_from(["account", scope])),
    )
    return LimitInForce(limit, scope_of(scope))


@st.composite
def terms(draw):
    """What several charges of one rating key share."""
    key = draw(st.sampled_from(["acc-1", "acc-2", "ü"]))
    counters = [
        PeriodCounter(draw(texts), b"c%d" % draw(st.integers(0, 5)), draw(periods))
        for _ in range(draw(st.integers(1, 4)))
    ]
    return made(
        Terms,
        rating_key=key,
        head_key=head_key(key),
        ledger_head=head_json("acme", key),
        limits=tuple(draw(st.lists(limits(), max_size=2))),
        offer=made(
            Offer,
            product=draw(names),
            product_type=draw(names),
            currency=draw(currencies),
            unit=draw(st.sampled_from(["s", "B"])),
        ),
        named=tuple(counters),
    )


@st.composite
def priceables(draw, shared, numbers=ordinary_decimals | decimals):
    its = draw(st.sampled_from(shared))
    offer, amount, billed, used = its.offer, draw(numbers), draw(numbers), draw(numbers)
    counts = [draw(st.none() | st.tuples(numbers, st.none() | numbers)) for _ in its.named[1:]]
    period_ms = draw(periods)
    source = draw(st.sampled_from(["switch", "gateway"]))
    identifier = draw(st.binary(min_size=16, max_size=16))
    steps = draw(
        st.lists(
            st.lists(texts | st.sampled_from([RefusalReason.TOO_LARGE]), max_size=3).map(tuple),
            max_size=2,
        )
    )
    price = PricePart(to_text(billed), "0", offer.unit, to_text(amount), offer.currency, period_ms)
    charged = Charged(
        amount, to_text(amount), billed, tuple(counts), ZERO, (ZERO, ZERO), (), fields_json(price),
        explanation_json(steps),
    )  # fmt: skip
    priced = Priced(billed, draw(numbers), amount, tuple(steps), tuple(counts))
    if draw(st.booleans()):
        charged = None
    part = UsagePart(
        identifier.hex(), "retail", identifier.hex(), "a", "s", offer.product, offer.product_type,
        draw(texts), source, draw(texts), 7, None, None, to_text(used),
    )  # fmt: skip
    return Priceable(
        made(Selected, offer=offer, used=used, rule=rule_of(draw(texts)), price=priced),
        its,
        its.named,
        period_ms,
        charged,
        identifier,
        source,
        fields_json(part),
        fields_json(
            RestPart(draw(st.none() | texts), None, None, None, {draw(texts): draw(texts)})
        ),
        (draw(records), draw(records), draw(records)),
        draw(st.booleans()),
    )


@st.composite
def batches(draw):
    shared = draw(st.lists(terms(), min_size=1, max_size=3))
    state = {
        key: value
        for key, value in {
            **{each.head_key: head_to_state(draw(heads)) for each in shared},
            **{b"c%d" % number: bucket_to_state(draw(buckets)) for number in range(6)},
        }.items()
        if draw(st.booleans())
    }
    return state, draw(st.lists(priceables(shared), min_size=1, max_size=6))


def price_that_tells(selected, before):
    """Return a price that is known, and as its explanation what its counters said."""
    told = [(str(each.records), str(each.quantity), str(each.amount)) for each in before]
    steps = (*selected.price.explanation, *told)
    return msgspec.structs.replace(selected.price, explanation=steps)


@contextlib.contextmanager
def prices_that_tell():
    compiled = rate_ordinary.compiled_charges(price_that_tells, prices=None)
    with (
        mock.patch.object(rate_ordinary, "_compiled_charges", compiled),
        mock.patch.object(rate_step, "charge_after", price_that_tells),
    ):
        yield


@needs_compiled
@given(batches())
def test_charges_are_those_of_the_twin(given_batch):
    state, verdicts = given_batch
    batch = batch_of(verdicts)
    with prices_that_tell():
        in_python = outcome(STEP.decide_in_python, batch, dict(state))
        assert outcome(STEP.decide, batch, dict(state)) == in_python


def alone(verdicts, state):
    """Return what is compiled, after a batch, and what it left to the twin."""
    running, appends = RunningState(state), []
    charges = rate_ordinary.ordinary_charges(
        running, appends, RateTally(BEFORE), partition=PARTITION, catalogue_version=7
    )
    left = []
    charges.decide(batch_of(verdicts).items, left.append)
    return running, appends, left


def charge(amount="1.50", counts=(), limits=(), used="60", **changes):
    amount_of = Decimal(amount)
    offer = made(Offer, product="voice", product_type="call", currency="EUR", unit="s")
    counters = tuple(PeriodCounter(f"c{at}", b"c%d" % at, 0) for at in range(len(counts) + 1))
    its = made(Terms, head_key=head_key("a"), ledger_head=head_json("t", "a"), limits=tuple(limits))
    charged = Charged(
        amount_of, amount, ZERO, tuple(counts), changes.get("restated", ZERO), (ZERO, ZERO), (),
        changes.get("price", b'"x":1'), explanation_json([]),
    )  # fmt: skip
    return Priceable(
        made(Selected, offer=offer, used=Decimal(used), rule=rule_of("p")),
        *(its, counters, 0, charged, bytes(16), "switch", b'"y":1', b'"z":1', (0, 0, 0)),
    )


@needs_compiled
@pytest.mark.parametrize(
    "verdict",
    [
        charge(),
        charge("-0.00", used="0E-10"),
        charge(used="1E+3"),
        charge("0.0000000000", counts=(None, (Decimal("0.5"), None), (Decimal(3), Decimal(2)))),
        charge("9" * 38),
        charge(limits=[LimitInForce(ChargeLimit(limit_id="l", scope="account", records=2), scope_of("account"))]),
    ],
)  # fmt: skip
def test_what_is_ordinary_is_not_left_to_the_twin(verdict):
    running, appends, left = alone([verdict], {})
    assert not left
    assert len(appends) == 1
    assert list(running.heads) == [b"ha"]
    running.buckets[b"of the twin"] = running_bucket(Bucket(1, "2", "3"))
    assert running.changes() == running.changes_in_python()


LEFT = {
    "a number of 39 digits": ([charge("9" * 39)], {}),
    "a sum of 39 digits": ([charge("9" * 38)], {b"c0": bucket_to_state(Bucket(1, "0", "1"))}),
    "a sum with places that has 39 digits": (
        [charge("0.1")],
        {b"c0": bucket_to_state(Bucket(1, "0", "1" + "0" * 37))},
    ),
    "a text as nobody writes it": ([charge()], {b"c0": bucket_to_state(Bucket(1, "0", "007"))}),
    "a head with one": (
        [charge()],
        {b"ha": head_to_state(Head(1, 0, (Unbilled("p", "t", 0, "EUR", 1, "1E+3"),)))},
    ),
    "another currency": (
        [charge()],
        {b"ha": head_to_state(Head(1, 0, (Unbilled("p", "t", 0, "GBP", 1, "1"),)))},
    ),
    "what restates earlier charges": ([charge(restated=Decimal(1))], {}),
    "a limit that is reached": (
        [charge(limits=[LimitInForce(ChargeLimit(limit_id="l", scope="account", records=1), scope_of("account"))])],
        {},
    ),
    "a limit of another product, where the account has but this": (
        [charge(limits=[LimitInForce(ChargeLimit(limit_id="l", scope="product:x", records=1), scope_of("product:x"))])],
        {},
    ),
    "a record that is too large": ([charge(price=b"x" * MAX_LEDGER_RECORD_BYTES)], {}),
    "a sequence beyond 63 bits": ([charge()], {b"ha": head_to_state(Head(2**63))}),
    "a value that is longer": ([charge()], {b"c0": bucket_to_state(Bucket()) + b"\xc0"}),
    "a value that ends early": ([charge()], {b"c0": bucket_to_state(Bucket())[:-1]}),
}  # fmt: skip


@needs_compiled
@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_the_twin_was_not_counted(name):
    verdicts, state = LEFT[name]
    running, appends, left = alone(verdicts, state)
    assert [item.verdict for item in left] == verdicts
    assert not appends
    assert not running.heads
    assert not running.buckets


ENTRIES = [("voice", "call", 0), ("voice", "other", 0), ("voice", "call", 5), ("data", "call", 0)]
SCOPES = ["account", "product:voice", "product_type:call"]


@needs_compiled
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("before", ["3.00", "-3.00"])
def test_unbilled_usage_counts_beside_its_own_kind_and_towards_limits_of_its_scope(
    entry, scope, before
):
    """Each limit at the charge that reaches it, and at those beside; also of another currency."""
    state = {b"ha": head_to_state(Head(1, 0, (Unbilled(*entry, "EUR", 2, before),)))}
    is_reached = set()
    for records, amount, currency in [
        *[(each, None, None) for each in range(1, 6)],
        *[(None, Decimal(each), "EUR") for each in ("1.50", "1.51", "4.50", "4.51", "6", "6.01")],
        (None, Decimal(1), "GBP"),
    ]:
        limit = ChargeLimit(
            limit_id="l", scope=scope, records=records, amount=amount, currency=currency
        )
        batch = batch_of([charge(limits=[LimitInForce(limit, scope_of(scope))])] * 2)
        in_python = outcome(STEP.decide_in_python, batch, dict(state))
        assert outcome(STEP.decide, batch, dict(state)) == in_python
        is_reached.add(
            isinstance(in_python, type)
        )  # what asks for an invoice reads more than is here
    assert is_reached == {True, False}


@needs_compiled
def test_limits_that_are_gone_say_nothing_of_others_that_lie_where_they_lay():
    """They are known by their address, from batch to batch."""
    for records in [1000, 1] * 3:
        limit = ChargeLimit(limit_id="l", scope="account", records=records)
        in_force = LimitInForce(limit, scope_of("account"))
        verdicts = [charge(limits=[in_force]) for _ in range(100)]
        left = alone(verdicts, {})[2]
        assert len(left) == (100 if records == 1 else 0)
        del verdicts, left


@needs_compiled
@pytest.mark.parametrize("more", range(-3, 4))
def test_a_record_is_too_large_by_the_same_byte(more):
    (small,) = alone([charge(price=b"")], {})[1]
    length = MAX_LEDGER_RECORD_BYTES - 64 - len(small.key) - len(small.value) + more
    both = [
        outcome(decide, batch_of([charge(price=b"x" * length)]), {})
        for decide in (STEP.decide, STEP.decide_in_python)
    ]
    assert both[0] == both[1]
    _, appends, left = alone([charge(price=b"x" * length)], {})
    assert (len(appends), len(left)) == ((1, 0) if more <= 0 else (0, 1))


@needs_compiled
@given(st.lists(st.tuples(decimals, decimals), min_size=1, max_size=4))
@example([(Decimal("-5.00"), Decimal("-5.00")), (Decimal("5.000"), Decimal("5"))])
@example([(Decimal("-0.0"), Decimal("-0")), (Decimal("0"), Decimal("-0.00"))])
@example([(Decimal("9" * 38), Decimal("9" * 38)), (Decimal("-0.1"), Decimal("1E-64"))])
def test_a_price_reads_the_decimals_of_the_twin(sums):
    """What a price is given of its counters, exactly: sign, digits and places."""
    verdicts = [charge(counts=[(quantity, amount)]) for quantity, amount in sums]
    running, _, left = alone(verdicts, {})
    assume(not left)
    found = running.buckets[b"c1"]
    twin = running.bucket(b"c1")
    stated = [(each.records, str(each.quantity), str(each.amount)) for each in (found, twin)]
    assert stated[0] == stated[1]
    assert found.value() == twin.value()
    with localcontext(EXACT):
        assert to_text(sum((quantity for quantity, _ in sums), ZERO)) == twin.quantity_text
