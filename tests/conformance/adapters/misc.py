"""Many small ones: Stripe, Flexprice, Meteroid, EarnBill, OCPI, rate-o-mat, SigScale and others."""

from __future__ import annotations

from tests.conformance.adapters import saas, telephony
from tests.conformance.outcome import Adapter

MODELS: Adapter = {**saas.MODELS, **telephony.MODELS}
