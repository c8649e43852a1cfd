"""One adapter for each public system, by the name that `vector.SYSTEMS` has for it."""

from __future__ import annotations

import importlib

from tests.conformance.outcome import Adapter


def adapter_of(system: str) -> Adapter:
    """Return the adapter of a system."""
    module = importlib.import_module(f"tests.conformance.adapters.{system}")
    adapter: Adapter = module.MODELS
    return adapter
