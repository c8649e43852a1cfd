"""BillRun: steps by width, access prices, allowance groups.

BillRun rates each event by itself. Steps of an event are graduated tiers of a subscription that has
no other usage; above an allowance, which lasts over events, they are rates within a record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from rating.rate import RatedUsage
from tests.conformance.engine import NOON, ZERO, Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_UNLIMITED = "UNLIMITED"
_MORE_THAN_ANYBODY_USES = Decimal(10) ** 18
_ALWAYS = dt.date(1970, 1, 1)
_PRODUCT = {"type": "t", "usage_kind": "u", "unit": "unit"}


def _access_price(vector: Vector) -> dict[str, Any]:
    """Return what the connection costs, whatever was used."""
    price = {"model": "flat", "amount": _access(vector.price)}
    engine = one_price(price, zero_usage="price", below_zero="mirror")
    return {"amount": engine.charged([engine.event("x", unit=_units(vector.usage))])}


def _tiered(vector: Vector) -> dict[str, Any]:
    """Return what an event costs by the steps of its tariff."""
    return {"amount": _of_event(vector.price, vector.usage)}


def _multi_rate(vector: Vector) -> dict[str, Any]:
    """Return what an event costs at each of several tariffs: each is a run of rating of its own."""
    return {
        "amounts": {name: _of_event(tariff, vector.usage) for name, tariff in vector.price.items()}
    }


def _of_event(tariff: Mapping[str, Any], volume: Any) -> Decimal:
    """Return what an event costs that is the only one of its subscription."""
    engine = one_price(_price_in_steps(tariff), below_zero="mirror")
    charged = engine.charged([engine.event("x", unit=_units(volume))])
    return charged + engine.closed_amount("x")


class Step(NamedTuple):
    """A stretch of an event's volume, by its width."""

    width: Decimal | None  # None: without an end
    ends: Decimal | None
    amount: str
    interval: str
    whole: bool  # every started interval costs the amount


def _steps(tariff: Mapping[str, Any]) -> list[Step]:
    """Return the steps of a tariff, as far as an event can reach them."""
    found = []
    for stated in tariff.get("rate", ()):
        ends = None if stated["to"] == _UNLIMITED else _number(stated["to"])
        width = None if ends is None else ends - _number(stated.get("from", 0))
        if width is not None and width < ZERO:
            raise NotExpressible("A step that ends before it begins: no amount of usage is in it.")
        step = Step(
            width=width,
            ends=ends,
            amount=_amount(stated["price"]),
            interval=_text(_number(stated.get("interval", 1))),
            whole=stated.get("ceil", True),
        )
        if width != ZERO:
            found.append(step)
        if width is None:
            break
    return found


def _price_in_steps(tariff: Mapping[str, Any]) -> dict[str, Any]:
    """Return the price of a record that is the only one of its month."""
    by_volume = tariff.get("pricing_method") == "volume"
    tiers: list[dict[str, str]] = []
    upto: Decimal | None = ZERO
    for step in _steps(tariff):
        assert upto is not None
        upto = step.ends if by_volume else None if step.width is None else upto + step.width
        end = {} if upto is None else {"upto": _text(upto)}
        tiers.append({**end, "amount": step.amount, "per": step.interval, **_whole(step)})
    if upto is not None:  # what is used past the last step is not charged
        tiers.append({"amount": "0", "per": "1"})
    model = "volume" if by_volume else "graduated"
    return {"model": model, **_with_access(tiers, tariff, model), **_discount(tariff)}


def _with_access(
    tiers: Sequence[Mapping[str, str]], tariff: Mapping[str, Any], model: str
) -> dict[str, Any]:
    """Return tiers with the price of the connection: a fee that is due once, also without usage."""
    access = _access(tariff)
    if not Decimal(access):
        return {"tiers": tiers}
    # A volume is in one tier, whichever it is; graduated usage begins in the first.
    with_fee = len(tiers) if model == "volume" else 1
    return {
        "tiers": [{**tier, "fee": access} for tier in tiers[:with_fee]] + [*tiers[with_fee:]],
        "first_fee_without_usage": "yes",
    }


def _whole(step: Step) -> dict[str, str]:
    return {"whole": "yes"} if step.whole else {}


def _discount(tariff: Mapping[str, Any]) -> dict[str, str]:
    """Return what a share of the price comes to as percent off it."""
    if "percentage" not in tariff:
        return {}
    share = _number(tariff["percentage"])
    if share > 1:
        raise NotExpressible(
            "A markup on the price of another plan: a price here states its own amounts, and only "
            "what is taken off them."
        )
    return {"discount": _text(100 - share * 100)}


