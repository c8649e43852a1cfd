"""What a run must come to, worked out by one process that shares no code with the product.

It reads the generator's truth about each record, and the catalogue's files by a reading of its own:
`docs/catalogue.md`, as far as the sample catalogue goes. Sums are fractions, rounded by its own
hand. Prices of the month and limits follow the order in which the usage is given.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

Ref = tuple[str, str]
"""A record: its source, and the id that the source gave it."""

_PLACES = 10
_SIZES = {
    "s": 1, "min": 60, "h": 3600,
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9,
    "Wh": 1, "kWh": 1000,
    "record": 1,
}  # fmt: skip
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Usage:
    """One record that normalise must hand on."""

    ref: Ref
    account: str
    subscription: str
    product: str
    at: dt.datetime  # aware
    quantities: dict[str, Fraction]
    destination: str | None


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
    bill_month: tuple[int, int]


@dataclass
class Outcome:
    """What the run comes to."""

    charged: dict[Ref, Charged] = field(default_factory=dict)
    filtered: set[Ref] = field(default_factory=set)
    refused: dict[Ref, str] = field(default_factory=dict)
    invoices: list[tuple[str, frozenset[Ref]]] = field(default_factory=list)  # account, charges
    counters: dict[tuple[str, str, tuple[int, int]], tuple[int, Fraction, Fraction]] = field(
        default_factory=dict
    )  # account, product, month: records, used, amount
    unbilled: dict[str, dict[str, tuple[int, Fraction]]] = field(default_factory=dict)


def read_truth(path: Path) -> tuple[list[Usage], list[tuple[Ref, str]], int]:
    """Return the usage, what is refused before it is usage, and the number of copies.

    Copies are found here: the first record with a source's id counts. What the generator calls
    too old is usage, as the run's horizon is longer than that.
    """
    usage: list[Usage] = []
    refused: list[tuple[Ref, str]] = []
    copies = 0
    seen: set[Ref] = set()
    with path.open() as lines:
        for line in lines:
            truth = json.loads(line)
            ref = truth["source"], truth["record_id"]
            reason = truth.get("reason")
            if reason not in (None, "mediation.older_than_dedup_horizon") and not reason.startswith(
                "rating."
            ):
                refused.append((ref, reason))
                if reason == "mediation.unknown_subscriber":
                    seen.add(ref)
                continue
            if ref in seen:
                copies += 1
                continue
            seen.add(ref)
            usage.append(
                Usage(
                    ref=ref,
                    account=truth["account_id"],
                    subscription=truth["subscription_id"],
                    product=truth["product"],
                    at=dt.datetime.fromtimestamp(truth["started_at_ms"] // 1000, dt.UTC)
                    + dt.timedelta(milliseconds=truth["started_at_ms"] % 1000),
                    quantities={u: Fraction(q) for u, q in truth["quantities"].items()},
                    destination=truth.get("destination"),
                )
            )
    return usage, refused, copies


class Oracle:
    """Prices, counts and limits over a catalogue folder and a file of accounts."""

    def __init__(self, catalogue: Path, accounts: Path) -> None:
        yaml = YAML(typ="rt", pure=True)
        document: dict[str, Any] = {}
        for path in sorted(catalogue.glob("*.yaml")):
            document |= yaml.load(path.read_text())
        self._products = document["products"]
        self._plans = document["plans"]
        self._limits = document["limits"]
        self._bands = document.get("bands", {})
        self._cards = {
            code: _Card(catalogue / card["file"], self._bands.get(card.get("bands")))
            for code, card in document["cards"].items()
        }
        self._accounts = {}
        for line in accounts.read_text().splitlines():
            account = json.loads(line)
            self._accounts[account["id"]] = account
        self._months: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
        self._open: dict[str, list[Charged]] = defaultdict(list)
        self.outcome = Outcome()

    def rate(self, usage: Usage) -> None:
        """Price, count and look at the limits, in the order of the calls."""
        account = self._accounts[usage.account]
        local = usage.at.astimezone(ZoneInfo(account["zone"]))
        product = self._products[usage.product]
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
            currency=self._plans[plan_code]["currency"],
            used=used,
            free=free,
            billed=billed,
            bill_month=(local.year, local.month),
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
            for code, price in self._plans[plan]["prices"].items()
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
                row = self._cards[terms["card"]].row(usage.destination or "", local)
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
            units = self._plans[plan]["allowances"][terms["allowance"]]["units"]
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
        return Fraction(str(terms["amounts"][_band(self._bands[terms["bands"]], local)]))

    def _count(self, charged: Charged, amount: Fraction) -> None:
        key = (charged.account, charged.product, charged.bill_month)
        counters = self.outcome.counters
        records, used, total = counters.get(key, (0, Fraction(0), Fraction(0)))
        counters[key] = records + 1, used + charged.used, total + amount

    def _look_at_limits(self, charged: Charged) -> None:
        waiting = self._open[charged.account]
        waiting.append(charged)
        scopes = []
        for limit in self._limits.values():
            if not self._in_scope(charged, limit["scope"]):
                continue
            counting = [each for each in waiting if self._in_scope(each, limit["scope"])]
            by_records = "records" in limit and len(counting) >= limit["records"]
            by_amount = (
                "amount" in limit
                and limit["currency"] == charged.currency
                and sum(Fraction(each.amount) for each in counting)
                >= Fraction(str(limit["amount"]))
            )
            if by_records or by_amount:
                scopes.append(limit.get("invoice_scope", "account"))
        if not scopes:
            return
        widest = _widest(scopes)
        taken = [each for each in waiting if self._in_scope(each, widest)]
        refs = frozenset(each.ref for each in taken)
        self._open[charged.account] = [each for each in waiting if each.ref not in refs]
        self.outcome.invoices.append((charged.account, refs))

    def _in_scope(self, charged: Charged, scope: str) -> bool:
        kind, _, code = scope.partition(":")
        if kind == "product":
            return charged.product == code
        if kind == "product_type":
            return bool(self._products[charged.product]["type"] == code)
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
