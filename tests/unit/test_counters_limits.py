from decimal import Decimal

import pytest

from counters.limits import check, in_force, scope_of
from counters.state import NEW_HEAD, Head
from schemas.ids import limit_reached_id
from schemas.ledger import Unbilled
from schemas.limit import ChargeLimit
from tests.ledger_builders import NOVEMBER, OCTOBER, amount_limit, charge_after, records_limit


def run(charges, *limits, head=NEW_HEAD):
    """Return the head after the charges, and each one's `limit_reached` or None."""
    outcomes = []
    for fields in charges:
        head, charge = charge_after(head, **fields)
        head, reached = check(head, charge, in_force(limits))
        outcomes.append(reached)
    return head, outcomes


def amounts(*texts, **fields):
    return [{"amount": text, **fields} for text in texts]


def test_a_limit_is_reached_at_exactly_its_amount():
    """TV-9: 50.00 allowed; 49.99, then 0.01."""
    head, (first, second) = run(amounts("49.99", "0.01"), amount_limit("50.00"))
    assert first is None
    (hit,) = second.limits
    assert (hit.before, hit.after, hit.threshold, hit.by) == ("49.99", "50.00", "50.00", "amount")
    assert head == Head(3, 0, ())


def test_a_limit_is_not_reached_by_a_hair_less():
    _, outcomes = run(amounts("49.99", "0.0099999999"), amount_limit("50.00"))
    assert outcomes == [None, None]


def test_the_record_after_an_invoice_starts_anew():
    """TV-10: 3 records allowed; 4 arrive."""
    head, outcomes = run(amounts("1", "1", "1", "1"), records_limit(3))
    assert [outcome is None for outcome in outcomes] == [True, True, False, True]
    assert outcomes[2].invoice_up_to == 3
    assert outcomes[2].sequence == 4
    assert head.sequence == 5
    assert [entry.records for entry in head.unbilled] == [1]


def test_records_count_that_cost_nothing():
    _, outcomes = run(amounts("0.00", "0.00", "0.00"), records_limit(3))
    assert outcomes[2] is not None


def test_one_record_names_every_limit_that_a_charge_reaches():
    limits = (amount_limit("2"), records_limit(2), amount_limit("9", limit_id="far"))
    _, (_, reached) = run(amounts("1", "1"), *limits)
    assert [hit.limit_id for hit in reached.limits] == ["unbilled", "records"]


def test_one_limit_reached_by_amount_and_by_records_says_both():
    both = ChargeLimit(
        limit_id="both", scope="account", amount=Decimal(2), currency="EUR", records=2
    )
    _, (_, reached) = run(amounts("1", "1"), both)
    assert [(hit.by, hit.before, hit.after) for hit in reached.limits] == [
        ("amount", "1", "2"),
        ("records", "1", "2"),
    ]


def test_the_record_says_what_the_invoice_must_come_to():
    charges = [*amounts("1", "2"), *amounts("4", product="data", product_type="data")]
    _, (*_, reached) = run(charges, amount_limit("7"))
    assert reached.invoiced == (
        Unbilled("voice", "call", OCTOBER, "EUR", 2, "3"),
        Unbilled("data", "data", OCTOBER, "EUR", 1, "4"),
    )
    assert reached.unbilled == ()
    assert reached.invoice_scope == "account"
    assert (reached.currency, reached.bill_period_ms) == ("EUR", OCTOBER)


def test_its_id_is_that_of_the_crossing_charge():
    head, charge = charge_after(NEW_HEAD, "9")
    _, reached = check(head, charge, in_force([amount_limit("1")]))
    assert reached.crossing_charge_id == charge.charge_id
    assert reached.limit_reached_id == limit_reached_id(crossing_charge_id=charge.charge_id)


DATA = {"product": "data", "product_type": "data"}
ROAMING = {"product": "roaming-voice", "product_type": "call"}


@pytest.mark.parametrize(
    ("scope", "reached_by"),
    [("account", 1), ("product:voice", 3), ("product_type:call", 2), ("product:tv", None)],
)
def test_only_usage_in_the_scope_counts(scope, reached_by):
    charges = [*amounts("1"), *amounts("1", **DATA), *amounts("1", **ROAMING), *amounts("1")]
    _, outcomes = run(charges, amount_limit("2", scope=scope))
    first = next((at for at, outcome in enumerate(outcomes) if outcome), None)
    assert first == reached_by


