"""Which attributes the conditions of a catalogue ask for: no check knows whether anything has them."""

from __future__ import annotations

from collections.abc import Iterator

from rating.catalogue.document import CatalogueDocument
from rating.conditions.names import ID, NameOf
from rating.conditions.words import words_of
from rating.fitting_names import MEMBERS


def asked_attributes(document: CatalogueDocument) -> tuple[str, ...]:
    """Return the attributes of events, accounts and subscriptions as conditions name them, sorted;
    not the ids, which all have."""
    found = {
        word.name.written
        for text in set(conditions_of(document))
        for word in words_of(text)
        if word.name is not None and word.name.of is not NameOf.USAGE and word.name.name != ID
    }
    sized = {each.times for plan in document.plans for each in plan.allowances}
    found |= sized - {"", MEMBERS}
    return tuple(sorted(found))


def conditions_of(document: CatalogueDocument) -> Iterator[str]:
    """Yield the texts of all conditions, those that are there several times too."""
    for plan in document.plans:
        yield from (each.when for each in plan.allowances if each.when)
        for price in plan.prices:
            if price.when:
                yield price.when
            for version in price.versions:
                yield from (text for text in version.discounts_when if text)
                limited = version.discount_times
                if limited is not None and limited.when:
                    yield limited.when
