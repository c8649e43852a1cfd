"""The short way of an ordinary charging record: by what is compiled, where something is.

`native/charging_record.pyx` reads a block, and asks `CdrDecoder` for each record that is not ordinary.
Here it is told the rules. Where nothing is compiled there is no short way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from mediation.decode import ber
from mediation.decode.cdr_layout import Layout
from mediation.decode.cdr_mapping import Quantity, RecordRule, Text
from mediation.decode.cdr_values import INTEGER, TIME
from mediation.decode.item import DecodedItem, Ignored, Item, Outcome
from mediation.decode.quantity import scaled
from native import compiled
from schemas.refusal import Refused

Headers = Mapping[str, bytes]
InFull = Callable[[bytes, int, Headers], tuple[int, list[Outcome]]]
"""Gives where the record at a byte of a block ends, and its outcomes, by the rules."""

EachOrdinary = Callable[[bytes, Headers, InFull], Iterable[Item]]
Canonical = Callable[[Decimal], str]

_native = compiled("charging_record")


class RuleParts(NamedTuple):
    """The rule of a type of record, and where its fields and those of its list stand."""

    rule: RecordRule
    record: Layout
    member: Layout
    content_version: int


def ordinary_records(
    *,
    rules: Mapping[int, RuleParts],
    ignored: Mapping[int, Ignored],
    empty: Ignored,
    canonical: Canonical,
) -> EachOrdinary | None:
    """Return what yields the items of a block. Rules and what is ignored are by the record's tag."""
    if _native is None:
        return None
    each: EachOrdinary = _native.ChargingRecords(
        rules={tag: _rule(parts, canonical) for tag, parts in rules.items()},
        ignored=dict(ignored),
        empty=empty,
    ).each
    return each


def ignored_by(field: str) -> Ignored:
    """Return what a record is whose field has a text that the mapping ignores."""
    return Ignored(f"{field} is one that the mapping ignores")


def _rule(parts: RuleParts, canonical: Canonical) -> object:
    assert _native is not None, "only asked for where it is compiled"
    rule = parts.rule
    at = {field.name: place for place, field in enumerate((*rule.fields, *rule.member_fields))}
    of_record = len(rule.fields)

    def places(names: Iterable[str]) -> list[int]:
        return [at[name] for name in names]

    def text(of: Text | None, *, number: bool) -> object:
        return of and _native.Text(
            places=places(of.fields),
            removed=of.remove,
            prefixes=of.strip,
            number=number and of.number,
        )

    by = [place - of_record for place in places(rule.split_by)]
    times = [each for each in enumerate(rule.member_fields) if each[1].kind == TIME]
    field = rule.product.field
    return _native.Rule(
        decoded=DecodedItem,
        name=rule.name,
        usage_kind=rule.usage_kind,
        content_version=parts.content_version,
        record=_layout(parts.record),
        member=_layout(parts.member),
        by=by,
        sums=[
            place
            for place, each in enumerate(rule.member_fields)
            if each.kind == INTEGER and place not in by
        ],
        firsts=[place for place, each in times if each.name not in rule.ended_at],
        lasts=[place for place, each in times if each.name in rule.ended_at],
        started=places(rule.started_at),
        ended=places(rule.ended_at),
        identity=places(rule.identity),
        needed=places(rule.identity_needs),
        identifiers=places(rule.identifiers),
        product=rule.product.constant,
        product_at=None if field is None else at[field],
        products=dict(rule.product.table),
        ignore=[(at[name], texts, ignored_by(name)) for name, texts in rule.ignore],
        quantities=[
            _native.Quantity(
                unit=each.unit,
                places=places(each.fields),
                ends=-1 if each.ends is None else at[each.ends],
                optional=each.optional,
                of_list=bool(each.fields) and at[each.fields[0]] >= of_record,
                constant=None
                if each.constant is None
                else (each.constant, canonical(each.constant)),
                scaled=None if each.factor is None else partial(_scaled, each, canonical),
            )
            for each in rule.quantities
        ],
        origin=text(rule.origin, number=True),
        destination=text(rule.destination, number=True),
        service_class=text(rule.service_class, number=False),
        attributes=[(name, at[of]) for name, of in rule.attributes],
    )


def _layout(layout: Layout) -> object:
    """Return a layout, its tables in one list: each is known by its place there."""
    assert _native is not None, "only asked for where it is compiled"
    tables: list[list[tuple[int, str, int]]] = []
    waiting = [layout.table]
    while len(tables) < len(waiting):
        entries: list[tuple[int, str, int]] = []
        for tag, entry in waiting[len(tables)].items():
            if isinstance(entry, ber.Inside):
                entries.append((tag, "inside", len(waiting)))
                waiting.append(entry.table)
            elif isinstance(entry, ber.Members):
                entries.append((tag, "members", 0))
            else:
                entries.append((tag, "slot", entry))
        tables.append(entries)
    milliseconds = dict(layout.milliseconds)
    return _native.Layout(
        tables=tables,
        slots=len(layout),
        ways=[
            (slot, field.kind, convert, milliseconds.get(place, -1))
            for place, (field, (slot, convert)) in enumerate(
                zip(layout.fields, layout.ways, strict=True)
            )
        ],
    )


def _scaled(rule: Quantity, canonical: Canonical, amount: Decimal) -> tuple[Decimal, str] | None:
    """Return an amount in the unit of a quantity, and how the content has it; None where it cannot be."""
    assert rule.factor is not None, "it is in its unit already"
    found = scaled(amount, rule.factor, field=rule.unit)
    return None if isinstance(found, Refused) else (found, canonical(found))
