"""One charge explained: its steps in sentences, its counters, the raw record behind it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pipeline.cli.explaining_corrections import (
    CorrectedUsage,
    Correction,
    corrected_usage,
    corrected_usage_line,
    correction_lines,
    corrections_with_sums,
)
from pipeline.cli.output import money
from pipeline.cli.provenance import Provenance, provenance_of
from pipeline.embedded import Endpoints
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from pipeline.topics import topics_of
from rating.explain import sentences
from rating.explain_others import ShownRating, shown_ratings
from schemas.period import from_ms
from sinks.connection import open_pool
from sinks.correction_queries import CorrectedBy, corrections_of
from sinks.queries import FoundCharge, find_charge


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """The document of `ratemill explain --json`."""

    charge_id: str
    account_id: str
    account_name: str  # empty where the account is not on record
    subscription_id: str
    product: str
    started_at: str  # ISO 8601, UTC
    amount: str
    currency: str
    catalogue_version: int
    price_id: str
    invoice: str | None  # its number; None: not invoiced yet
    sentences: tuple[str, ...]
    other_ratings: tuple[ShownRating, ...]  # none: rated under its own plan alone
    raw: Provenance | None  # None: the raw topic no longer holds it
    corrects: CorrectedUsage | None = None  # None: it is no correction
    corrected_by: tuple[Correction, ...] = ()  # in the order of the ledger

    def in_lines(self) -> list[str]:
        """Return the explanation for a reader."""
        name = f" ({self.account_name})" if self.account_name else ""
        lines = [
            f"Charge {self.charge_id}: {money(Decimal(self.amount), self.currency, places=2)}",
            f"  account {self.account_id}{name}, subscription {self.subscription_id}",
            f"  {self.product} at {self.started_at}, on "
            + (f"invoice {self.invoice}" if self.invoice else "no invoice yet"),
            f"  price {self.price_id} of catalogue version {self.catalogue_version}",
            "",
            *_numbered(self.sentences),
            "",
        ]
        for rating in self.other_ratings:
            lines += [f"Rated as {rating.name} under plan {rating.plan}:", ""]
            lines += [*_numbered(rating.sentences), ""]
        if self.corrects is not None:
            lines.append(corrected_usage_line(self.corrects))  # its raw record is the command
        else:
            lines += _provenance_lines(self.raw)
        if self.corrected_by:
            lines += ["", *correction_lines(self.corrected_by)]
        return lines


def _numbered(sentences: Iterable[str]) -> list[str]:
    return [f"  {number}. {text}" for number, text in enumerate(sentences, start=1)]


def _provenance_lines(raw: Provenance | None) -> list[str]:
    if raw is None:
        return ["The record it came from is no longer in the raw topic."]
    where = f"{raw.topic}/{raw.partition}, offset {raw.offset}, item {raw.index}"
    of_file = f"{raw.counts} {raw.line} of {raw.file}, " if raw.file else ""
    lines = [
        f"From {of_file}source {raw.source}, format {raw.format}",
        f"  received {raw.appended_at}, {where}",
    ]
    if raw.text:  # a command has none
        lines[-1] += ":"
        lines.append(f"  {raw.text}")
    return lines


async def explain_charge(
    settings: Settings, endpoints: Endpoints, charge_id: str
) -> Explained | None:
    """Return the explanation of a charge; None where Postgres holds no such charge."""
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        found = await find_charge(pool, charge_id)
        corrections = await corrections_of(pool, charge_id)
    if found is None:
        return None
    raw = await provenance_of(
        found.charge.raw,
        topic=topics_of(settings).raw.name,
        bootstrap=endpoints.kafka_bootstrap,
        mappings=load_mappings(settings),
    )
    return explained(found, raw, corrections)


def explained(
    found: FoundCharge, raw: Provenance | None, corrections: Iterable[CorrectedBy] = ()
) -> Explained:
    """Return the explanation of a charge whose raw record was found, or not, and what corrects it."""
    charge = found.charge
    return Explained(
        charge_id=charge.charge_id,
        account_id=charge.account_id,
        account_name=found.account_name,
        subscription_id=charge.subscription_id,
        product=charge.product,
        started_at=from_ms(charge.started_at_ms).isoformat().replace("+00:00", "Z"),
        amount=charge.amount,
        currency=charge.currency,
        catalogue_version=charge.catalogue_version,
        price_id=charge.price_id,
        invoice=found.invoice_number,
        sentences=tuple(sentences(charge)),
        other_ratings=shown_ratings(charge),
        raw=raw,
        corrects=corrected_usage(charge),
        corrected_by=corrections_with_sums(charge, corrections),
    )
