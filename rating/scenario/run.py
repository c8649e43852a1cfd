"""Runs a scenario through the real engine: each outcome and each total must be as written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from rating.catalogue import Catalogue
from rating.explain import sentences
from rating.explain_others import shown_ratings
from rating.explain_wording import amount_text
from rating.margins import margins
from rating.rate import Filtered
from rating.scenario.statements import (
    CloseLine,
    Expected,
    Scenario,
    StatedAmount,
    StatedUnits,
    Statement,
    TotalLine,
    UsageLine,
)
from rating.trial import Trial, measured, usage_event
from rating.units import RECORD, convert, convertible, readable
from schemas.decimals import EXACT, ZERO
from schemas.ledger import WITHOUT_USAGE, Charge
from schemas.money import round_amount
from schemas.refusal import Refused
from schemas.usage import UsageEvent

_ONE = Decimal(1)


class Mismatch(NamedTuple):
    """What a line says, and what came instead."""

    expected: str
    found: str


class Failure(NamedTuple):
    """A line that did not come out as written."""

    file: str
    line: int
    scenario: str
    text: str
    mismatches: tuple[Mismatch, ...]
    explanation: tuple[str, ...]  # of what came, in sentences

    def __str__(self) -> str:
        """Return one line, as a compiler would print it."""
        wrong = "; ".join(f"expected {one.expected}, found {one.found}" for one in self.mismatches)
        return f"{self.file}:{self.line}: {wrong}"


class ScenarioResult(NamedTuple):
    """What became of a scenario."""

    scenario: Scenario
    failures: tuple[Failure, ...]  # none: all is as written


_MOST_EXPLAINED = 5  # different outcomes of one line
_Came = tuple[Charge, ...] | Filtered | Refused


def run_scenario(
    scenario: Scenario, catalogue: Catalogue, *, units: Mapping[str, str]
) -> ScenarioResult:
    """Return what of a scenario is not as written. ``units``: by product, those of the catalogue."""
    running = _Running(scenario, catalogue, units)
    failures = [failure for each in scenario.statements if (failure := running.play(each))]
    return ScenarioResult(scenario, tuple(failures))


class _Running:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, catalogue: Catalogue, units: Mapping[str, str]) -> None:
        self._scenario, self._account = scenario, scenario.account
        self._units = units
        self._trial = Trial(catalogue)
        self._charges: list[tuple[int, Charge]] = []  # each with the line that it is of
        self._events = 0

    def play(self, statement: Statement) -> Failure | None:
        if isinstance(statement, TotalLine):
            return self._total(statement)
        if isinstance(statement, CloseLine):
            return self._close(statement)
        return self._usage(statement)

    def _failure(
        self, statement: Statement, wrong: Sequence[Mismatch], explanation: Sequence[str]
    ) -> Failure | None:
        if not wrong:
            return None
        scenario = self._scenario
        return Failure(
            *(scenario.file, statement.line, scenario.title, statement.text),
            *(tuple(wrong), tuple(explanation)),
        )

    def _total(self, stated: TotalLine) -> Failure | None:
        of_whom = stated.subscription_id
        charges = [
            (line, charge)
            for line, charge in self._charges
            if of_whom in (None, charge.subscription_id)
        ]
        came = _sum(charge for _, charge in charges)
        wrong = _amounts("total", stated.total, came, self._account.currency)
        lines = [
            f"Line {line}: {amount_text(Decimal(charge.amount), charge.currency)}."
            for line, charge in charges
        ]
        return self._failure(stated, wrong, lines)

    def _close(self, stated: CloseLine) -> Failure | None:
        account = self._account
        charges = self._trial.close(
            account.account_id,
            stated.at_ms,
            members=account.members,
            currency=account.currency,
            zone=account.zone,
            attributes=account.attributes,
        )
        self._charges += [(stated.line, charge) for charge in charges]
        wrong = _amounts("charge", stated.charge, _sum(charges), account.currency)
        return self._failure(stated, wrong, _said(charges))

    def _usage(self, stated: UsageLine) -> Failure | None:
        usage = stated.usage
        unit = self._units.get(usage.product)
        if unit == RECORD and usage.used != (StatedUnits(_ONE, RECORD),):
            expected = "'1 record', for each event counts as one; '3 x 1 record' is three events"
            return self._failure(stated, [Mismatch(expected, _as_written(usage.used))], ())
        quantities = measured(usage.used, unit=unit)
        if quantities is None:
            expected = f"one quantity that {unit} measures"
            return self._failure(stated, [Mismatch(expected, _as_written(usage.used))], ())
        plan = self._account.plan_of(usage.subscription_id)
        holder = self._account.holder_of(usage.subscription_id)
        came: list[_Came] = []
        for _ in range(usage.times):
            came.append(
                self._trial.rate(
                    self._event(stated, quantities),
                    plan=plan,
                    currency=self._account.currency,
                    holder=holder,
                    members=self._account.members,
                )
            )
        charges = [charge for one in came if isinstance(one, tuple) for charge in one]
        self._charges += [(stated.line, charge) for charge in charges]
        wrong = _mismatches(stated.expected, came, charges)
        return self._failure(stated, wrong, _why_each(came))

    def _event(self, stated: UsageLine, quantities: Mapping[str, Decimal]) -> UsageEvent:
        self._events += 1
        usage = stated.usage
        return usage_event(
            product=usage.product,
            usage_kind="usage",
            started_at_ms=stated.started_at_ms,
            ended_at_ms=stated.ended_at_ms,
            zone=self._account.zone,
            quantities=quantities,
            account_id=self._account.account_id,
            subscription_id=usage.subscription_id,
            source="scenario",
            record_id=str(self._events),
            origin=usage.origin,
            destination=usage.destination,
            service_class=usage.service_class,
            attributes=usage.attributes,
        )


def _mismatches(
    stated: Expected, came: Sequence[_Came], charges: Sequence[Charge]
) -> list[Mismatch]:
    """Return what is not as a line says; what it does not say is not looked at, but for a change of
    earlier charges, which must be said."""
    outcomes = list(dict.fromkeys(_outcome(one) for one in came))
    wanted = _wanted(stated)
    used = [charge for charge in charges if charge.usage_kind not in WITHOUT_USAGE]
    if outcomes != [wanted]:
        found = [one if one != _CHARGED else _charged(used) for one in outcomes]
        shown = wanted if stated.charge is None else f"charge {_stated(stated.charge)}"
        return [Mismatch(shown, " and ".join(found))]
    if stated.charge is None:
        return []
    currency = used[0].currency
    wrong = _amounts("charge", stated.charge, _sum(used), currency)
    wrong += _quantities("free", stated.free, [charge.free for charge in used], used[0].unit)
    wrong += _quantities("billed", stated.billed, [charge.billed for charge in used], used[0].unit)
    prices = " and ".join(dict.fromkeys(charge.price_id for charge in used))
    if stated.price is not None and prices != stated.price:
        wrong.append(Mismatch(f"price {stated.price}", f"price {prices}"))
    wrong += _others(stated, used)
    earlier = [charge for charge in charges if charge.usage_kind in WITHOUT_USAGE]
    if stated.earlier is not None:
        wrong += _amounts("earlier charges", stated.earlier, _sum(earlier), currency)
    elif earlier:
        found_amount = amount_text(_sum(earlier), currency)
        wrong.append(Mismatch("no change of earlier charges", f"earlier charges {found_amount}"))
    return wrong


def _others(stated: Expected, used: Sequence[Charge]) -> list[Mismatch]:
    """Return what of other ratings, and of the margins over them, is not as a line says."""
    found = [
        margin
        for charge in used
        for margin in margins(Decimal(charge.amount), charge.other_ratings or ())
    ]
    wrong = []
    for what, amounts in (("rated as", stated.ratings), ("margin over", stated.margins)):
        for name, amount in amounts.items():
            of_name = [one for one in found if one.rating == name]
            said = f"{what} {name}"
            if len(of_name) < len(used):
                wrong.append(Mismatch(f"{said} {_stated(amount)}", f"no rating {name}"))
                continue
            each = [one.amount if what == "rated as" else one.left for one in of_name]
            came = reduce(EXACT.add, each, ZERO)
            wrong += _amounts(said, amount, came, used[0].currency)
    return wrong


_CHARGED = "charge"


def _wanted(stated: Expected) -> str:
    if stated.refused is not None:
        return f"refused: {stated.refused}"
    return _CHARGED if stated.filtered is None else stated.filtered


def _outcome(came: _Came) -> str:
    if isinstance(came, Refused):
        return f"refused: {came.reason}"
    return "filtered" if isinstance(came, Filtered) else _CHARGED


def _charged(used: Sequence[Charge]) -> str:
    return f"charge {amount_text(_sum(used), used[0].currency)}"


def _stated(amount: StatedAmount) -> str:
    return f"{amount.amount:f} {amount.currency}"


def _amounts(what: str, stated: StatedAmount, came: Decimal, currency: str) -> list[Mismatch]:
    same = stated.amount == round_amount(came, decimal_places=stated.places)
    if same and stated.currency == currency:
        return []
    found = amount_text(came, currency)
    return [Mismatch(f"{what} {_stated(stated)}", f"{what} {found}")]


def _quantities(
    name: str, stated: StatedUnits | None, texts: Sequence[str], unit: str
) -> list[Mismatch]:
    if stated is None:
        return []
    came = reduce(EXACT.add, map(Decimal, texts), ZERO)
    fits = convertible(stated.unit, to=unit)
    if fits and convert(stated.quantity, stated.unit, to=unit) == came:
        return []
    return [Mismatch(f"{_as_written((stated,))} {name}", f"{readable(came, unit)} {name}")]


def _as_written(units: Sequence[StatedUnits]) -> str:
    return " and ".join(f"{one.quantity:f} {one.unit}" for one in units)


def _sum(charges: Iterable[Charge]) -> Decimal:
    return reduce(EXACT.add, (Decimal(charge.amount) for charge in charges), ZERO)


def _why_each(came: Sequence[_Came]) -> Sequence[str]:
    """Return why the events came out as they did: each different outcome once, by the last event that
    had it, and behind how many had it where there are several."""
    counts = Counter(map(_came_to, came))
    last = {_came_to(one): one for one in came}
    if len(counts) == 1:
        return _why(came[-1])
    said: list[str] = []
    for outcome in list(counts)[:_MOST_EXPLAINED]:
        first, *others = _why(last[outcome])
        said += (f"{counts[outcome]:,} of {len(came):,} events: {first}", *others)
    rest = [counts[outcome] for outcome in list(counts)[_MOST_EXPLAINED:]]
    return (
        [*said, f"{sum(rest):,} of {len(came):,} events came out in other ways."] if rest else said
    )


def _came_to(came: _Came) -> tuple[str, ...]:
    """Return what tells one outcome from another: what is charged, or why nothing is."""
    if not isinstance(came, tuple):
        return (_outcome(came), came.detail)
    return tuple(text for charge in came for text in (charge.price_id, charge.amount))


def _why(came: _Came) -> Sequence[str]:
    return _said(came) if isinstance(came, tuple) else (came.detail,)


def _said(charges: Sequence[Charge]) -> list[str]:
    said = []
    for charge in charges:
        said += sentences(charge)
        for rating in shown_ratings(charge):
            said += rating.sentences
    return said
