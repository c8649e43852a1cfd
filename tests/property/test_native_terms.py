"""Laws of what is compiled in `native/terms.pyx`: the terms of an event and its counters are those that
`TermsInForce` finds, whatever was asked before and however much of it is kept."""

from decimal import Decimal
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import rate_compiled
from pipeline.rate_prepare import Priceable, prepare
from pipeline.rate_terms import PeriodCounter, TermsInForce
from rating.catalogue import check, compile
from schemas import usage
from schemas.flow import SourceRecord
from schemas.limit import ChargeLimit
from schemas.reference import LOOKED_THROUGH, Account, ReferenceData, Subscription
from schemas.usage import Provenance, UsageEvent

pytestmark = pytest.mark.skipif(
    rate_compiled._native_terms is None, reason="nothing is compiled: no C compiler was there"
)

PRICES = {
    "plain": "{model: per_unit, amount: 0.10, per: 1 min}",
    "month": "{model: per_unit, amount: 0.10, per: 1 min, allowance: month}",
    "pool": "{model: per_unit, amount: 0.10, per: 1 min, allowance: pool}",
    "both": "{model: per_unit, amount: 0.10, per: 1 min, allowance: [pool, month, money]}",
    "day": "{model: per_unit, amount: 0.10, per: 1 min, allowance: [day, month]}",
    "once": "{model: per_unit, amount: 0.10, per: 1 min, allowance: once}",
    "rolled": "{model: per_unit, amount: 0.10, per: 1 min, allowance: rolled}",
    "tiers": "{model: graduated, per: 1 min, tiers: [{upto: 10 min, amount: 1.00}, {amount: 0.5}]}",
    "members": "{model: per_unit, amount: 0.10, per: 1 min, allowance: members}",
}
PLAN = """
  {plan}:
    currency: {currency}
    allowances:
      month: {{units: 5 min}}
      pool: {{units: 5 min, shared_by: account}}
      money: {{amount: 5.00}}
      day: {{units: 1 min, every: day}}
      once: {{amount: 5.00, every: once}}
      rolled: {{units: 5 min, rolls_over: {{months: 1}}}}
      members: {{units: 1 min, times: members, shared_by: account}}
    prices:
"""
MONTH_MS = 1_790_812_800_000  # 1 October 2026, UTC
DAY_MS = 86_400_000
MANY = LOOKED_THROUGH + 6


def _catalogue():
    lines = ["products:"]
    lines += [f"  {each}: {{type: t, usage_kind: voice, unit: s}}" for each in PRICES]
    lines += ["plans:"]
    for plan, currency in (("basic", "EUR"), ("other", "GBP")):
        lines.append(PLAN.format(plan=plan, currency=currency).strip("\n"))
        lines += [f"      {each}: {{product: {each}, price: {PRICES[each]}}}" for each in PRICES]
    lines += ["limits:", "  unbilled: {scope: account, amount: 50.00, currency: EUR}"]
    checked = check({"plans.yaml": "\n".join(lines).encode()})
    assert checked.document is not None, checked
    return compile(checked.document, 7)


def _subscription(subscription_id, number, start_ms=0, end_ms=None, plan="basic"):
    return Subscription(
        subscription_id=subscription_id,
        identifier=f"{subscription_id}/{number}",
        plan=plan,
        valid_from_ms=start_ms,
        valid_to_ms=end_ms,
    )


def _account(account_id, zone, subscriptions, *, currency="EUR", limits=()):
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone=zone,
        currency=currency,
        subscriptions=tuple(subscriptions),
        limits=limits,
    )


def _reference():
    middle_ms = MONTH_MS + 10 * DAY_MS
    some = [
        _subscription("s-1", 1),
        _subscription('s-"ü"', 2, MONTH_MS, middle_ms),
        _subscription('s-"ü"', 3, middle_ms, middle_ms + DAY_MS, "other"),
        _subscription("s-12", 4, -5),
        _subscription("s-9", 5, 2**70),
        _subscription("s-9", 6, 0, 2**70),
        _subscription("s-8", 8, -(2**70), MONTH_MS),
        _subscription("s-gone", 7, plan="nothing"),
    ]
    own = ChargeLimit(limit_id="unbilled", scope="account", amount=Decimal(3), currency="EUR")
    many = [_subscription(f"s-{number}", number) for number in range(MANY)]
    data = ReferenceData()
    data.apply(
        [
            _account("a-1", "UTC", some),
            _account('a-"ü"\n', "Europe/Berlin", some, currency="GBP"),
            _account("a-limited", "UTC", some, limits=(own,)),
            _account("a-many", "Asia/Kathmandu", many),
        ],
        version=3,
    )
    return data


CATALOGUE, REFERENCE = _catalogue(), _reference()
SOME = UsageEvent(
    tenant="acme", identity=bytes(16), content_hash=bytes(8), run="retail", rating_key="a-1",
    source="switch", record_id="1", account_id="a-1", subscription_id="s-1", product="month",
    usage_kind="voice", started_at_ms=MONTH_MS, ended_at_ms=None, zone="UTC",
    quantities={"s": Decimal(61)}, origin=None, destination="4930", service_class=None,
    attributes={}, provenance=Provenance(0, 0, 0, "t@1", 0), batch=1,
)  # fmt: skip

ACCOUNTS = ["a-1", 'a-"ü"\n', "a-limited", "a-many", "a-nobody"]
instants = st.sampled_from([0, 10, 11, 31, 62]).flatmap(
    lambda day: st.integers(MONTH_MS + day * DAY_MS - 2, MONTH_MS + day * DAY_MS + 2)
) | st.sampled_from([-6, -5, 0, MONTH_MS - 25 * 3_600_000])


