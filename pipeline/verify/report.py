"""What a reconciliation found: the first range that does not fit, per check, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

import msgspec


@unique
class Check(StrEnum):
    """Every check, in the order of the flow: the first one that fails is nearest to the cause."""

    NORMALISE_CHAIN = "normalise.chain"
    NORMALISE_OUTCOMES = "normalise.outcomes"
    RAW_RECORDS = "raw.records"
    NORMALISED_EVENTS = "normalised.events"
    RATE_CHAIN = "rate.chain"
    RATE_OUTCOMES = "rate.outcomes"
    RATE_READ = "rate.read"
    LEDGER_BATCH = "ledger.batch"
    LEDGER_SEQUENCE = "ledger.sequence"
    LEDGER_UNIQUE = "ledger.unique"
    LEDGER_UNBILLED = "ledger.unbilled"
    LEDGER_COUNTERS = "ledger.counters"
    SUSPENSE_TOPIC = "suspense.topic"
    POSTGRES_INSTALLATION = "postgres.installation"
    POSTGRES_PROGRESS = "postgres.progress"
    POSTGRES_PROOFS = "postgres.proofs"
    POSTGRES_RATED = "postgres.rated_usage"
    POSTGRES_GUARD = "postgres.charges"
    POSTGRES_LIMITS = "postgres.limit_reached"
    POSTGRES_SUSPENSE = "postgres.suspense"
    POSTGRES_SETTLED = "postgres.suspense_outcomes"
    POSTGRES_INVOICES = "postgres.invoices"


_ABOUT: Mapping[Check, str] = {
    Check.NORMALISE_CHAIN: "proofs of normalise follow each other from the genesis on",
    Check.NORMALISE_OUTCOMES: "every raw item has exactly one outcome",
    Check.RAW_RECORDS: "normalise read every raw record of its ranges",
    Check.NORMALISED_EVENTS: "the normalised topic holds what normalise handed on",
    Check.RATE_CHAIN: "proofs of rate follow each other from the genesis on",
    Check.RATE_OUTCOMES: "every event has exactly one outcome",
    Check.RATE_READ: "rate read every normalised record, once",
    Check.LEDGER_BATCH: "the ledger's records are those that its proofs sum up",
    Check.LEDGER_SEQUENCE: "sequences of a rating key have no gap",
    Check.LEDGER_UNIQUE: "no charge id is in the ledger twice",
    Check.LEDGER_UNBILLED: "unbilled totals are the sum of the charges since the last invoice",
    Check.LEDGER_COUNTERS: "usage counters are the sum of the usage",
    Check.SUSPENSE_TOPIC: "the suspense topic holds what the proofs say",
    Check.POSTGRES_INSTALLATION: "broker and database are of one installation",
    Check.POSTGRES_PROGRESS: "load stands at a proof of the ledger",
    Check.POSTGRES_PROOFS: "the proofs in Postgres are those of the topics",
    Check.POSTGRES_RATED: "rated usage in Postgres is the ledger's, to the last digit",
    Check.POSTGRES_GUARD: "every charge has its guard, and no guard is without its charge",
    Check.POSTGRES_LIMITS: "each limit reached has its row and one invoice request",
    Check.POSTGRES_SUSPENSE: "suspense and duplicates in Postgres are those of the topic",
    Check.POSTGRES_SETTLED: "what was recycled or written off is so in Postgres, and nothing else",
    Check.POSTGRES_INVOICES: "each invoice is the sum of its charges and what its limit said",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One range that does not fit.

    Both ends of ``batches`` are in it; they are of the stage that the check is named after.
    ``offsets`` are half-open positions in ``topic``. A partition of -1: the topic, or table, whole.
    """

    check: Check
    topic: str
    partition: int
    expected: str
    found: str
    batches: tuple[int, int] | None = None
    offsets: tuple[int, int] | None = None

    def place(self) -> str:
        """Return where it is, in words."""
        where = self.topic if self.partition < 0 else f"{self.topic}/{self.partition}"
        if self.batches is not None:
            first, last = self.batches
            where += f", batch {first}" if first == last else f", batches {first} to {last}"
        if self.offsets is not None:
            where += f", offsets [{self.offsets[0]}, {self.offsets[1]})"
        return where


