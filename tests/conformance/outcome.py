"""What became of a vector, and how an adapter says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.vector import Vector


class NotExpressible(Exception):
    """The price, or what is asked of it, has no form in our catalogue; the message says why, for an
    expert of rating: what it is, who alone does it so, what we do in its place."""


Rate = Callable[[Vector], Mapping[str, Any]]
"""Rates one vector by the engine, and returns what came of it under the keys of ``expected``; keys
that are not asked for are passed over. `NotExpressible` where it cannot be."""

Adapter = Mapping[str, Rate]
"""By the name of the model."""
