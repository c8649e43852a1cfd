"""Charges, limits and closes for tests: every field has a value, a test names those it is about."""

from decimal import Decimal

from counters.count import Counted, count
from counters.state import Head
from schemas.ids import digest_of
from schemas.ledger import Charge
from schemas.limit import ChargeLimit
from schemas.usage import PeriodClose, Provenance

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (
    1_788_220_800_000,
    1_790_812_800_000,
    1_793_491_200_000,
    1_796_083_200_000,
)
"""Starts of months of 2026, UTC."""


def amount_limit(amount="50.00", *, limit_id="unbilled", scope="account", **fields):
    return ChargeLimit(
        limit_id=limit_id, scope=scope, amount=Decimal(amount), currency="EUR", **fields
    )


def records_limit(records=3, *, limit_id="records", scope="account", **fields):
    return ChargeLimit(limit_id=limit_id, scope=scope, records=records, **fields)


def charge_after(
    head: Head,
    amount="1.00",
    *,
    product="voice",
    product_type="call",
    currency="EUR",
    usage_period_ms=OCTOBER,
):
    """Return the head after a charge and the charge's ledger record."""
    counted = count(
        head,
        product=product,
        product_type=product_type,
        amount=Decimal(amount),
        currency=currency,
        usage_period_ms=usage_period_ms,
    )
    assert isinstance(counted, Counted), counted
    head = counted.head
    identity = digest_of(b"test", str(head.sequence).encode())
    return head, Charge(
        tenant="acme",
        rating_key="a-1",
        sequence=head.sequence,
        charge_id=identity.hex(),
        run="retail",
        identity=identity.hex(),
        account_id="a-1",
        subscription_id="s-1",
        product=product,
        product_type=product_type,
        usage_kind="voice",
        source="switch-1",
        record_id=str(head.sequence),
        started_at_ms=usage_period_ms,
        origin=None,
        destination=None,
        used="1",
        billed="1",
        free="0",
        unit="s",
        amount=amount,
        currency=currency,
        usage_period_ms=usage_period_ms,
        bill_period_ms=counted.bill_period_ms,
        catalogue_version=1,
        price_id="p-1",
        explanation=(),
        counters_after=(),
        source_partition=0,
        source_offset=head.sequence,
        raw=(0, head.sequence, 0),
        first_open_period_ms=head.first_open_period_ms,
        unbilled=head.unbilled,
    )


def period_close(start_ms=SEPTEMBER, end_ms=OCTOBER, *, account="a-1", offset=0, batch=1):
    """Return the command that closes [start, end) of an account."""
    identity = digest_of(b"close", account.encode(), str(end_ms).encode(), str(offset).encode())
    return PeriodClose(
        tenant="acme",
        identity=identity,
        content_hash=identity[:8],
        run="retail",
        rating_key=account,
        account_id=account,
        period_start_ms=start_ms,
        period_end_ms=end_ms,
        provenance=Provenance(0, offset, 0, "command", 0),
        batch=batch,
    )
