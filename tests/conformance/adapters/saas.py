"""Meters of SaaS billing: EarnBill, Stripe, Flexprice, Meteroid and others; percentiles; hours.

Where a system has a period of its own (an hour, a bucket, the year of a commitment), it is the
period of ours here, the month: the periods of one price are months of their own.
"""

from __future__ import annotations

from tests.conformance.adapters import (
    saas_allowances,
    saas_commitments,
    saas_hours,
    saas_money,
    saas_percentiles,
    saas_units,
)
from tests.conformance.outcome import Adapter

MODELS: Adapter = {
    **saas_units.MODELS,
    **saas_allowances.MODELS,
    **saas_money.MODELS,
    **saas_commitments.MODELS,
    **saas_hours.MODELS,
    **saas_percentiles.MODELS,
}
