"""Reads one event of `ratemill rate`: flat fields, as JSON has them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from rating.catalogue.compiled import Catalogue
from rating.catalogue.currencies import CURRENCIES
from rating.catalogue.document import Product
from rating.catalogue.errors import CatalogueError, quoted, suggestion
from rating.catalogue.reader import date_of
from rating.conditions.names import Holder
from rating.meant import meant_unit
from rating.trial.usage import YEARS, local_instant_ms, measured, usage_event
from rating.units import RECORD
from schemas.decimals import parse_decimal
from schemas.period import to_ms, zone_info
from schemas.usage import UsageEvent

FIELDS = (
    *("product", "started_at", "quantities", "ended_at", "plan", "currency", "zone", "account"),
    *("subscription", "origin", "destination", "service_class", "attributes", "usage_kind"),
    *("source", "record_id", "account_attributes", "subscription_attributes"),
    "subscription_since",
)
"""All that an event may say; the first two it must."""

_DIGITS = re.compile(r"[0-9]+")
_QUANTITY = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z][A-Za-z0-9_-]*)")
_ACCOUNT = "account"
_SUBSCRIPTION = "s-1"
_SOURCE = "trial"
_ONE = Decimal(1)
_DATE_ALONE = len("2026-10-05")


class Number(str):
    """A number as it is written in JSON: never a binary float."""

    __slots__ = ()


class Defaults(NamedTuple):
    """What holds where an event does not say it."""

    plan: str | None
    currency: str | None
    zone: str


class TrialEvent(NamedTuple):
    """An event, and the terms of whose it is."""

    event: UsageEvent
    plan: str
    currency: str
    holder: Holder
    since_ms: int | None = None  # the subscription is there; None: nobody says


class EventReader:
    """Reads the events of one file, for one catalogue."""

    def __init__(
        self, file: str, catalogue: Catalogue, products: Mapping[str, Product], defaults: Defaults
    ) -> None:
        self._file, self._defaults = file, defaults
        self._catalogue, self._products = catalogue, products

    def read(self, line: int, fields: object) -> TrialEvent | tuple[CatalogueError, ...]:
        """Return the event that begins on a line, or all that is wrong with it."""
        reading = _Reading(self._file, line, fields)
        event = self._event(reading, line)
        return tuple(reading.errors) if event is None or reading.errors else event

    def _event(self, reading: _Reading, line: int) -> TrialEvent | None:
        if not reading.has_fields():
            return None
        product = reading.text("product", required=True)
        known = self._products.get(product)
        plan = reading.text("plan") or self._plan(reading)
        in_catalogue = self._catalogue.plans.get(plan)
        of_plan = "" if in_catalogue is None else in_catalogue.currency
        currency = reading.text("currency") or self._defaults.currency or of_plan
        if currency not in CURRENCIES and (currency or in_catalogue is not None):
            reading.complain("currency", "a currency of ISO 4217, such as EUR", currency)
        zone = reading.zone("zone") or self._defaults.zone
        started_at_ms = reading.instant("started_at", zone=zone, required=True)
        ended_at_ms = reading.instant("ended_at", zone=zone)
        if started_at_ms is not None and ended_at_ms is not None and ended_at_ms < started_at_ms:
            reading.complain(
                "ended_at", "an instant not before started_at", reading.shown("ended_at")
            )
        since_ms = reading.day("subscription_since", zone=zone)
        if since_ms is not None and started_at_ms is not None and started_at_ms < since_ms:
            expected = "a date on or before that of started_at"
            reading.complain("subscription_since", expected, reading.shown("subscription_since"))
        if product and known is None and not reading.states("quantities"):
            # Which unit is missing, nobody knows.
            expected = f"a product of the catalogue: {', '.join(self._products)}"
            reading.complain("product", expected, product, suggestion(product, self._products))
            return None
        quantities = reading.quantities(None if known is None else known.unit)
        event = usage_event(
            product=product,
            usage_kind=reading.text("usage_kind")
            or ("usage" if known is None else known.usage_kind),
            started_at_ms=started_at_ms or 0,
            ended_at_ms=ended_at_ms,
            zone=zone,
            quantities=quantities,
            account_id=reading.text("account") or _ACCOUNT,
            subscription_id=reading.text("subscription") or _SUBSCRIPTION,
            source=reading.text("source") or _SOURCE,
            record_id=reading.text("record_id") or str(line),
            origin=reading.digits("origin"),
            destination=reading.digits("destination"),
            service_class=reading.text("service_class") or None,
            attributes=reading.attributes("attributes"),
        )
        holder = Holder(
            event.account_id,
            event.subscription_id,
            reading.attributes("account_attributes"),
            reading.attributes("subscription_attributes"),
        )
        return TrialEvent(event, plan, currency, holder, since_ms)

    def _plan(self, reading: _Reading) -> str:
        plans = sorted(self._catalogue.plans)
        if self._defaults.plan is not None:
            return self._defaults.plan
        if len(plans) == 1:
            return plans[0]
        reading.complain("plan", f"a plan, in the event or with --plan: {', '.join(plans)}", "")
        return ""


class _Reading:
    """One event under reading; what is wrong with it is noted."""

    def __init__(self, file: str, line: int, value: object) -> None:
        self._file, self._line, self._value = file, line, value
        self._fields: Mapping[str, object] = {}
        self.errors: list[CatalogueError] = []

    def complain(self, field: str, expected: str, found: str, meant: str = "") -> None:
        """Note what is wrong; ``meant`` stands behind what was found."""
        error = CatalogueError(self._file, self._line, field, expected, quoted(found) + meant)
        self.errors.append(error)

    def shown(self, field: str) -> str:
        """Return what a field holds, as an error shows it."""
        return _shown(self._fields.get(field))

    def states(self, field: str) -> bool:
        """Return whether a field is there."""
        return self._fields.get(field) is not None

    def has_fields(self) -> bool:
        """Return whether it is an object; fields that no event has are noted."""
        if not isinstance(self._value, dict):
            self.complain(
                "(event)", 'an object of JSON, such as {"product": ...}', _shown(self._value)
            )
            return False
        self._fields = self._value
        for name in self._value:
            if name not in FIELDS:
                expected = f"one of the fields {', '.join(FIELDS)}"
                self.complain(name, expected, name, suggestion(name, FIELDS))
        return True

    def text(self, field: str, *, required: bool = False) -> str:
        """Return a text that is not empty; empty where there is none."""
        value = self._fields.get(field)
        if value is None:
            if required:
                self.complain(field, f"the field {field}", "")
            return ""
        if not isinstance(value, str) or isinstance(value, Number) or not value.strip():
            self.complain(field, "a text in quotation marks", _shown(value))
            return ""
        return value

    def digits(self, field: str) -> str | None:
        """Return a telephone number."""
        value = self._fields.get(field)
        if value is None:
            return None
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            self.complain(field, "a number of digits, without a plus", _shown(value))
            return None
        return str(value)

    def zone(self, field: str) -> str:
        """Return a zone that there is."""
        name = self.text(field)
        try:
            if name:
                zone_info(name)
        except (KeyError, ValueError, OSError):
            self.complain(field, "a zone such as Europe/Berlin", name)
            return ""
        return name

    def instant(self, field: str, *, zone: str, required: bool = False) -> int | None:
        """Return an instant in UTC milliseconds; one without an offset is by the zone's clock."""
        text = self.text(field, required=required)
        if not text:
            return None
        try:
            if len(text) <= _DATE_ALONE:  # its first instant would be a guess
                raise ValueError(text)
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            expected = "a time such as 2026-10-05T12:00:00, or with Z or +02:00 behind it"
            self.complain(field, expected, text)
            return None
        if moment.year not in YEARS:
            self.complain(field, f"a year from {YEARS[0]} to {YEARS[-1]}", text)
            return None
        if moment.tzinfo is not None:
            return to_ms(moment.astimezone(dt.UTC))
        at_ms = local_instant_ms(moment, zone=zone)
        if at_ms is None:
            expected = f"a time that {zone} has once; write its offset, such as +01:00, behind it"
            self.complain(field, expected, text)
        return at_ms

    def day(self, field: str, *, zone: str) -> int | None:
        """Return the first instant of a date by the zone's clock, in UTC milliseconds."""
        text = self.text(field)
        if not text:
            return None
        date = date_of(text)
        if date is None or date.year not in YEARS:
            self.complain(field, "a date such as 2026-10-05", text)
            return None
        return to_ms(dt.datetime.combine(date, dt.time(), zone_info(zone)).astimezone(dt.UTC))

    def quantities(self, unit: str | None) -> dict[str, Decimal]:
        """Return what was measured, in the product's unit where that is possible."""
        value = self._fields.get("quantities")
        if value is None and unit == RECORD:
            return {RECORD: _ONE}
        expected = 'what was measured, by unit, such as {"s": 126}'
        if not isinstance(value, dict) or not value:
            shown = "" if value is None else _shown(value)
            self.complain("quantities", expected, shown, _meant_object(shown, unit))
            return {}
        stated = []
        for name, number in value.items():
            if name == "records" and unit == RECORD:
                self.complain("quantities.records", "the unit record", name)
                continue
            quantity = parse_decimal(number) if isinstance(number, str) else None
            if quantity is None:
                shown = _shown(number)
                meant = _meant_number(shown, name, unit)
                self.complain(f"quantities.{name}", "a decimal such as 1.5", shown, meant)
                continue
            stated.append((quantity, name))
        found = measured(stated, unit=unit)
        if found is None:
            self.complain("quantities", f"one quantity that {unit} measures", ", ".join(value))
        elif unit == RECORD and found.get(RECORD, _ONE) != _ONE:
            expected = "1 record, for each event counts as one; write the event several times"
            self.complain("quantities.record", expected, str(found[RECORD]))
        return found or {}

    def attributes(self, field: str) -> dict[str, str]:
        """Return attributes by name; a number is its digits."""
        value = self._fields.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.complain(field, 'texts by name, such as {"colour": "red"}', _shown(value))
            return {}
        for name, text in value.items():
            if not isinstance(text, str):
                self.complain(f"{field}.{name}", "a text in quotation marks", _shown(text))
        return {name: str(text) for name, text in value.items()}


def _meant_object(text: str, unit: str | None) -> str:
    """Return what was meant by a quantity that is a text: ``{"GB": 10}`` by ``10 GB``."""
    match = _QUANTITY.fullmatch(text)
    name = meant_unit(match[2], unit=unit) if match else None
    return f' (did you mean {{"{name}": {match[1]}}}?)' if match and name else ""


def _meant_number(text: str, name: str, unit: str | None) -> str:
    """Return what was meant by a number with its unit behind it: ``"GB": 10`` by ``10GB``."""
    match = _QUANTITY.fullmatch(text)
    meant = meant_unit(match[2], unit=unit if unit else name) if match else None
    return f' (did you mean "{meant}": {match[1]}?)' if match and meant else ""


def _shown(value: object) -> str:
    """Return a value of JSON as it may be shown in an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else str(value)
