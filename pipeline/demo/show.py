"""The summary that a demo run ends with."""

from __future__ import annotations

import shlex
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.cli.invoices import invoice_table
from pipeline.cli.output import money, program, results, seconds, table
from pipeline.verify.report import to_text

if TYPE_CHECKING:
    from pipeline.demo.report import DemoReport
    from pipeline.demo.run import DemoResult


def show(result: DemoResult) -> None:
    """Print what became of every record, what it came to, and where to look further."""
    report, highlights = result.report, result.highlights
    out = results()
    out.print(table("What became of every record", ["", ">Records"], _outcomes(report)))
    out.print(
        table(
            "Charged",
            ["Currency", ">Total"],
            [
                [name, money(Decimal(total), name, places=2)]
                for name, total in report.charges.items()
            ],
        )
    )
    out.print(
        table(
            "Accounts that used most",
            ["Account", "Name", ">Charges", ">Total"],
            [
                [
                    one.account_id,
                    one.name,
                    one.records,
                    money(Decimal(one.amount), one.currency, places=2),
                ]
                for one in highlights.top_accounts
            ],
        )
    )
    title = f"Invoices made at once by charge limits: {report.immediate_invoices:,}, the newest"
    out.print(invoice_table(title, list(highlights.invoices)))
    if highlights.explained is not None:
        out.print("Why this amount? The charge that reached a limit:\n", style="bold")
        for line in highlights.explained.in_lines():
            out.print(f"  {line}", markup=False)
        out.print()
    if not report.reconciled:
        out.print(to_text(result.verified), markup=False)
    for line in _ending(report):
        out.print(line, markup=False)


def _outcomes(report: DemoReport) -> list[list[object]]:
    rows: list[list[object]] = [
        ["received", report.received],
        ["  normalised", report.normalised],
        ["    rated", report.rated],
        ["    filtered (such as calls nobody took)", report.filtered],
        ["  duplicate, charged once", report.duplicate],
        ["suspended", sum(report.suspended.values())],
    ]
    return rows + [[f"    {reason}", count] for reason, count in report.suspended.items()]


def _ending(report: DemoReport) -> list[str]:
    verdict = (
        "Reconciled: no record lost, doubled or changed."
        if report.reconciled
        else "It does NOT reconcile: see above."
    )
    options = f"--data {shlex.quote(report.data)} --installation {report.installation}"
    return [
        f"{verdict} {seconds(report.seconds)} in all, {report.events_per_second:,} records/s from "
        "the first one sent to the last invoice.",
        f"Everything is in {report.data}, installation {report.installation}.",
        f"Look further: {program()} up --detach {options}",
        f"              {program()} invoices list {options}",
        f"              {program()} down {options}",
    ]
