"""Reconciliation, behind `ratemill verify`: recomputes every count, sum and set hash."""

from pipeline.verify.context import OnProgress, VerifyProgress
from pipeline.verify.report import Check, Finding, Lag, Report, Totals, to_json, to_text
from pipeline.verify.run import verify

__all__ = [
    "Check",
    "Finding",
    "Lag",
    "OnProgress",
    "Report",
    "Totals",
    "VerifyProgress",
    "to_json",
    "to_text",
    "verify",
]
