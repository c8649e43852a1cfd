"""Why this amount? The steps of a charge as sentences that can be read to a customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import msgspec

from rating import explain_samples
from rating.counting import CounterKind, CounterPeriod
from rating.dimensions import ATTRIBUTE
from rating.fitting_names import MEMBERS
from rating.units import plain, readable
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import Charge, ExplanationStep, records_of

_LEAST_PLACES = 2  # of an amount: 0.20, not 0.2

_WEEKDAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
# Not strftime: it speaks the language of the process.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_EXCHANGE = "exchange"
_SHOULD_BE = "should_be"
_ROUNDINGS = {
    "half_up": "half up",
    "half_even": "half to even",
    "up": "up",
    "down": "down",
}


def sentences(charge: Charge) -> list[str]:
    """Return one sentence per step of a charge, the amount last.

    A step that this build does not know (a later one wrote it) is shown as it stands.
    """
    found = []
    if records_of(charge.usage_kind) == 1:
        found.append(f"Used: {readable(Decimal(charge.used), charge.unit)} of {charge.product}.")
    # A correction says of its charge what it should have been, and is itself what that differs by.
    billed = [step[1] for step in charge.explanation if step[0] == _SHOULD_BE]
    whole = msgspec.structs.replace(charge, billed=billed[0]) if billed else charge
    # Up to the exchange amounts are in the price's own currency.
    sources = [step[1] for step in charge.explanation if step[0] == _EXCHANGE]
    priced = msgspec.structs.replace(whole, currency=sources[0]) if sources else whole
    for step in charge.explanation:
        code, *fields = step
        if code == _EXCHANGE:
            priced = whole
        say = _SENTENCES.get(code)
        found.append(_as_it_stands(step) if say is None else say(priced, fields))
    found.append(f"Charge: {_money(charge.amount, charge.currency)}.")
    return found


def _as_it_stands(step: ExplanationStep) -> str:
    return f"{' '.join(step)}."


def amount_text(amount: Decimal, currency: str) -> str:
    """Return an amount as the sentences show it."""
    return _money(to_text(amount), currency)


def _money(amount: str, currency: str) -> str:
    """Return an amount with at least two places and no zeros after them."""
    text = plain(Decimal(amount))
    whole, _, places = text.partition(".")
    return f"{whole}.{places.ljust(_LEAST_PLACES, '0')} {currency}"


def _units(charge: Charge, units: str) -> str:
    return readable(Decimal(units), charge.unit)


def _per(charge: Charge, per_units: str) -> str:
    """Return ``per min`` or ``per 100 MB``: a single unit needs no number."""
    return "per " + _units(charge, per_units).removeprefix("1 ")


def _price(charge: Charge, fields: list[str]) -> str:
    price_id, valid_from = fields
    since = ""
    if valid_from:
        date = dt.date.fromisoformat(valid_from)
        since = f", in force since {date.day} {_MONTHS[date.month - 1]} {date.year}"
    version = charge.catalogue_version
    of_which = f"of catalogue version {version}" if version >= 0 else "of the catalogue at hand"
    return f"Price {price_id} {of_which}{since}."


def _condition(_charge: Charge, fields: list[str]) -> str:
    _price_id, condition, *values = fields
    return f"Its condition holds: {condition}{_with(values)}."


def _discount_condition(_charge: Charge, fields: list[str]) -> str:
    percent, condition, *values = fields
    return f"{plain(Decimal(percent))} % off is given: {condition}{_with(values)}."


def _with(values: list[str]) -> str:
    """Return what the attributes of a condition are: names and values by turns."""
    pairs = zip(values[::2], values[1::2], strict=True)
    said = ", ".join(f"{name} is {value or 'not stated'}" for name, value in pairs)
    return f"; {said}" if said else ""


def _prefix(_charge: Charge, fields: list[str]) -> str:
    prefix, destination, card = fields
    return f"The number begins with {prefix}: {destination}, on rate card {card}."


def _cards_without(_charge: Charge, fields: list[str]) -> str:
    cards = "Rate card" if len(fields) == 1 else "Rate cards"
    have = "has" if len(fields) == 1 else "have"
    return f"{cards} {', '.join(fields)} {have} no price for the number at that time."


def _longest_of(_charge: Charge, fields: list[str]) -> str:
    return f"The longest prefix on the rate cards {', '.join(fields)} counts."


def _matrix(_charge: Charge, fields: list[str]) -> str:
    """What the row says of each dimension that it names."""
    code, name, *stated = fields
    words = [
        f"{dimension.removeprefix(ATTRIBUTE).replace('_', ' ')} {value}"
        for dimension, value in zip(stated[::2], stated[1::2], strict=True)
    ]
    return f"On matrix {code}: {name} ({', '.join(words) or 'whatever the event says'})."


def _band(_charge: Charge, fields: list[str]) -> str:
    band, start = fields
    weekday, clock = start.split(" ")
    return f"It began on {_WEEKDAYS[weekday]} at {clock}, local time: {band}."


def _band_end(_charge: Charge, fields: list[str]) -> str:
    band, end = fields
    weekday, clock = end.split(" ")
    return f"It ended on {_WEEKDAYS[weekday]} at {clock}, local time: {band}."


def _no_usage(_charge: Charge, _fields: list[str]) -> str:
    return "Nothing was used, so nothing is charged."


def _rounded_units(charge: Charge, fields: list[str]) -> str:
    measured, rounded, rule, multiple = fields
    return (
        f"{_units(charge, measured)} is rounded {_ROUNDINGS[rule]} to whole "
        f"{_units(charge, multiple)}: {_units(charge, rounded)}."
    )


def _allowance(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, taken, free, *period = fields
    return (
        f"Allowance {allowance_id} of {_units(charge, size)} {_period(period)} had "
        f"{readable(_left(size, taken), charge.unit)} left: {_units(charge, free)} is free."
    )


def _credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, taken, paid, *period = fields
    left = _money(to_text(_left(size, taken)), charge.currency)
    return (
        f"Allowance {allowance_id} of {_money(size, charge.currency)} {_period(period)} had "
        f"{left} left: "
        f"{_money(paid, charge.currency)} is paid by it."
    )


def _allowance_not(_charge: Charge, fields: list[str]) -> str:
    allowance_id, why, *what = fields
    reasons = {
        "days": "it is for other days",
        "band": f"it is not for {''.join(what)}",
        "condition": f"its condition does not hold: {''.join(what)}",
    }
    return f"Allowance {allowance_id} is not for this usage: {reasons[why]}."


def _sized(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, *times = fields
    return f"Allowance {allowance_id} is {_units(charge, size)} {_times(times)}."


def _sized_credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, *times = fields
    return f"Allowance {allowance_id} is {_money(size, charge.currency)} {_times(times)}."


def _times(fields: list[str]) -> str:
    name, factor = fields
    of = "one for each subscription that shares it" if name == MEMBERS else name
    return f"times {plain(Decimal(factor))}, {of}"


def _rolled(charge: Charge, fields: list[str]) -> str:
    allowance_id, month, left, free = fields
    return (
        f"Of {month} {_units(charge, left)} of allowance {allowance_id} were left to later months: "
        f"{_units(charge, free)} is free."
    )


def _rolled_credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, month, left, paid = fields
    return (
        f"Of {month} {_money(left, charge.currency)} of allowance {allowance_id} were left to later "
        "months: "
        f"{_money(paid, charge.currency)} is paid by it."
    )


def _period(stated: list[str]) -> str:
    if stated == [CounterPeriod.ONCE]:
        return "given once"
    return f"a {stated[0] if stated else 'month'}"


def _left(size: str, taken: str) -> Decimal:
    left = EXACT.subtract(Decimal(size), Decimal(taken))
    return left if left > ZERO else ZERO


def _free_records(_charge: Charge, fields: list[str]) -> str:
    free, before = fields
    return f"The first {free} records of the month are free, and this is number {int(before) + 1}."


def _free_units(charge: Charge, fields: list[str]) -> str:
    stated, free = fields
    return f"The first {_units(charge, stated)} of each record is free: {_units(charge, free)}."


def _minimum_units(charge: Charge, fields: list[str]) -> str:
    units, least = fields
    return f"{_units(charge, units)} is billed as at least {_units(charge, least)}."


def _increments(charge: Charge, fields: list[str]) -> str:
    notation, used, billed = fields
    first, following = (_units(charge, part) for part in notation.split("/"))
    return (
        f"Billed in increments of {notation}, the first {first} whole, then every started "
        f"{following}: {_units(charge, used)} is billed as {_units(charge, billed)}."
    )


def _rate(charge: Charge, fields: list[str]) -> str:
    amount, per_units = fields
    return (
        f"{_units(charge, charge.billed)} at {_money(amount, charge.currency)} "
        f"{_per(charge, per_units)}."
    )


def _connect_fee(charge: Charge, fields: list[str]) -> str:
    return f"Connect fee: {_money(fields[0], charge.currency)}."


def _percent(charge: Charge, fields: list[str]) -> str:
    return f"{plain(Decimal(fields[0]))} % of {_units(charge, charge.billed)}."


def _stretch(charge: Charge, fields: list[str]) -> str:
    band, start, count, increment, amount, per_units = fields
    where = f"From {_units(charge, start)} on" if Decimal(start) else "From its beginning"
    hours = f", {band}" if band else ""
    return (
        f"{where}{hours}: {count} x {_units(charge, increment)}, at "
        f"{_money(amount, charge.currency)} {_per(charge, per_units)}."
    )


def _flat(charge: Charge, fields: list[str]) -> str:
    return f"One price for each event: {_money(fields[0], charge.currency)}."


def _month_before(charge: Charge, fields: list[str]) -> str:
    return f"Billed before in this month: {_units(charge, fields[0])}."


def _tier(charge: Charge, fields: list[str]) -> str:
    start, end, units, amount, per_units = fields
    where = f"above {_units(charge, start)}"
    if end:
        where = f"from {_units(charge, start)} to {_units(charge, end)}"
    return (
        f"{_units(charge, units)} in the tier {where}, at {_money(amount, charge.currency)} "
        f"{_per(charge, per_units)}."
    )


def _tier_started(charge: Charge, fields: list[str]) -> str:
    start, end, units, amount, per_units = fields
    return _tier(charge, [start, end, units, amount, per_units])[:-1] + ", each one begun."


def _tier_fee(charge: Charge, fields: list[str]) -> str:
    start, _end, fee = fields
    return f"The tier above {_units(charge, start)} begins: {_money(fee, charge.currency)}."


def _volume(charge: Charge, fields: list[str]) -> str:
    total, end, amount, per_units, fee = fields
    tier = f"up to {_units(charge, end)}" if end else "without end"
    flat = f", and {_money(fee, charge.currency)} once" if Decimal(fee) else ""
    return (
        f"With it the month has {_units(charge, total)}: all of it is in the tier {tier}, at "
        f"{_money(amount, charge.currency)} {_per(charge, per_units)}{flat}."
    )


def _packages(charge: Charge, fields: list[str]) -> str:
    total, size, count, amount = fields
    packages = "package" if count == "1" else "packages"
    return (
        f"With it the month has {_units(charge, total)}: {count} {packages} of "
        f"{_units(charge, size)}, at {_money(amount, charge.currency)} each."
    )


def _mirrored(_charge: Charge, _fields: list[str]) -> str:
    return "It is a correction: what so much usage costs is given back."


def _none_read(charge: Charge, fields: list[str]) -> str:
    return f"A reading of {_units(charge, fields[0])} is one of nothing."


def _restated(charge: Charge, fields: list[str]) -> str:
    was, now = (_money(amount, charge.currency) for amount in fields)
    return (
        f"What was charged for earlier usage of the month came to {was}, and comes to {now} at the "
        "price that it has by now."
    )


def _restated_below_close(charge: Charge, fields: list[str]) -> str:
    return (
        f"Of the change, {_money(fields[0], charge.currency)} is below what the month was closed at, "
        "and changes nothing."
    )


def _reversed(_charge: Charge, fields: list[str]) -> str:
    return f"Takes back charge {fields[0]}."


def _should_be(charge: Charge, fields: list[str]) -> str:
    _billed, *used = fields
    of_usage = f" for {readable(Decimal(used[0]), charge.unit)} of {charge.product}" if used else ""
    return f"Charge {charge.corrects}{of_usage} should have been:"


def _of_charges(_charge: Charge, fields: list[str]) -> str:
    (count,) = fields
    those = "charge comes" if count == "1" else "charges come"
    return f"It is the sum of what {int(count):,} {those} to more or less."


def _corrected_with(_charge: Charge, fields: list[str]) -> str:
    month, *shared = fields
    names: dict[str, list[str]] = {}
    for kind, name in zip(shared[::2], shared[1::2], strict=True):
        names.setdefault(kind, []).append(name)
    said = [_named_alike(*each) for each in names.items()]
    of = " and ".join(said) or "allowances or discounts"
    return f"Corrected with {month}, which takes of the same {of}."


def _named_alike(kind: str, names: list[str]) -> str:
    """Return ``allowance p/minutes``, or the names of several."""
    one, many = {
        CounterKind.ALLOWANCE: ("allowance", "allowances"),
        CounterKind.DISCOUNTED: ("discount of price", "discounts of prices"),
    }[CounterKind(kind)]
    return f"{one if len(names) == 1 else many} {', '.join(names)}"


def _charge_rerated(_charge: Charge, fields: list[str]) -> str:
    catalogue, reference = fields
    return (
        f"The charge was rated anew by catalogue version {catalogue} and version {reference} of the "
        "reference data, the rest of the month as it was."
    )


def _corrected(charge: Charge, fields: list[str]) -> str:
    was, now = (_money(amount, charge.currency) for amount in fields)
    if charge.corrects is not None:
        return f"Under price {charge.price_id} charge {charge.corrects} came to {was}, and comes to {now}."
    return f"Under price {charge.price_id} what was charged for the month came to {was}, and comes to {now}."


def _rerated(_charge: Charge, fields: list[str]) -> str:
    catalogue, reference = fields
    return (
        f"The month was rated anew by catalogue version {catalogue} and version {reference} of the "
        "reference data."
    )


def _because(_charge: Charge, fields: list[str]) -> str:
    return f"Reason: {fields[0].rstrip('.')}."


def _usage_discount(charge: Charge, fields: list[str]) -> str:
    percent, product, used, unit, listed = fields
    return (
        f"The account used {readable(Decimal(used), unit)} of {product} in the month: "
        f"{plain(Decimal(percent))} % off, of {_money(listed, charge.currency)}."
    )


def _usage_reached(_charge: Charge, fields: list[str]) -> str:
    percent, product, used, unit = fields
    return (
        f"The account used {readable(Decimal(used), unit)} of {product} in the month: "
        f"{plain(Decimal(percent))} % off all of the month."
    )


def _aggregated(charge: Charge, fields: list[str]) -> str:
    how, used, before = fields
    ways = {
        "max": "The largest of the month counts",
        "latest": "The newest of the month counts",
        "unique": "Each of the month counts once",
    }
    return f"{ways.get(how, how)}: {_units(charge, used)}, after {_units(charge, before)} before."


def _held(charge: Charge, fields: list[str]) -> str:
    change, left_s, unit_seconds = fields
    units = Decimal(change)
    how = "less" if units < ZERO else "more"
    return (
        f"{readable(units.copy_abs(), charge.unit)} {how} for the last {plain(Decimal(left_s))} s of "
        f"the month: {_unit_seconds(charge, unit_seconds)}."
    )


def _average(charge: Charge, fields: list[str]) -> str:
    unit_seconds, month_s, average = fields
    level = f"{_units(charge, average)} on average"
    if Decimal(unit_seconds) < ZERO:
        level = "less than nothing on average, which costs nothing"
    return (
        f"With it the month has {_unit_seconds(charge, unit_seconds)} in {plain(Decimal(month_s))} s: "
        f"{level}."
    )


def _unit_seconds(charge: Charge, unit_seconds: str) -> str:
    return f"{plain(Decimal(unit_seconds))} {charge.unit}-seconds"


def _held_rate(charge: Charge, fields: list[str]) -> str:
    amount, per_units = fields
    return (
        f"{_money(amount, charge.currency)} {_per(charge, per_units)}, held for all of the month."
    )


def _held_tier(charge: Charge, fields: list[str]) -> str:
    start, end, unit_seconds, amount, per_units = fields
    where = f"above {_units(charge, start)}"
    if end:
        where = f"from {_units(charge, start)} to {_units(charge, end)}"
    return (
        f"{_unit_seconds(charge, unit_seconds)} in the tier {where}, at "
        f"{_money(amount, charge.currency)} {_per(charge, per_units)}, held for all of the month."
    )


def _held_tier_started(charge: Charge, fields: list[str]) -> str:
    return _held_tier(charge, fields)[:-1] + ", each one begun."


def _day_change(charge: Charge, fields: list[str]) -> str:
    change, day, days = fields
    units = Decimal(change)
    how = "less" if units < ZERO else "more"
    return f"{readable(units.copy_abs(), charge.unit)} {how} from day {day} of {days} on."


def _days(charge: Charge, fields: list[str]) -> str:
    first, last, level, _shares, _whole, shown = fields
    which = f"Day {first}" if first == last else f"Days {first} to {last}"
    return f"{which}: {_units(charge, level)}, for these days {_money(shown, charge.currency)}."


def _highest_day(charge: Charge, fields: list[str]) -> str:
    level, fees = fields
    return f"{_units(charge, level)} at the most on a day: fees of {_money(fees, charge.currency)}, once."


def _came_to(charge: Charge, fields: list[str]) -> str:
    was, now = (_money(amount, charge.currency) for amount in fields)
    return f"The month came to {was} before it, and comes to {now} with it."


def _month_discount(_charge: Charge, fields: list[str]) -> str:
    return f"{plain(Decimal(fields[0]))} % off all of the month."


def _commitment(charge: Charge, fields: list[str]) -> str:
    promised, overage = fields
    above = (
        "" if Decimal(overage) == 1 else f", and {plain(Decimal(overage))} times the price above it"
    )
    return f"Commitment of {_money(promised, charge.currency)} a month{above}."


def _month_most(charge: Charge, fields: list[str]) -> str:
    return f"At most {_money(fields[0], charge.currency)} for all of the month."


def _first_fee(charge: Charge, fields: list[str]) -> str:
    return (
        f"Nothing was billed in the month; due all the same: {_money(fields[0], charge.currency)}."
    )


def _month_least(charge: Charge, fields: list[str]) -> str:
    least, due = (_money(amount, charge.currency) for amount in fields)
    return f"At least {least} for the month, which came to {due}."


def _closed_at(charge: Charge, fields: list[str]) -> str:
    return (
        f"The month is closed at {_money(fields[0], charge.currency)}: usage of it that comes later "
        "takes it no lower."
    )


def _closed(charge: Charge, fields: list[str]) -> str:
    least, before, paid = (_money(amount, charge.currency) for amount in fields)
    return (
        f"The month was closed at {least}, of which usage had come to {before}: that pays {paid} of "
        "what came late."
    )


def _discount(charge: Charge, fields: list[str]) -> str:
    percent, before = fields
    return f"{plain(Decimal(percent))} % off {_money(before, charge.currency)}."


def _limited_discount(charge: Charge, fields: list[str]) -> str:
    percent, before, times, done, every = fields
    of_each = "" if every == CounterPeriod.ONCE else f" of a {every}"
    first = "the first event" if times == "1" else f"the first {times} events"
    earlier = "" if times == "1" else f", {done} of which came before"
    return (
        f"{plain(Decimal(percent))} % off {_money(before, charge.currency)}: it is given to "
        f"{first}{of_each}{earlier}."
    )


def _least(charge: Charge, fields: list[str]) -> str:
    bound, before = (_money(amount, charge.currency) for amount in fields)
    return f"At least {bound} for each event: it came to {before}."


def _most(charge: Charge, fields: list[str]) -> str:
    bound, before = (_money(amount, charge.currency) for amount in fields)
    return f"At most {bound} for each event: it came to {before}."


def _cap(charge: Charge, fields: list[str]) -> str:
    period, bound, before = fields
    return (
        f"At most {_money(bound, charge.currency)} a {period}: "
        f"{_money(before, charge.currency)} was charged before."
    )


def _exchange(charge: Charge, fields: list[str]) -> str:
    source, rate, table, since, *rounding = fields
    return (
        f"Exchanged from {source} to {charge.currency} at {rate}, the rate of {table} since {since}. "
        f"{_round(charge, rounding)}"
    )


def _round(_charge: Charge, fields: list[str]) -> str:
    """One rule and what it keeps after the other."""
    said = []
    for rule, kept in zip(fields[::2], fields[1::2], strict=True):
        kept, _, factor = kept.partition(" times ")
        multiple = kept.removeprefix("to ")
        what = f"{kept} decimal places" if multiple == kept else f"multiples of {multiple}"
        times = f"times {factor}, " if factor else ""
        said.append(f"{times}{_ROUNDINGS[rule]} to {what}")
    return f"Rounded {', then '.join(said)}."


def _sample(_charge: Charge, fields: list[str]) -> str:
    return explain_samples.sample(fields)


def _no_samples(_charge: Charge, _fields: list[str]) -> str:
    return explain_samples.no_samples()


def _percentile(charge: Charge, fields: list[str]) -> str:
    return explain_samples.percentile(fields, charge.unit)


def _directions(charge: Charge, fields: list[str]) -> str:
    return explain_samples.directions(fields, charge.unit)


def _month_rate(charge: Charge, fields: list[str]) -> str:
    units, amount, per_units = fields
    price = f"{_money(amount, charge.currency)} {_per(charge, per_units)}"
    return f"{_units(charge, units)} at {price}."


def _closed_before(charge: Charge, fields: list[str]) -> str:
    was, now = (_money(amount, charge.currency) for amount in fields)
    return f"Closes before charged {was} for the month; with what came late it comes to {now}."


_SENTENCES: dict[str, Callable[[Charge, list[str]], str]] = {
    "price": _price,
    "condition": _condition,
    "discount_condition": _discount_condition,
    "cards_without": _cards_without,
    "longest_of": _longest_of,
    "prefix": _prefix,
    "matrix": _matrix,
    "band": _band,
    "band_end": _band_end,
    "no_usage": _no_usage,
    "units": _rounded_units,
    "free_records": _free_records,
    "free_units": _free_units,
    "allowance": _allowance,
    "credit": _credit,
    "allowance_not": _allowance_not,
    "sized": _sized,
    "sized_credit": _sized_credit,
    "rolled": _rolled,
    "rolled_credit": _rolled_credit,
    "minimum_units": _minimum_units,
    "increments": _increments,
    "rate": _rate,
    "percent": _percent,
    "stretch": _stretch,
    "connect_fee": _connect_fee,
    "flat": _flat,
    "month_before": _month_before,
    "tier": _tier,
    "tier_started": _tier_started,
    "tier_fee": _tier_fee,
    "volume": _volume,
    "volume_started": _volume,
    "packages": _packages,
    "aggregated": _aggregated,
    "held": _held,
    "average": _average,
    "held_rate": _held_rate,
    "held_tier": _held_tier,
    "held_tier_started": _held_tier_started,
    "day_change": _day_change,
    "days": _days,
    "highest_day": _highest_day,
    "came_to": _came_to,
    "month_discount": _month_discount,
    "commitment": _commitment,
    "month_most": _month_most,
    "first_fee": _first_fee,
    "month_least": _month_least,
    "closed": _closed,
    "closed_at": _closed_at,
    "sample": _sample,
    "no_samples": _no_samples,
    "percentile": _percentile,
    "directions": _directions,
    "month_rate": _month_rate,
    "closed_before": _closed_before,
    "mirrored": _mirrored,
    "none_read": _none_read,
    "restated": _restated,
    "reversed": _reversed,
    _SHOULD_BE: _should_be,
    "corrected": _corrected,
    "of_charges": _of_charges,
    "corrected_with": _corrected_with,
    "charge_rerated": _charge_rerated,
    "rerated": _rerated,
    "because": _because,
    "usage_discount": _usage_discount,
    "usage_reached": _usage_reached,
    "restated_below_close": _restated_below_close,
    "discount": _discount,
    "limited_discount": _limited_discount,
    "least": _least,
    "most": _most,
    "cap": _cap,
    _EXCHANGE: _exchange,
    "round": _round,
}
