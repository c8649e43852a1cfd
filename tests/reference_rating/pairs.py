"""One pair: a random tariff and random usage, rated by both, and where they differ."""

import datetime as dt
import functools
import random
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rating.catalogue import check, compile
from rating.conditions.names import Holder
from rating.explain import sentences
from rating.selection import Filtered
from rating.trial import Member, Trial, local_instant_ms, usage_event
from schemas.refusal import Refused
from tests.reference_rating.catalogue import Catalogue
from tests.reference_rating.close import close
from tests.reference_rating.others import Other
from tests.reference_rating.rate import Outcome, Reference
from tests.reference_rating.tariffs import PRODUCTS, tariff_of
from tests.reference_rating.usage import events_of

CLOSED = "2026-10"
USAGES_OF_A_TARIFF = 12  # compiling a catalogue takes longer than rating
MOST_TRIES = 200  # of tariffs that the check refuses, one after the other


class Tariff(NamedTuple):
    """A catalogue that the check accepts, as the engine has it and as the reference read it."""

    files: dict
    products: list  # that its plan has prices for
    compiled: object
    read: Catalogue


class Difference(NamedTuple):
    """The first event that the two do not agree on."""

    place: int
    event: dict
    engine: Outcome
    reference: Outcome
    explanations: str


def pair_of(seed):
    """Return the tariff and the events of a seed. Neighbouring seeds share a tariff."""
    tariff = _tariff(seed // USAGES_OF_A_TARIFF)
    return tariff, events_of(random.Random(f"usage {seed}"), tariff.products)


@functools.lru_cache(1)
def _tariff(seed):
    source = random.Random(f"tariff {seed}")
    for _ in range(MOST_TRIES):
        files, products = tariff_of(source)
        document = check(as_bytes(files)).document
        if document is not None:
            return Tariff(files, products, compile(document, 1), Catalogue(files))
    raise AssertionError(f"tariff {seed}: the check refuses all of them")


def as_bytes(files):
    """Return files as the check takes them."""
    return {name: text.encode() for name, text in files.items()}


def first_difference(tariff, events):
    """Return where the engine and the reference differ first, or None; all that was compared; and what
    charges there were, by the words of `MODELS`."""
    trial, reference = Trial(tariff.compiled), Reference(tariff.read)
    compared = []
    for place, event in enumerate(events):
        engine, text = by_engine(trial, event, place)
        expected = reference.rate(event)
        compared.append(engine)
        if engine != expected:
            text = _both(text, reference.notes)
            return Difference(place, event, engine, expected, text), compared, reference.met
    made, text = closed_by_engine(trial, events[0])
    expected = close(reference, events[0], CLOSED)
    if made != expected:
        text = _both(text, reference.notes)
        return (
            Difference(len(events), f"close of {CLOSED}", made, expected, text),
            compared,
            reference.met,
        )
    return None, [*compared, *made.values()], reference.met


def _both(text, notes):
    return "\n".join(["By the engine:", text, "By the reference:", *notes])


def closed_by_engine(trial, event):
    """Return what the engine asks for at the close of a month: by subscription and price."""
    made = trial.close(
        "account",
        _start_of(f"{CLOSED}-15", event["zone"]),
        members=_members(event),
        currency="EUR",
        zone=event["zone"],
        attributes=event["account"],
    )
    found = {
        (each.subscription_id, each.price_id, _month_of(each, event)): Fraction(each.amount)
        for each in made
    }
    text = "\n".join(line for each in made for line in sentences(each))
    return {key: amount for key, amount in found.items() if amount}, text


def _month_of(charge, event):
    at = dt.datetime.fromtimestamp(charge.started_at_ms / 1000, ZoneInfo(event["zone"]))
    return f"{at:%Y-%m}"


def _members(event):
    return [
        Member(name, event["plan"], since, None, event["of all"][name])
        for name, since in event["members"].items()
    ]


def _start_of(day, zone):
    return local_instant_ms(dt.datetime.fromisoformat(day), zone=zone)


def by_engine(trial, event, place):
    """Return what the engine makes of an event, in the form of the reference, and its explanation."""
    unit = PRODUCTS[event["product"]][1]
    usage = usage_event(
        product=event["product"],
        usage_kind="event",
        started_at_ms=event["started_ms"],
        ended_at_ms=event["ended_ms"],
        zone=event["zone"],
        quantities={unit: Decimal(event["quantity"])},
        account_id="account",
        subscription_id=event["subscription"],
        source="reference",
        record_id=str(place),
        origin=event["origin"],
        destination=event["destination"],
        service_class=event["service_class"],
        attributes=event["attributes"],
    )
    holder = Holder("account", event["subscription"], event["account"], event["of"])
    members = _members(event)
    made = trial.rate(usage, plan=event["plan"], currency="EUR", holder=holder, members=members)
    if isinstance(made, Filtered):
        return Outcome(reason="filtered"), made.detail
    if isinstance(made, Refused):
        return Outcome(reason=str(made.reason)), made.detail
    *adjustments, charge = made
    text = "\n".join(line for each in made for line in sentences(each))
    outcome = Outcome(
        price=charge.price_id,
        used=Fraction(charge.used),
        billed=Fraction(charge.billed),
        free=Fraction(charge.free),
        amount=Fraction(charge.amount),
        restated=sum((Fraction(each.amount) for each in adjustments), Fraction(0)),
        others=tuple(
            Other(each.name, each.price_id, Fraction(each.billed), Fraction(each.amount))
            for each in charge.other_ratings or ()
        ),
    )
    return outcome, text