def test_an_invoice_takes_all_that_is_unbilled_of_the_account():
    charges = [*amounts("5", **DATA), *amounts("2")]
    head, (_, reached) = run(charges, amount_limit("2", scope="product:voice"))
    assert head.unbilled == ()
    assert {entry.product for entry in reached.invoiced} == {"data", "voice"}


@pytest.mark.parametrize("scope", ["product:voice", "product_type:call"])
def test_or_only_the_scope_where_the_limit_says_so(scope):
    charges = [*amounts("5", **DATA), *amounts("2")]
    head, (_, reached) = run(charges, amount_limit("2", scope=scope, invoice_scope=scope))
    assert [entry.product for entry in head.unbilled] == ["data"]
    assert [entry.product for entry in reached.invoiced] == ["voice"]
    assert reached.invoice_scope == scope
    assert reached.unbilled == head.unbilled


@pytest.mark.parametrize(
    ("scopes", "widest"),
    [
        (("product:voice", "product_type:call"), "product_type:call"),
        (("product_type:call", "product:voice"), "product_type:call"),
        (("product:voice", "account"), "account"),
    ],
)
def test_of_several_scopes_the_invoice_takes_the_widest(scopes, widest):
    limits = [amount_limit("1", limit_id=s, scope=s, invoice_scope=s) for s in scopes]
    _, (reached,) = run(amounts("1"), *limits)
    assert reached.invoice_scope == widest
    assert len(reached.limits) == 2


def test_a_limit_sums_all_open_bill_periods_and_its_invoice_resets_them_all():
    charges = [*amounts("1"), *amounts("1", usage_period_ms=NOVEMBER)]
    head, (_, reached) = run(charges, amount_limit("2"))
    assert [entry.bill_period_ms for entry in reached.invoiced] == [OCTOBER, NOVEMBER]
    assert head.unbilled == ()


def test_an_amount_is_compared_in_the_currency_of_the_limit_only():
    _, outcomes = run(amounts("60", currency="GBP"), amount_limit("50.00"))
    assert outcomes == [None]


def test_the_records_of_a_limit_count_in_any_currency():
    _, outcomes = run(amounts("1", currency="GBP"), records_limit(1))
    assert outcomes[0] is not None


def test_a_credit_takes_an_amount_away_from_the_limit():
    _, outcomes = run(amounts("49", "-10", "10", "1"), amount_limit("50"))
    assert [bool(outcome) for outcome in outcomes] == [False, False, False, True]


def test_a_limit_that_was_lowered_is_reached_by_the_next_record():
    head, _ = run(amounts("60"))
    _, (reached,) = run(amounts("1"), amount_limit("50"), head=head)
    assert reached.limits[0].before == "60"


def test_a_limit_is_reached_only_by_a_record_that_counts_towards_it():
    """So the scopes of several limits reached by one record lie one in the other."""
    head, _ = run(amounts("60"))
    _, outcomes = run(amounts("1", **DATA), amount_limit("50", scope="product:voice"), head=head)
    assert outcomes == [None]


def test_the_limits_of_an_account_replace_those_of_the_same_id_and_add_others():
    everyone = [amount_limit("50"), records_limit(100)]
    own = [amount_limit("500"), records_limit(3, limit_id="videos", scope="product:video")]
    found = in_force(everyone, own)
    assert [(each.limit.limit_id, each.limit.amount, each.limit.records) for each in found] == [
        ("unbilled", Decimal(500), None),
        ("records", None, 100),
        ("videos", None, 3),
    ]


@pytest.mark.parametrize("text", ["", "accounts", "product", "Product:voice"])
def test_a_text_that_is_no_scope_is_a_bug(text):
    with pytest.raises(AssertionError, match="scope"):
        scope_of(text)


def test_an_invoice_smaller_than_what_counted_is_no_limit():
    """It would stay reached, and every later record would report it again."""
    with pytest.raises(AssertionError):
        amount_limit("50", scope="account", invoice_scope="product:voice")
