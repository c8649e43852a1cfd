"""OpenMeter: lines of a period, tiers with fees, discounts, minimum and maximum spend."""

from __future__ import annotations

from tests.conformance.outcome import Adapter

MODELS: Adapter = {}
