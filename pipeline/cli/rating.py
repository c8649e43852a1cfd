"""Events rated one after the other, for `ratemill rate`: what became of each, and of all."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from rating.catalogue import CatalogueDocument, CatalogueError, compile
from rating.explain import sentences
from rating.explain_others import ShownRating, shown_ratings
from rating.rate import Filtered
from rating.trial import (
    NOT_PUBLISHED,
    Defaults,
    EventReader,
    Member,
    NotJson,
    Sums,
    Trial,
    TrialEvent,
    values_in,
)
from schemas.ledger import WITHOUT_USAGE, Charge
from schemas.period import from_ms, month_start_ms, zone_info
from schemas.refusal import Refused

CHARGED, FILTERED, REFUSED, UNREADABLE = "charged", "filtered", "refused", "unreadable"


class ShownError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with an event."""

    file: str
    line: int
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return one line, as a compiler would print it."""
        return str(CatalogueError(*msgspec.structs.astuple(self)))


class ShownCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge, and why it is what it is; decimals have all their digits."""

    kind: str  # "usage", "adjustment" of earlier charges, "closing" of a month
    price: str
    used: str
    billed: str
    free: str
    unit: str
    amount: str
    currency: str
    sentences: tuple[str, ...]
    other_ratings: tuple[ShownRating, ...] = ()  # such as what the usage costs


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event, or of what should have been one."""

    file: str
    line: int
    outcome: str
    account: str = ""
    subscription: str = ""
    plan: str = ""
    product: str = ""
    destination: str | None = None
    started_at: str = ""  # ISO 8601, UTC
    local_time: str = ""  # the same instant by the clock of the zone
    zone: str = ""
    charges: tuple[ShownCharge, ...] = ()
    reason: str | None = None  # of a refusal
    detail: str | None = None
    errors: tuple[ShownError, ...] = ()


class ShownClosing(msgspec.Struct, frozen=True, kw_only=True):
    """What the close of a month asks for under one price."""

    account: str
    subscription: str
    month: str
    charge: ShownCharge


class Rating:
    """One call of the command: events in, what became of them out, and the sums so far."""

    def __init__(self, document: CatalogueDocument, *, file: str, defaults: Defaults) -> None:
        catalogue = compile(document, NOT_PUBLISHED)
        products = {product.code: product for product in document.products}
        self._file = file
        self._trial = Trial(catalogue)
        self._reader = EventReader(file, catalogue, products, defaults)
        self._accounts: dict[str, _Account] = {}
        self.sums = Sums()
        self.counts: Counter[str] = Counter()

    def events(self, lines: Iterable[bytes]) -> Iterator[ShownEvent]:
        """Yield what became of each event of a file, in its order."""
        for value in values_in(lines):
            if isinstance(value, NotJson):
                error = CatalogueError(
                    self._file, value.line, "(event)", value.expected, value.found
                )
                shown = self._unreadable(value.line, (error,))
            else:
                read = self._reader.read(value.line, value.value)
                if isinstance(read, TrialEvent):
                    read = self._in_its_account(value.line, read)
                if isinstance(read, TrialEvent):
                    shown = self._rated(value.line, read)
                else:
                    shown = self._unreadable(value.line, read)
            self.counts[shown.outcome] += 1
            yield shown

    def close(self, year: int, month: int) -> list[ShownClosing]:
        """Return what prices still ask for at the close of a month, of all accounts that were met."""
        found = []
        for account_id, account in self._accounts.items():
            charges = self._trial.close(
                account_id,
                month_start_ms(account.zone, year, month),
                members=[
                    account.stated.get(each, Member(*each))._replace(attributes=attributes)
                    for each, attributes in account.subscriptions.items()
                ],
                currency=account.currency,
                zone=account.zone,
                attributes=account.attributes,
            )
            for charge in charges:
                self.sums.add(charge)
                local = from_ms(charge.usage_period_ms).astimezone(zone_info(account.zone))
                found.append(
                    ShownClosing(
                        account=account_id,
                        subscription=charge.subscription_id,
                        month=local.strftime("%Y-%m"),
                        charge=_shown(charge),
                    )
                )
        return found

    def _unreadable(self, line: int, errors: tuple[CatalogueError, ...]) -> ShownEvent:
        shown = tuple(ShownError(**error._asdict()) for error in errors)
        return ShownEvent(file=self._file, line=line, outcome=UNREADABLE, errors=shown)

    def _in_its_account(
        self, line: int, read: TrialEvent
    ) -> TrialEvent | tuple[CatalogueError, ...]:
        """Return the event, or what contradicts those of its account before it: months are counted by
        the zone, and unbilled usage is in one currency; a subscription begins once."""
        account = self._accounts.get(read.event.account_id)
        if account is None:
            return read
        said = (
            ("zone", account.zone, read.event.zone),
            ("currency", account.currency, read.currency),
        )
        wrong = tuple(
            CatalogueError(
                *(self._file, line, field),
                *(f"{was}, as of the account {read.event.account_id} before", now),
            )
            for field, was, now in said
            if was != now
        )
        name = read.event.subscription_id
        before = account.stated.get((name, read.plan))
        if before is not None and read.since_ms not in (None, before.from_ms):
            expected = f"the same as of the subscription {name} before"
            wrong += (
                CatalogueError(self._file, line, "subscription_since", expected, "another date"),
            )
        return wrong or read

    def _rated(self, line: int, read: TrialEvent) -> ShownEvent:
        event = read.event
        account = self._accounts.setdefault(event.account_id, _Account(event.zone, read.currency))
        if read.since_ms is not None:
            key = (event.subscription_id, read.plan)
            account.stated[key] = Member(*key, read.since_ms)
        came = self._trial.rate(
            event,
            plan=read.plan,
            currency=read.currency,
            holder=read.holder,
            members=account.stated.values(),
        )
        account.attributes = read.holder.account
        account.subscriptions[event.subscription_id, read.plan] = read.holder.subscription
        charges: tuple[Charge, ...] = ()
        outcome, reason, detail = CHARGED, None, None
        if isinstance(came, Refused):
            outcome, reason, detail = REFUSED, came.reason.value, came.detail
        elif isinstance(came, Filtered):
            outcome, detail = FILTERED, came.detail
        else:
            charges = came
        for charge in charges:
            self.sums.add(charge)
        at = from_ms(event.started_at_ms)
        return ShownEvent(
            file=self._file,
            line=line,
            outcome=outcome,
            account=event.account_id,
            subscription=event.subscription_id,
            plan=read.plan,
            product=event.product,
            destination=event.destination,
            started_at=_iso(at),
            local_time=_iso(at.astimezone(zone_info(event.zone))),
            zone=event.zone,
            charges=tuple(_shown(charge) for charge in charges),
            reason=reason,
            detail=detail,
        )


class _Account:
    """Whose usage was met: what a close must know."""

    def __init__(self, zone: str, currency: str) -> None:
        self.zone, self.currency = zone, currency
        self.attributes: Mapping[str, str] = {}  # as the newest event has them
        self.subscriptions: dict[tuple[str, str], Mapping[str, str]] = {}  # the same of each
        self.stated: dict[tuple[str, str], Member] = {}  # those that say since when they are there


def _shown(charge: Charge) -> ShownCharge:
    return ShownCharge(
        kind=charge.usage_kind if charge.usage_kind in WITHOUT_USAGE else "usage",
        price=charge.price_id,
        used=charge.used,
        billed=charge.billed,
        free=charge.free,
        unit=charge.unit,
        amount=charge.amount,
        currency=charge.currency,
        sentences=tuple(sentences(charge)),
        other_ratings=shown_ratings(charge),
    )


def _iso(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z") if at.tzinfo is dt.UTC else at.isoformat()
