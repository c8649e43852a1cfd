"""Kill Bill: blocks in tiers whose widths are numbers of blocks."""

from __future__ import annotations

from tests.conformance.outcome import Adapter

MODELS: Adapter = {}
