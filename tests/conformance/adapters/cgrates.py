"""CGRateS: destinations, timings, increments, balances."""

from __future__ import annotations

from tests.conformance.outcome import Adapter

MODELS: Adapter = {}
