"""How an invoice number is written."""

from __future__ import annotations

_DIGITS = 6


def invoice_number(tenant: str, series_number: int) -> str:
    """Return the number of the n-th invoice of a company, from 1: ``acme-000042``."""
    assert series_number >= 1
    return f"{tenant}-{series_number:0{_DIGITS}d}"