@st.composite
def events(draw):
    account = draw(st.sampled_from(ACCOUNTS))
    return msgspec.structs.replace(
        SOME,
        tenant=draw(st.sampled_from(["acme", "acme", "other"])),
        run=draw(st.sampled_from(["retail", "retail", "again"])),
        rating_key=draw(st.sampled_from([account, account, "other"])),
        account_id=account,
        subscription_id=draw(
            st.sampled_from(
                ["s-1", 's-"ü"', "s-12", "s-9", "s-8", "s-gone", "s", "", f"s-{MANY - 1}"]
            )
        ),
        product=draw(st.sampled_from([*PRICES, "unpriced"])),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        started_at_ms=draw(instants),
    )


def _seen(item):
    verdict = item.verdict
    if not isinstance(verdict, Priceable):
        return item
    terms = msgspec.structs.asdict(verdict.terms)
    for changing in ("counting", "named", "named_from_ms", "named_to_ms", "earlier", "earlier_for"):
        del terms[changing]
    # What was asked for last; which one that is, is not told.
    del terms["month_start_ms"], terms["month_end_ms"]
    digests = terms.pop("digests")
    member = digests.member(bytes(16), b"x"), digests.charge_id(bytes(16))
    offer = id(terms.pop("offer"))
    selected = verdict.selected
    return terms, member, offer, verdict.counters, verdict.usage_period_ms, selected.earlier


def _prepared(terms, given_events):
    records = [
        SourceRecord(0, at, MONTH_MS, b"key", usage.to_wire(each), ())
        for at, each in enumerate(given_events)
    ]
    try:
        batch = prepare(records, terms=terms, internal_errors=frozenset())
    except Exception as error:
        return type(error), str(error)
    return [_seen(item) for item in batch.items], list(batch.state_keys)


def _both(most_kept=20_000):
    with patch.object(rate_compiled, "MOST_KEPT", most_kept):
        terms = TermsInForce(CATALOGUE, REFERENCE)
        _prepared(terms, [])
        prepare(
            [SourceRecord(0, 0, MONTH_MS, b"key", usage.to_wire(SOME), ())],
            terms=terms,
            internal_errors=frozenset(),
        )
    return terms, TermsInForce(CATALOGUE, REFERENCE)


def _check(both, given_events):
    compiled, python = both
    found = _prepared(compiled, given_events)
    with patch.object(rate_compiled, "_native", None):
        assert found == _prepared(python, given_events)


KEPT = {most: _both(most) for most in (1, 2, 5, 20_000)} if rate_compiled._native else {}


@given(st.sampled_from([1, 2, 5, 20_000]), st.lists(events(), min_size=1, max_size=12))
def test_terms_and_counters_are_those_of_the_twin(most_kept, given_events):
    _check(KEPT[most_kept], given_events)


@pytest.mark.parametrize("product", [*PRICES, "unpriced"])
def test_each_price_in_each_month_of_each_account(product):
    months = (MONTH_MS, MONTH_MS + 31 * DAY_MS, MONTH_MS - 1, MONTH_MS + DAY_MS)
    _check(
        KEPT[20_000],
        [
            msgspec.structs.replace(
                SOME, product=product, account_id=account, rating_key=account, started_at_ms=at_ms
            )
            for account in ACCOUNTS
            for at_ms in (*months, *months)
        ],
    )


def test_the_twin_is_asked_for_the_terms_of_few():
    """Else the laws above would compare the twin with itself."""
    asked = []

    class Watched(TermsInForce):
        def of(self, event):
            asked.append(event.product)
            return super().of(event)

    plain = [
        each for each in PRICES if each not in ("members", "rolled")
    ]  # those ask for the holder
    _prepared(
        Watched(CATALOGUE, REFERENCE),
        [msgspec.structs.replace(SOME, product=each) for each in (*plain, *plain)],
    )
    assert not asked


@pytest.mark.parametrize("product", ["plain", "tiers", "both", "day"])
def test_an_error_leaves_no_counters_of_another_month(product):
    """The batch is prepared once more then, under the same terms."""
    fails = []

    def counter(*fields):
        if fails and fields[0] == fails[0]:
            raise MemoryError
        return PeriodCounter(*fields)

    october = [msgspec.structs.replace(SOME, product=product)]
    november = [msgspec.structs.replace(october[0], started_at_ms=MONTH_MS + 32 * DAY_MS)]
    fresh = TermsInForce(CATALOGUE, REFERENCE)
    wanted = _prepared(fresh, november)
    with patch.object(rate_compiled, "PeriodCounter", counter):
        terms = TermsInForce(CATALOGUE, REFERENCE)
        items, _ = _prepared(terms, october)
        for name in [each.name for each in items[0][3]]:
            _prepared(terms, october)
            fails[:] = [name]
            if product != "day":  # those are named by the twin
                assert _prepared(terms, november) == (MemoryError, "")
            fails.clear()
            for each in (november, october, november):
                assert _prepared(terms, each) == _prepared(TermsInForce(CATALOGUE, REFERENCE), each)
    assert _prepared(fresh, november) == wanted


def test_structs_that_lie_in_another_way_are_left_to_the_twin():
    class Elsewhere(NamedTuple):
        """Fields that do not lie in the object itself."""

        subscription_id: str
        plan: str
        valid_from_ms: int
        valid_to_ms: int | None

    native = rate_compiled._native
    assert rate_compiled._usable(native) is native
    with patch.object(rate_compiled, "Subscription", Elsewhere):
        assert rate_compiled._usable(native) is None
