"""Laws of an invoice: nothing lost, nothing doubled, no order that matters, half a cent a line."""

from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from billing.invoice import Billable, build_invoice

AMOUNTS = st.decimals("-1000", "1000", places=10)


def _alone(sequence, charge_id, started_at_ms, **fields):
    return Billable(
        **fields,
        product_type="any",
        currency="EUR",
        records=1,
        usage_from_ms=started_at_ms,
        usage_to_ms=started_at_ms,
        charges=((sequence, charge_id),),
    )


CHARGES = st.lists(
    st.builds(
        _alone,
        sequence=st.integers(0, 2**40),
        charge_id=st.integers(0, 2**64).map(lambda number: UUID(int=number)),
        started_at_ms=st.integers(0, 1000),
        product=st.sampled_from(["voice", "sms", "data"]),
        unit=st.sampled_from(["s", "byte"]),
        tax_code=st.sampled_from([None, "T1"]),
        quantity=st.decimals("0", "1000000", places=3),
        amount=AMOUNTS,
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda one: one.charges[0][1],
)


@given(CHARGES)
def test_every_charge_is_on_exactly_one_line(charges):
    lines = build_invoice(charges).lines
    on_lines = [charge_id for line in lines for charge_id in line.charge_ids]
    assert sorted(on_lines) == sorted(charge_id for one in charges for _, charge_id in one.charges)


@given(CHARGES, st.randoms(use_true_random=False))
def test_order_changes_no_amount(charges, random):
    shuffled = random.sample(charges, len(charges))
    one, other = build_invoice(charges), build_invoice(shuffled)
    assert (one.total, one.tax_totals) == (other.total, other.tax_totals)
    assert [line[:7] for line in one.lines] == [line[:7] for line in other.lines]


@given(CHARGES)
def test_a_line_is_off_by_half_a_cent_at_most_and_the_total_is_its_lines(charges):
    body = build_invoice(charges)
    by_id = {one.charges[0][1]: one for one in charges}
    for line in body.lines:
        exact = sum(Fraction(by_id[charge_id].amount) for charge_id in line.charge_ids)
        assert Fraction(line.charges) == exact
        assert abs(Fraction(line.amount) - exact) <= Fraction(1, 200)
        assert line.amount.as_tuple().exponent == -2
    assert body.total == sum((line.amount for line in body.lines), Decimal(0))
    assert body.total == sum((tax.amount for tax in body.tax_totals), Decimal(0))
