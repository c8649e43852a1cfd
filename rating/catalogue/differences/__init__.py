"""What differs between two catalogues, in lines that a product manager reads before publishing."""

from __future__ import annotations

from rating.catalogue.differences.cards import card_differences
from rating.catalogue.differences.difference import Difference, Kind
from rating.catalogue.differences.matrices import matrix_differences
from rating.catalogue.differences.plans import plan_differences
from rating.catalogue.differences.things import (
    band_differences,
    calendar_differences,
    exchange_differences,
    limit_differences,
    product_differences,
)
from rating.catalogue.document import CatalogueDocument
from rating.catalogue.document_parts import content_digest

__all__ = ["Difference", "Kind", "diff", "said"]

DIGITS = "only the digits of some numbers, such as 0.10 for 0.1: no price changes"


def diff(old: CatalogueDocument, new: CatalogueDocument) -> list[Difference]:
    """Return what was added, removed or changed; empty where publishing would change nothing."""
    found = [
        *product_differences(old, new),
        *calendar_differences(old, new),
        *band_differences(old, new),
        *card_differences(old, new),
        *matrix_differences(old, new),
        *exchange_differences(old, new),
        *plan_differences(old, new),
        *limit_differences(old, new),
    ]
    if not found and content_digest(old) != content_digest(new):
        found.append(Difference(kind=Kind.CHANGED, at="", thing=DIGITS))
    return found


def said(document: CatalogueDocument) -> list[Difference]:
    """Return all that a catalogue says, as what is added to none."""
    nothing = CatalogueDocument(products=(), bands=(), cards=(), plans=(), limits=())
    return diff(nothing, document)
