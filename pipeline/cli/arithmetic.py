"""Arithmetic on money that raises where it would silently be wrong."""

from __future__ import annotations

import decimal


def trap_inexact_money() -> None:
    """Make silent rounding and binary floats raise, here and in every thread started later."""
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.traps[decimal.FloatOperation] = True
        context.traps[decimal.Inexact] = True
