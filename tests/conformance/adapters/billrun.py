"""BillRun: steps by width, access prices, allowance groups."""

from __future__ import annotations

from tests.conformance.outcome import Adapter

MODELS: Adapter = {}