def _access(tariff: Mapping[str, Any]) -> str:
    """Return the price of the connection; the key is written in small letters."""
    return _amount(tariff.get("access") or 0)


# Allowance groups


class Kind(NamedTuple):
    """What an event is of: its tariff, and the type of its usage."""

    rate: str
    usaget: str | None


class Group(NamedTuple):
    """An allowance: of what, and when."""

    code: str
    stated: Mapping[str, Any]
    since: dt.date | None
    until: dt.date | None  # exclusive

    @property
    def money(self) -> bool:
        """Return whether it pays charges, and not units."""
        return self.stated.get("unit") == "cost"

    @property
    def size(self) -> Decimal:
        """Return what it holds; a pool has that much for each of its members."""
        value = self.stated["value"]
        if value == _UNLIMITED:
            return _MORE_THAN_ANYBODY_USES
        return _number(value) * self.stated.get("account_pool", 1)

    def pays(self, kind: Kind) -> bool:
        """Return whether it is for such usage."""
        of_rate = kind.rate in self.stated.get("rates", (kind.rate,))
        return of_rate and self.stated.get("usaget", kind.usaget) == kind.usaget

    def holds(self, day: dt.date) -> bool:
        """Return whether it is in force on a day."""
        return (self.since or day) <= day and (self.until is None or day < self.until)


def _include_groups(vector: Vector) -> dict[str, Any]:
    """Return of each event what the groups paid, what they did not, and its charge."""
    kinds = list(dict.fromkeys(_kind(event) for event in vector.usage))
    groups = _groups(vector.price["groups"])
    _check_windows(groups, vector.usage)
    tariffs = vector.price["tariffs"]
    engine = Engine(_catalogue(kinds, groups, tariffs))
    without = Engine(_catalogue(kinds, (), tariffs))
    rows, total = [], ZERO
    for event in vector.usage:
        rated = _rated(engine, kinds, event)
        row: dict[str, Any] = {"in_group": rated.free, "over_group": rated.used - rated.free}
        paying = [group for group in groups if group.pays(_kind(event))]
        if _in_money(vector, paying):
            gross = _rated(without, kinds, event).amount
            row = {"in_group": gross - rated.amount, "over_group": rated.amount}
        rows.append({**row, "aprice": rated.amount})
        total += rated.amount
    return {"rows": rows, "total": total}


def _kind(event: Mapping[str, Any]) -> Kind:
    return Kind(event["rate"], event.get("usaget"))


