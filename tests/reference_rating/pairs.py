"""One pair: a random tariff and random usage, rated by both, and where they differ."""

import datetime as dt
import functools
import random
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from rating.catalogue import check, compile
from rating.conditions.names import Holder
from rating.explain import sentences
from rating.selection import Filtered
from rating.trial import Member, Trial, local_instant_ms, usage_event
from schemas.refusal import Refused
from tests.reference_rating.catalogue import Catalogue
from tests.reference_rating.close import close
from tests.reference_rating.rate import Outcome, Reference
from tests.reference_rating.tariffs import PRODUCTS, tariff_of
from tests.reference_rating.usage import events_of

CLOSED = "2026-10"
MEMBERS = {"s-1": None, "s-2": "2026-10-12"}  # since when they are there
USAGES_OF_A_TARIFF = 8  # compiling a catalogue takes longer than rating
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
    """Return where the engine and the reference differ first, or None; and all that was compared."""
    trial, reference = Trial(tariff.compiled), Reference(tariff.read)
    compared = []
    for place, event in enumerate(events):
        engine, text = by_engine(trial, event, place)
        expected = reference.rate(event)
        compared.append(engine)
        if engine != expected:
            text = _both(text, reference.notes)
            return Difference(place, event, engine, expected, text), compared
    made, text = closed_by_engine(trial, events[0])
    expected = close(reference, MEMBERS, events[0], CLOSED)
    if made != expected:
        return Difference(len(events), f"close of {CLOSED}", made, expected, text), compared
    return None, [*compared, *made.values()]


def _both(text, notes):
    return "\n".join(["By the engine:", text, "By the reference:", *notes])


def closed_by_engine(trial, event):
    """Return what the engine asks for at the close of a month: by subscription and price."""
    members = [
        Member(name, event["plan"], _start_of(since, event["zone"]), None, event["of all"][name])
        for name, since in MEMBERS.items()
    ]
    made = trial.close(
        "account",
        _start_of(f"{CLOSED}-15", event["zone"]),
        members=members,
        currency="EUR",
        zone=event["zone"],
        attributes=event["account"],
    )
    found = {(each.subscription_id, each.price_id): Fraction(each.amount) for each in made}
    text = "\n".join(line for each in made for line in sentences(each))
    return {key: amount for key, amount in found.items() if amount}, text


def _start_of(day, zone):
    return day and local_instant_ms(dt.datetime.fromisoformat(day), zone=zone)


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
    made = trial.rate(usage, plan=event["plan"], currency="EUR", holder=holder)
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
    )
    return outcome, text
