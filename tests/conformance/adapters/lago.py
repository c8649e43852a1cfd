"""Lago: charge models and aggregations."""

from __future__ import annotations

from tests.conformance.outcome import Adapter

MODELS: Adapter = {}
