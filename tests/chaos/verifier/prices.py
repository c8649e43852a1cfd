"""What usage must come to, worked out by one process that shares no code with the product.

It reads the catalogue's files by a reading of its own: `docs/catalogue.md`, as far as the sample
catalogue goes. Sums are fractions, rounded by its own hand. Prices of the month, limits and closes
follow the order in which the usage is given.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from tests.chaos.verifier.truth import Ref, Usage

Month = tuple[int, int]

_PLACES = 10
_SIZES = {
    "s": 1, "min": 60, "h": 3600,
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9,
    "Wh": 1, "kWh": 1000,
    "record": 1,
    "records": 1,
}  # fmt: skip
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Charged:
    """One charge, as the ledger and the table must have it."""

    ref: Ref
    account: str
    subscription: str
    product: str
    amount: str
    currency: str
    used: Fraction
    free: Fraction
    billed: Fraction
    usage_month: Month
    bill_month: Month


@dataclass
class Outcome:
    """What the run comes to."""

    charged: dict[Ref, Charged] = field(default_factory=dict)
    filtered: set[Ref] = field(default_factory=set)
    refused: dict[Ref, str] = field(default_factory=dict)
    invoices: list[tuple[str, frozenset[Ref]]] = field(default_factory=list)  # account, charges
    counters: dict[tuple[str, str, Month], tuple[int, Fraction, Fraction]] = field(
        default_factory=dict
    )  # account, product, month of use: records, used, amount
    closes: list[tuple[str, Month]] = field(default_factory=list)  # account, first open month
    unbilled: dict[str, dict[str, tuple[int, Fraction]]] = field(default_factory=dict)


class _Catalogue:
    """One version of a catalogue."""

    def __init__(self, folder: Path) -> None:
        yaml = YAML(typ="rt", pure=True)
        document: dict[str, Any] = {}
        for path in sorted(folder.glob("*.yaml")):
            document |= yaml.load(path.read_text())
        self.products = document["products"]
        self.plans = document["plans"]
        self.limits = document.get("limits", {})
        self.bands = document.get("bands", {})
        self.cards = {
            code: _Card(folder / card["file"], self.bands.get(card.get("bands")))
            for code, card in document.get("cards", {}).items()
        }


class Oracle:
    """Prices, counts and limits over versions of a catalogue and a file of accounts."""

    def __init__(self, catalogues: Mapping[int, Path], accounts: Path) -> None:
        """Build it; ``catalogues`` are folders by the number of their version."""
        self._versions = {number: _Catalogue(folder) for number, folder in catalogues.items()}
        self._catalogue = next(iter(self._versions.values()))
        self._accounts = {}
        for line in accounts.read_text().splitlines():
            account = json.loads(line)
            self._accounts[account["id"]] = account
        self._months: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
        self._open: dict[str, list[Charged]] = defaultdict(list)
        self._sums: dict[str, dict[str, tuple[int, Fraction]]] = defaultdict(dict)  # by scope
        self._first_open: dict[str, Month] = {}
        self.outcome = Outcome()

    def close(self, account: str, *, end: dt.datetime) -> None:
        """Close the months of an account that end by then; they go to the bill run."""
        local = end.astimezone(ZoneInfo(self._accounts[account]["zone"]))
        assert (local.day, local.hour, local.minute) == (1, 0, 0), "periods are months"
        first_open = local.year, local.month
        if first_open <= self._first_open.get(account, (0, 0)):
            return
        self._first_open[account] = first_open
        self._keep(account, [each for each in self._open[account] if each.bill_month >= first_open])
        self.outcome.closes.append((account, first_open))

    def rate(self, usage: Usage, *, version: int) -> None:
        """Price, count and look at the limits, in the order of the calls."""
        self._catalogue = self._versions[version]
        account = self._accounts[usage.account]
        local = usage.at.astimezone(ZoneInfo(account["zone"]))
        product = self._catalogue.products[usage.product]
        unit = product["unit"]
        used = Fraction(1) if unit == "record" else usage.quantities[unit]
        plan_code = self._plan_of(account, usage)
        found = self._price(plan_code, usage, local)
        if isinstance(found, str):
            self.outcome.refused[usage.ref] = found
            return
        if used == 0:
            if product.get("zero_usage") == "filter":
                self.outcome.filtered.add(usage.ref)
                return
            amount, free, billed = Fraction(0), Fraction(0), Fraction(0)
        else:
            amount, free, billed = self._cost(found, plan_code, usage, local, used)
        charged = Charged(
            ref=usage.ref,
            account=usage.account,
            subscription=usage.subscription,
            product=usage.product,
            amount=_text(amount),
            currency=self._catalogue.plans[plan_code]["currency"],
            used=used,
            free=free,
            billed=billed,
            usage_month=(local.year, local.month),
            bill_month=max((local.year, local.month), self._first_open.get(usage.account, (0, 0))),
        )
        self.outcome.charged[usage.ref] = charged
        self._count(charged, amount)
        self._look_at_limits(charged)

    def end(self) -> Outcome:
        """Return the outcome, with what is left unbilled."""
        for account, charges in self._open.items():
            left: dict[str, tuple[int, Fraction]] = {}
            for each in charges:
                records, amount = left.get(each.product, (0, Fraction(0)))
                left[each.product] = records + 1, amount + Fraction(each.amount)
            if left:
                self.outcome.unbilled[account] = left
        return self.outcome

    def _plan_of(self, account: dict[str, Any], usage: Usage) -> str:
        for entry in account["subscriptions"]:
            if entry["id"] == usage.subscription:
                return str(entry["plan"])
        raise AssertionError(f"no subscription {usage.subscription}")

    def _price(self, plan: str, usage: Usage, local: dt.datetime) -> _Price | str:
        priced = [
            (code, price)
            for code, price in self._catalogue.plans[plan]["prices"].items()
            if price["product"] == usage.product
        ]
        if not priced:
            return "rating.unknown_product"
        for code, price in priced:
            prefixes = price.get("destinations")
            if prefixes and not any((usage.destination or "").startswith(str(p)) for p in prefixes):
                continue
            terms = self._terms(price, local.date())
            if terms is None:
                return "rating.no_tariff_in_force"
            row = None
            if terms["model"] == "rate_card":
                row = self._catalogue.cards[terms["card"]].row(usage.destination or "", local)
                if row is None:
                    return "rating.unknown_destination"
            return _Price(code, terms, row)
        return "rating.unknown_destination"

    def _terms(self, price: dict[str, Any], day: dt.date) -> dict[str, Any] | None:
        if "price" in price:
            return dict(price["price"])
        in_force = [v for v in price["versions"] if _date(v["valid_from"]) <= day]
        return dict(in_force[-1]["price"]) if in_force else None

    def _cost(
        self, price: _Price, plan: str, usage: Usage, local: dt.datetime, used: Fraction
    ) -> tuple[Fraction, Fraction, Fraction]:
        """Return the amount, the free units and the billed ones."""
        terms, row = price.terms, price.row
        month = (usage.account, usage.subscription, plan, str((local.year, local.month)))
        free = Fraction(0)
        if "allowance" in terms:
            taken = (*month, "allowance", terms["allowance"])
            units = self._catalogue.plans[plan]["allowances"][terms["allowance"]]["units"]
            free = min(used, max(Fraction(0), _units(units) - self._months[taken]))
            self._months[taken] += free
        billed = used - free
        if row is not None:
            billed = _in_increments(billed, row.first, row.following)
            fee = row.fee if billed else Fraction(0)
            return _rounded(billed * row.price / row.per + fee), free, billed
        if "increments" in terms:
            first, following = str(terms["increments"]).split("/")
            billed = _in_increments(billed, Fraction(first), Fraction(following))
        if terms["model"] == "flat":
            return _rounded(Fraction(str(terms["amount"])) if billed else Fraction(0)), free, billed
        counter = (*month, "tier", price.code)
        before = self._months[counter]
        if terms["model"] == "graduated":
            self._months[counter] += billed
            grown = _rounded(_graduated(terms, before + billed))
            return grown - _rounded(_graduated(terms, before)), free, billed
        assert terms["model"] == "per_unit"
        rate = self._amount_of(terms, local) / _units(terms["per"])
        if "allowance" in terms:
            self._months[counter] += billed
            return _rounded((before + billed) * rate) - _rounded(before * rate), free, billed
        return _rounded(billed * rate), free, billed

    def _amount_of(self, terms: dict[str, Any], local: dt.datetime) -> Fraction:
        if "bands" not in terms:
            return Fraction(str(terms["amount"]))
        return Fraction(str(terms["amounts"][_band(self._catalogue.bands[terms["bands"]], local)]))

    def _count(self, charged: Charged, amount: Fraction) -> None:
        key = (charged.account, charged.product, charged.usage_month)
        counters = self.outcome.counters
        records, used, total = counters.get(key, (0, Fraction(0), Fraction(0)))
        counters[key] = records + 1, used + charged.used, total + amount

    def _look_at_limits(self, charged: Charged) -> None:
        self._open[charged.account].append(charged)
        sums = self._sums[charged.account]
        limits = [
            limit
            for limit in self._catalogue.limits.values()
            if self._in_scope(charged, limit["scope"])
        ]
        for scope in {limit["scope"] for limit in limits}:
            records, amount = sums.get(scope, (0, Fraction(0)))
            sums[scope] = records + 1, amount + Fraction(charged.amount)
        scopes = []
        for limit in limits:
            records, amount = sums[limit["scope"]]
            by_records = "records" in limit and records >= limit["records"]
            by_amount = (
                "amount" in limit
                and limit["currency"] == charged.currency
                and amount >= Fraction(str(limit["amount"]))
            )
            if by_records or by_amount:
                scopes.append(limit.get("invoice_scope", "account"))
        if scopes:
            self._invoice(charged.account, _widest(scopes))

    def _invoice(self, account: str, scope: str) -> None:
        taken = [each for each in self._open[account] if self._in_scope(each, scope)]
        refs = frozenset(each.ref for each in taken)
        self._keep(account, [each for each in self._open[account] if each.ref not in refs])
        self.outcome.invoices.append((account, refs))

    def _keep(self, account: str, left: list[Charged]) -> None:
        """Leave only these unbilled, and sum them up anew."""
        self._open[account] = left
        self._sums[account] = {
            scope: (
                sum(self._in_scope(each, scope) for each in left),
                sum(
                    (Fraction(each.amount) for each in left if self._in_scope(each, scope)),
                    Fraction(0),
                ),
            )
            for scope in {limit["scope"] for limit in self._catalogue.limits.values()}
        }

    def _in_scope(self, charged: Charged, scope: str) -> bool:
        kind, _, code = scope.partition(":")
        if kind == "product":
            return charged.product == code
        if kind == "product_type":
            return bool(self._catalogue.products[charged.product]["type"] == code)
        return True


@dataclass(frozen=True)
class _Price:
    code: str
    terms: dict[str, Any]
    row: _Row | None


@dataclass(frozen=True)
class _Row:
    price: Fraction
    per: Fraction
    first: Fraction
    following: Fraction
    fee: Fraction
    band: str
    valid_from: dt.date
    valid_to: dt.date


class _Card:
    def __init__(self, path: Path, bands: dict[str, Any] | None) -> None:
        self._bands = bands
        self._rows: dict[str, list[_Row]] = defaultdict(list)
        with path.open(newline="", encoding="utf-8-sig") as lines:
            for each in csv.DictReader(lines):
                self._rows[each["prefix"]].append(
                    _Row(
                        price=Fraction(each["price"]),
                        per=Fraction(each["per_units"]),
                        first=Fraction(each["first_units"]),
                        following=Fraction(each["following_units"]),
                        fee=Fraction(each.get("connect_fee") or 0),
                        band=each.get("band") or "",
                        valid_from=_date(each.get("valid_from") or "0001-01-01"),
                        valid_to=_date(each.get("valid_to") or "9999-12-31"),
                    )
                )

    def row(self, number: str, local: dt.datetime) -> _Row | None:
        """Return the row of the longest prefix that has one on the day and in the band."""
        for length in range(len(number), 0, -1):
            for row in self._rows.get(number[:length], ()):
                if not row.valid_from <= local.date() < row.valid_to:
                    continue
                if not row.band or (self._bands and row.band == _band(self._bands, local)):
                    return row
        return None


def _band(bands: dict[str, Any], local: dt.datetime) -> str:
    otherwise = ""
    for name, hours in bands.items():
        if hours == "otherwise":
            otherwise = name
        elif any(_within(str(each), local) for each in hours):
            return str(name)
    return otherwise


def _within(hours: str, local: dt.datetime) -> bool:
    days, _, times = hours.partition(" ")
    first, _, last = days.partition("-")
    if not _DAYS.index(first) <= local.weekday() <= _DAYS.index(last or first):
        return False
    start, _, end = times.partition("-")
    now = f"{local:%H:%M}"
    return start <= now < end if start < end else now >= start or now < end


def _graduated(terms: dict[str, Any], units: Fraction) -> Fraction:
    cost, below = Fraction(0), Fraction(0)
    for tier in terms["tiers"]:
        upto = _units(tier["upto"]) if "upto" in tier else units
        inside = min(units, upto) - below
        if inside > 0:
            cost += inside * Fraction(str(tier["amount"])) / _units(terms["per"])
        below = upto
        if units <= upto:
            break
    return cost


def _in_increments(units: Fraction, first: Fraction, following: Fraction) -> Fraction:
    if units <= 0:
        return Fraction(0)
    if units <= first:
        return first
    return first + -(-(units - first) // following) * following


def _rounded(amount: Fraction) -> Fraction:
    """Round half up (away from zero) to ten places."""
    scaled = abs(amount) * 10**_PLACES
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if amount >= 0 else -whole, 10**_PLACES)


def _text(amount: Fraction) -> str:
    whole = amount * 10**_PLACES
    assert whole.denominator == 1
    digits = f"{abs(whole.numerator):0{_PLACES + 1}d}"
    sign = "-" if amount < 0 else ""
    return f"{sign}{digits[:-_PLACES]}.{digits[-_PLACES:]}"


def _units(text: Any) -> Fraction:
    number, _, unit = str(text).partition(" ")
    return Fraction(number) * _SIZES[unit]


def _date(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))


def _widest(scopes: Iterable[str]) -> str:
    order = {"product": 0, "product_type": 1, "account": 2}
    return max(scopes, key=lambda scope: order[scope.partition(":")[0]])
