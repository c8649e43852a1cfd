"""Whatever publishing would change is a line, and nothing else is."""

import datetime as dt
import itertools
import pathlib
import re
import types
import typing
from decimal import Decimal
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import CatalogueDocument, content_digest, diff
from rating.catalogue.differences import DIGITS
from rating.catalogue.differences.dates import Dated, spans
from rating.catalogue.document import (
    Committed,
    Graduated,
    PerUnit,
    Plan,
    PlanPrice,
    PriceVersion,
    Special,
    Volume,
)
from rating.price.increments import Increments
from rating.price.tier import check_tiers
from rating.price.units import RoundUnits, UnitRounding
from rating.rounding import RoundingRule
from tests.rating_builders import document_of

ROOT = pathlib.Path(__file__).parents[2]
DAY = dt.timedelta(days=1)
SOME = {
    Committed: Committed(amount=Decimal(3)),
    Increments: Increments(Decimal(60), Decimal(1)),
    RoundingRule: RoundingRule(decimal_places=2),
    RoundUnits: RoundUnits(Decimal(60), UnitRounding.UP),
}


def documents():
    """Return the catalogues of the documents and the sample: together every key is in them."""
    pricing = (ROOT / "docs" / "pricing.md").read_text()
    (text,) = re.findall(r"^```yaml\n(.*?)^```", pricing, flags=re.MULTILINE | re.DOTALL)
    yield "pricing", document_of({"plans.yaml": text.encode()})
    for folder in ("deploy/sample/catalogue", "tests/data/catalogue"):
        paths = [path for path in (ROOT / folder).rglob("*.*") if path.is_file()]
        found = document_of({str(p.relative_to(ROOT / folder)): p.read_bytes() for p in paths})
        cards = tuple(msgspec.structs.replace(card, rows=card.rows[:4]) for card in found.cards)
        yield folder, msgspec.structs.replace(found, cards=cards)


DOCUMENTS = dict(documents())
IN_ORDER = {(Plan, "prices"), (PlanPrice, "destinations"), (PriceVersion, "discounts")}


def others(value, kind):
    """Yield values of a type that are not ``value``."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None:
        for option in options:
            yield from some(option)
        return
    if type(None) in options:
        yield None
    match value:
        case bool():
            yield not value
        case StrEnum():
            yield from (other for other in type(value) if other is not value)
        case Decimal():
            yield from (value + 1, value + Decimal("0.001"))
        case int():
            yield value - 1 if value else 1  # also a day of the week
        case str():
            # A condition that ends in a text stays one.
            yield f'{value[:-1]}x"' if value.endswith('"') else f"{value}x"
        case dt.date():
            yield value + DAY
        case tuple():
            if value:
                yield value[:-1]
            for index, each in enumerate(value):
                for other in others(each, type(each)):
                    yield (*value[:index], other, *value[index + 1 :])
        case dict():
            for key, each in value.items():
                yield {other: found for other, found in value.items() if other != key}
                yield from ({**value, key: other} for other in others(each, type(each)))
        case msgspec.Struct():
            yield from changed(value)


def some(kind):
    """Yield a value of a type, where there was none."""
    if kind is Decimal:
        yield Decimal(3)
    elif kind is dt.date:
        yield dt.date(2030, 1, 1)
    elif kind is int:
        yield 3
    elif kind is str:
        yield "x"
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        yield from kind
    elif kind in SOME:
        yield SOME[kind]


def is_sayable(thing):
    """Return whether files can say it: of some fields there is exactly one."""
    match thing:
        case Special():
            return (thing.season is None) != (thing.calendar is None)
        case PriceVersion() if thing.discounts_when:
            return len(thing.discounts_when) == len(thing.discounts)
        case Committed():
            return (thing.amount is None) != (thing.units is None)
        case PerUnit():
            return (thing.amount is None) == bool(thing.amounts)
        case Graduated() | Volume():
            check_tiers(thing.tiers)
    return True


def changed(thing):
    """Yield a thing with one field changed, for each field and each way."""
    hints = typing.get_type_hints(type(thing))
    for field in thing.__struct_fields__:
        value = getattr(thing, field)
        found = list(others(value, hints[field]))
        if (type(thing), field) in IN_ORDER and len(value) > 1:
            found.append(tuple(reversed(value)))
        for other in found:
            try:
                whole = msgspec.structs.replace(thing, **{field: other})
                fine = is_sayable(whole)
            except AssertionError:
                continue
            if fine:
                yield whole


CHANGED = {name: list(changed(document)) for name, document in DOCUMENTS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_change_of_any_field_is_a_line_both_ways(name):
    document = DOCUMENTS[name]
    assert len(CHANGED[name]) > 200
    for other in CHANGED[name]:
        for was, is_now in ((document, other), (other, document)):
            lines = [str(each) for each in diff(was, is_now)]
            assert lines, difference_of(was, is_now)
            assert DIGITS not in lines, difference_of(was, is_now)
            assert len(set(lines)) == len(lines)


def short(old, new):
    """Return two texts from where they differ on."""
    at = next(i for i, pair in enumerate(itertools.zip_longest(old, new)) if pair[0] != pair[1])
    return f"{old[at - 60 : at + 60]}\n{new[at - 60 : at + 60]}"


def difference_of(was, is_now):
    """Return what differs, for whoever reads that a change has no line."""
    for field in CatalogueDocument.__struct_fields__:
        old, new = getattr(was, field), getattr(is_now, field)
        for pair in zip(old, new, strict=False):
            if pair[0] != pair[1]:
                return short(*map(repr, pair))
        if old != new:
            return f"{field}: {len(old)}, {len(new)}"
    return "nothing"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_equal_document_has_no_line(name):
    document = DOCUMENTS[name]
    assert diff(document, msgspec.convert(msgspec.to_builtins(document), CatalogueDocument)) == []


@given(st.data())
def test_there_are_lines_where_publishing_makes_a_version(data):
    name = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    was, is_now = (data.draw(st.sampled_from(CHANGED[name])) for _ in range(2))
    assert bool(diff(was, is_now)) == (content_digest(was) != content_digest(is_now))


# --- the days on which two things differ ---

days = st.integers(1, 12).map(lambda day: dt.date(2026, 10, day))


@st.composite
def timelines(draw):
    """Stretches of days that do not overlap, with a value each; the ends may be open."""
    bounds = [None, *sorted(draw(st.sets(days, max_size=5))), None]
    pairs = list(itertools.pairwise(bounds))
    values = draw(st.lists(st.sampled_from("ab "), min_size=len(pairs), max_size=len(pairs)))
    return [Dated(*pair, value) for pair, value in zip(pairs, values, strict=True) if value != " "]


def value_on(timeline, day):
    for since, until, value in timeline:
        if (since is None or since <= day) and (until is None or day < until):
            return value
    return None


@given(timelines(), timelines())
def test_spans_hold_the_days_on_which_two_timelines_differ_and_no_other(before, after):
    found = list(spans(before, after))
    for day in (dt.date(2026, 9, 30) + number * DAY for number in range(16)):
        was, is_now = value_on(before, day), value_on(after, day)
        here = [
            (span.before, span.after)
            for span in found
            if (span.since is None or span.since <= day)
            and (span.until is None or day < span.until)
        ]
        assert here == ([(was, is_now)] if was != is_now else [])
    for one, following in itertools.pairwise(found):
        assert one.until is not None
        assert (one.until, one.before, one.after) != (
            following.since,
            following.before,
            following.after,
        ), "neighbours of one difference are one span"