def _groups(stated: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Return the groups that hold something, in the order in which they are drained."""
    groups = [
        Group(f"g{place}", group, _day(group.get("valid_from")), _day(group.get("valid_to")))
        for place, group in enumerate(stated)
    ]
    return [group for group in groups if group.size > ZERO]


def _in_money(vector: Vector, paying: Sequence[Group]) -> bool:
    """Return whether what groups paid is stated in money."""
    if vector.flags.get("report_unit") == "cost":
        return True
    if not any(group.money for group in paying):
        return False
    if all(group.money for group in paying) and "report_unit" not in vector.flags:
        return True
    raise NotExpressible(
        "Units that an allowance in money paid for: it pays the charge of a record, and no part of "
        "its units."
    )


def _rated(engine: Engine, kinds: Sequence[Kind], event: Mapping[str, Any]) -> RatedUsage:
    rated = engine.rate(
        engine.event(
            f"x{kinds.index(_kind(event))}",
            at=_at(event).isoformat(),
            subscription=f"s-{event['sid']}",
            unit=_units(event["usagev"]),
        )
    )
    assert isinstance(rated, RatedUsage), rated
    return rated


def _catalogue(
    kinds: Sequence[Kind], groups: Sequence[Group], tariffs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a catalogue with a product for each kind of usage."""
    plan: dict[str, Any] = {
        "currency": "EUR",
        "prices": {
            f"x{place}": {
                "product": f"x{place}",
                **_versions(
                    _price_of_record(tariffs[kind.rate]),
                    [group for group in groups if group.pays(kind)],
                ),
            }
            for place, kind in enumerate(kinds)
        },
    }
    if groups:
        plan["allowances"] = {group.code: _allowance(group) for group in groups}
    return {
        "products": {f"x{place}": _PRODUCT for place in range(len(kinds))},
        "plans": {"p": plan},
    }


def _allowance(group: Group) -> dict[str, str]:
    shared = group.stated.get("account_shared") or "account_pool" in group.stated
    size = _text(group.size)
    return {
        **({"amount": size} if group.money else {"units": f"{size} unit"}),
        "shared_by": "account" if shared else "subscription",
    }


def _versions(price: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Return the price with the allowances that are in force on each day."""
    days = {day for group in groups for day in (group.since, group.until) if day is not None}
    if not days:
        return {"price": _with_allowances(price, groups)}
    return {
        "versions": [
            {
                "valid_from": str(day),
                "price": _with_allowances(price, [group for group in groups if group.holds(day)]),
            }
            for day in sorted({_ALWAYS, *days})
        ]
    }


def _with_allowances(price: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Return the price with allowances in their order; of one name there is one."""
    by_name: dict[str, Group] = {}
    for group in groups:
        by_name.setdefault(group.stated["name"], group)
    in_order = list(by_name.values())
    if [group.money for group in in_order] != sorted(group.money for group in in_order):
        raise NotExpressible(
            "An allowance in money that is taken before one in units: units are taken before the "
            "price is known, money after it."
        )
    return {**price, **({"allowance": [group.code for group in in_order]} if in_order else {})}


def _check_windows(groups: Sequence[Group], usage: Sequence[Mapping[str, Any]]) -> None:
    """Raise where a group with a window of its own is used in more months than one."""
    for group in groups:
        if group.since is None or group.until is None:
            continue
        days = [_at(event).date() for event in usage if group.pays(_kind(event))]
        if len({(day.year, day.month) for day in days if group.holds(day)}) > 1:
            raise NotExpressible(
                "An allowance that is given once for a window over the end of a month: allowances "
                "begin anew with each calendar month, or day."
            )


def _price_of_record(tariff: Mapping[str, Any]) -> dict[str, Any]:
    """Return the price of a record, whatever else its month holds."""
    steps = _steps(tariff)
    around = {"connect_fee": _access(tariff), **_discount(tariff)}
    if [(step.whole, step.width) for step in steps] == [(False, None)]:
        (step,) = steps
        return {"model": "per_unit", "per": step.interval, "amount": step.amount, **around}
    if not all(step.whole for step in steps):
        raise NotExpressible(
            "Steps within a record that are charged by exact units: rates within a record are "
            "charged by started increments; tiers by exact units are of the month."
        )
    if tariff.get("pricing_method") == "volume" and len(steps) > 1:
        raise NotExpressible(
            "All units of a record at the price of the step that the record reaches, above an "
            "allowance: such a price is here one of the month."
        )
    return {"model": "call", "above_allowance": "from_start", "rates": _rates(steps), **around}


def _rates(steps: Sequence[Step]) -> list[dict[str, str]]:
    """Return steps as rates that hold from some unit of the record on."""
    rates: list[dict[str, str]] = []
    begins = ZERO
    for step in steps:
        since = {"from": _text(begins)} if rates else {}
        rates.append(
            {**since, "amount": step.amount, "per": step.interval, "increment": step.interval}
        )
        if step.width is None:
            return rates
        if step is not steps[-1] and step.width % Decimal(step.interval):
            raise NotExpressible(
                "Steps within a record that end inside an increment: a started increment is "
                "charged once, its rest is not charged again by the step that follows."
            )
        begins += step.width
    # What is used past the last step is not charged.
    return [*rates, {"from": _text(begins), "amount": "0", "per": "1", "increment": "1"}]


# Values


def _number(value: Any) -> Decimal:
    return Decimal(str(value))


def _text(value: Decimal) -> str:
    """Return a decimal as the catalogue writes it."""
    return format(value, "f")


def _amount(value: Any) -> str:
    amount = _number(value)
    if amount < ZERO:
        raise NotExpressible("A price below zero: what is given back is a credit, and no usage.")
    return _text(amount)


def _units(volume: Any) -> Decimal:
    """Return a volume; below zero it is a refund."""
    return _number(volume)


def _at(event: Mapping[str, Any]) -> dt.datetime:
    """Return when an event was, by the account's wall clock: its time without the offset."""
    return dt.datetime.fromisoformat(event.get("urt", NOON)).replace(tzinfo=None)


def _day(text: str | None) -> dt.date | None:
    """Return the day on which something begins or ends."""
    if text is None:
        return None
    at = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    if at.time() != dt.time():
        raise NotExpressible(
            "An allowance that begins or ends within a day: prices and what belongs to them are in "
            "force from local midnight to local midnight."
        )
    return at.date()


MODELS: Adapter = {
    "access_price": _access_price,
    "tiered": _tiered,
    "multi_rate": _multi_rate,
    "include_groups": _include_groups,
}