@dataclass(slots=True)
class Findings:
    """Keeps the first finding per check and partition, and counts all."""

    first: dict[tuple[Check, str, int], Finding] = field(default_factory=dict)
    count: int = 0

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        self.count += 1
        self.first.setdefault((finding.check, finding.topic, finding.partition), finding)

    def in_order(self) -> tuple[Finding, ...]:
        """Return the kept ones in the order of the flow."""
        order = list(Check)
        return tuple(
            sorted(self.first.values(), key=lambda f: (order.index(f.check), f.topic, f.partition))
        )


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """What is still on its way: no fault, but nothing that a sign-off may rest on either."""

    raw_records: int = 0  # not yet normalised
    events: int = 0  # not yet rated
    ledger_records: int = 0  # not yet loaded, proofs included
    suspense_records: int = 0  # not yet loaded
    proofs: int = 0  # of normalise, not yet loaded
    invoice_requests: int = 0  # not yet built

    @property
    def none(self) -> bool:
        """Return whether nothing is on its way."""
        return not any(msgspec.structs.astuple(self))


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all that was checked."""

    raw_records: int = 0
    items: int = 0
    item_outcomes: dict[str, int] = {}
    events: int = 0  # normalised records that rate has read, commands included
    event_outcomes: dict[str, int] = {}
    refusals: dict[str, int] = {}
    charges: dict[str, str] = {}  # sum by currency
    ledger_records: int = 0
    limits_reached: int = 0
    rated_rows: int = 0  # in Postgres
    invoices: int = 0
    invoiced: dict[str, str] = {}  # sum of the invoices' totals by currency
    settled: dict[str, int] = {}  # records in suspense that wait no longer: recycled, written off
    recycled_items: dict[str, int] = {}  # of `item_outcomes`, those of what came back
    recycled_events: dict[str, int] = {}  # of `event_outcomes`, the same


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one reconciliation."""

    installation: str
    findings: tuple[Finding, ...]  # the first of each check and partition
    mismatches: int  # all of them
    lag: Lag
    totals: Totals
    checked: tuple[Check, ...]  # those that had something to look at
    not_checked: tuple[str, ...] = ()  # and why: trimmed topics, no database given

    @property
    def consistent(self) -> bool:
        """Return whether everything that was looked at fits."""
        return not self.findings

    @property
    def complete(self) -> bool:
        """Return whether everything that was received has gone all the way."""
        return self.lag.none


class _Summary(msgspec.Struct, frozen=True, kw_only=True):
    installation: str
    reconciled: bool
    consistent: bool
    complete: bool
    mismatches: int
    findings: tuple[Finding, ...]
    lag: Lag
    totals: Totals
    checked: tuple[Check, ...]
    not_checked: tuple[str, ...]


def to_json(report: Report) -> bytes:
    """Return the report as one JSON object; ``reconciled`` is consistent and complete."""
    return msgspec.json.encode(
        _Summary(
            installation=report.installation,
            reconciled=report.consistent and report.complete,
            consistent=report.consistent,
            complete=report.complete,
            mismatches=report.mismatches,
            findings=report.findings,
            lag=report.lag,
            totals=report.totals,
            checked=report.checked,
            not_checked=report.not_checked,
        )
    )


def to_text(report: Report) -> str:
    """Return the report for a reader: each check with its verdict, the lag, the totals."""
    by_check: dict[Check, list[Finding]] = {}
    for finding in report.findings:
        by_check.setdefault(finding.check, []).append(finding)
    lines = [f"Reconciliation of {report.installation}", ""]
    for check in Check:
        if check not in report.checked:
            continue
        found = by_check.get(check, [])
        verdict = "does not fit" if found else "fits"
        lines.append(f"  {verdict:<12}  {check}: {_ABOUT[check]}")
        for finding in found:
            lines.append(f"      at {finding.place()}")
            lines.append(f"      expected {finding.expected}; found {finding.found}")
    lines += [f"  not checked   {text}" for text in report.not_checked]
    lines += ["", *_totals(report.totals), "", *_verdict(report)]
    return "\n".join(lines)


def _totals(totals: Totals) -> list[str]:
    items = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(totals.item_outcomes.items()))
    events = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(totals.event_outcomes.items()))
    charged = ", ".join(
        f"{amount} {currency}" for currency, amount in sorted(totals.charges.items())
    )
    invoiced = ", ".join(
        f"{amount} {currency}" for currency, amount in sorted(totals.invoiced.items())
    )
    return [
        f"  {totals.items:,} items = {items or 'none'}",
        f"  {totals.events:,} events = {events or 'none'}",
        *_suspense(totals),
        f"  charged {charged or 'nothing'}; {totals.limits_reached:,} limits reached; "
        f"{totals.invoices:,} invoices over {invoiced or 'nothing'}",
    ]


def _suspense(totals: Totals) -> list[str]:
    """Return what became of refused records; nothing where all of them wait."""
    if not totals.settled:
        return []
    refused = totals.item_outcomes.get("suspended", 0) + totals.event_outcomes.get("suspended", 0)
    waiting = refused - sum(totals.settled.values())
    return [
        f"  {refused:,} refused = {totals.settled.get('recycled', 0):,} recycled, "
        f"{totals.settled.get('written_off', 0):,} written off, {waiting:,} waiting",
        f"  of them came back {_counts(totals.recycled_items)} as items, "
        f"{_counts(totals.recycled_events)} as events; they are counted above too",
    ]


def _counts(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items())) or "none"


def _verdict(report: Report) -> list[str]:
    lag = report.lag
    lines = []
    if not report.complete:
        lines.append(
            f"Not complete: {lag.raw_records:,} raw records to normalise, {lag.events:,} events to "
            f"rate, {lag.ledger_records + lag.suspense_records + lag.proofs:,} records to load, "
            f"{lag.invoice_requests:,} invoices to build."
        )
    if report.consistent:
        done = "Reconciled" if report.complete else "Everything so far reconciles"
        return [*lines, f"{done}: no record lost, doubled or changed."]
    return [
        *lines,
        f"Does not reconcile: {report.mismatches:,} mismatches in {len(report.findings)} places. "
        "Operator action: stop the workers, keep every topic and table as it is, look at the first "
        "place above (it is nearest to the cause), restore what was lost from there on.",
    ]
