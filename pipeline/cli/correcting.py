"""Corrections on the services of an installation: read, worked out, sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from pipeline.cli.session import connect
from pipeline.cli.versions import published_accounts, published_catalogue, published_catalogues
from pipeline.correcting.events import read_events
from pipeline.correcting.history import History
from pipeline.correcting.together import HangsTogether, Together, reaches, take_of_earlier
from pipeline.correcting.versions import steps_under
from pipeline.correcting.work_out import Asked, WorkedOut, work_out
from pipeline.embedded import Endpoints
from pipeline.errors import CannotCorrect
from pipeline.settings import Settings
from pipeline.topics import topics_of
from rating.catalogue import Catalogue, compile
from rating.price.allowance import MOST_MONTHS
from schemas.period import from_ms, month_of
from schemas.raw import CorrectMonthCommand
from schemas.reference import ReferenceData
from sinks.account_ledger import (
    charged_later,
    counters_upto,
    months_in_ledger,
    newest_sequence,
)
from sinks.charge_history import Under, read_month, read_month_end
from sinks.connection import Pool, open_pool
from sinks.outbox import queue_corrections

_MONTHS_ROLLED_MS = (MOST_MONTHS * 31 + 1) * 86_400_000
"""After the end of a month, in which usage may take of what it left."""

_NOT_READ = -1  # a version that no catalogue has


class Corrections:
    """What is read once for all corrections of a command."""

    def __init__(
        self, settings: Settings, endpoints: Endpoints, pool: Pool, reference: ReferenceData
    ) -> None:
        self._settings = settings
        self._bootstrap = endpoints.kafka_bootstrap
        self._reference = reference
        self._catalogues: dict[int, Catalogue] = {}
        self._newest_version: int | None = None  # not asked for yet
        self.pool = pool

    @staticmethod
    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Corrections]:
        """Yield what corrects on an installation whose services answer."""
        endpoints = await connect(settings)
        reference = await published_accounts(settings, bootstrap=endpoints.kafka_bootstrap)
        async with open_pool(
            endpoints.postgres_dsn, installation=settings.installation, max_size=1
        ) as pool:
            yield Corrections(settings, endpoints, pool, reference)

    async def reversal(
        self, account_id: str, charge_ids: Mapping[int, frozenset[str]], reason: str
    ) -> list[WorkedOut]:
        """Return what takes charges of an account back, which are said by month: one for each, or one for
        all that hang together; `CannotCorrect` where one was taken back before."""
        found = await self._corrected(
            account_id,
            {start_ms: Asked(reverse=ids, reason=reason) for start_ms, ids in charge_ids.items()},
        )
        assert found, "a charge that is taken back is a change"
        return found

    async def rerating_charges(
        self, account_id: str, charge_ids: Mapping[int, frozenset[str]], reason: str
    ) -> list[WorkedOut]:
        """Return what rates these charges of an account anew, as `reversal` does."""
        newest = await self._newest()
        return await self._corrected(
            account_id,
            {
                start_ms: Asked(rerate=newest, only=ids, reason=reason)
                for start_ms, ids in charge_ids.items()
            },
        )

    async def rerating(
        self, account_id: str, month_starts_ms: list[int], reason: str, *, is_summed: bool = False
    ) -> WorkedOut | None:
        """Return what rates a month anew; None where it comes to the same."""
        if len(month_starts_ms) > 1:
            raise CannotCorrect(
                f"{account_id}: the account was moved to another zone within the month, which then has two "
                "beginnings. Operator action: take its charges back, or credit the customer by hand."
            )
        (month_start_ms,) = month_starts_ms
        asked = Asked(rerate=await self._newest(), is_summed=is_summed, reason=reason)
        found = await self._corrected(account_id, {month_start_ms: asked})
        return found[0] if found else None

    async def send(self, corrections: Sequence[WorkedOut]) -> int:
        """Queue corrections, all of them or none; return how many are new."""
        return await queue_corrections(
            self.pool,
            [
                CorrectMonthCommand(each.tenant, each.account_id, each.correction)
                for each in corrections
            ],
        )

    async def _newest(self) -> Under:
        version = await self._newest_catalogue()
        if version == _NOT_READ:
            raise CannotCorrect("No catalogue is published that this build can read.")
        return Under(version, self._reference.version)

    async def _newest_catalogue(self) -> int:
        """Return the newest version, as it was when the command first asked for it; `_NOT_READ` where
        there is none, or another build has to read it."""
        if self._newest_version is None:
            found = await published_catalogue(self._settings, bootstrap=self._bootstrap)
            self._newest_version = _NOT_READ if found is None else found.version
        return self._newest_version

    async def _corrected(self, account_id: str, asked: Mapping[int, Asked]) -> list[WorkedOut]:
        """Return what corrects months of an account, each for itself where none takes of another."""
        try:
            found = [
                await self._alone(account_id, start_ms, each) for start_ms, each in asked.items()
            ]
            return [each for each in found if each is not None]
        except HangsTogether:
            together = await self._together(account_id, asked)
        for each in together.months:
            if each.month_start_ms in asked:
                _refuse_gone(each, asked[each.month_start_ms])
        first_ms = min(asked)
        whole = msgspec.structs.replace(
            asked[first_ms],
            reverse=frozenset().union(*[each.reverse for each in asked.values()]),
            only=frozenset().union(*[each.only for each in asked.values()]),
        )
        (history,) = (each for each in together.months if each.month_start_ms == first_ms)
        one = await self._worked_out(history, whole, together)
        return [] if one is None else [one]

    async def _alone(self, account_id: str, month_start_ms: int, asked: Asked) -> WorkedOut | None:
        """Return what corrects a month; `HangsTogether` where it does not stand alone."""
        history = await self._history(account_id, month_start_ms)
        _refuse_gone(history, asked)
        later = await charged_later(
            self.pool,
            account_id,
            after_ms=month_start_ms,
            until_ms=history.month_end_ms + _MONTHS_ROLLED_MS,
        )
        # Usage of a later month may be on its way, by the newest catalogue. Where it finds nothing left, no
        # counter of this month tells of it.
        newest = await self._newest_catalogue()
        charged = {*later, *((newest, row.price_id) for row in history.rows)}
        await self._read_catalogues({version for version, _ in charged})
        if take_of_earlier(charged, self._catalogues):
            raise HangsTogether(f"{account_id}: later months look at what the month left.")
        return await self._worked_out(history, asked)

    async def _together(self, account_id: str, wanted: Collection[int]) -> Together:
        """Return the months that hang together with these."""
        # Before all else: what is charged while the rest is read makes the correction stale, not wrong.
        sequence = await newest_sequence(self.pool, account_id)
        ledger = await months_in_ledger(self.pool, account_id, upto=sequence)
        since, starts_ms = reaches(ledger, wanted)
        return Together(
            months=tuple(
                [
                    await self._history(account_id, start_ms, since=since, upto=sequence)
                    for start_ms in starts_ms
                ]
            ),
            before=await counters_upto(self.pool, account_id, before=since),
            by_now=await counters_upto(self.pool, account_id, before=sequence + 1),
            sequence=sequence,
        )

    async def _history(
        self, account_id: str, month_start_ms: int, *, since: int = 0, upto: int | None = None
    ) -> History:
        """Return a month of an account, from a place of its ledger on, and up to another one."""
        account = self._reference.accounts.get(account_id)
        if account is None:
            raise CannotCorrect(f"Account {account_id} is not in the reference data any more.")
        start_ms, end_ms = month_of(month_start_ms, zone=account.zone)
        if start_ms != month_start_ms:
            raise CannotCorrect(
                f"{account_id}: usage since {from_ms(month_start_ms):%Y-%m-%d %H:%M} UTC was charged by another "
                f"zone than {account.zone}; a month is corrected in the zone that it was counted in, and so are "
                "those that take of the same. Operator action: credit the customer by hand; nothing was "
                "corrected."
            )
        rows = await read_month(self.pool, account_id, month_start_ms=start_ms)
        close = await read_month_end(self.pool, account_id, month_end_ms=end_ms)
        if upto is not None:  # what was loaded since the other months were read is none of theirs
            rows = [row for row in rows if row.sequence <= upto]
            close = None if close is None or close.sequence > upto else close
        return History(
            account_id=account_id,
            month_start_ms=start_ms,
            month_end_ms=end_ms,
            rows=tuple(rows),
            close=close,
            since=since,
        )

    async def _worked_out(
        self, history: History, asked: Asked, together: Together | None = None
    ) -> WorkedOut | None:
        months = (history,) if together is None else together.months
        versions = {each for month in months for each in month.versions()}
        versions |= {asked.rerate} if asked.rerate else set()
        await self._read_catalogues({each.catalogue for each in versions})
        values = await read_events(
            [
                (row.source_partition, row.source_offset)
                for month in months
                for row in month.events()
            ],
            topic=topics_of(self._settings).normalised.name,
            bootstrap=self._bootstrap,
        )
        steps = await steps_under(self.pool, history.account_id, versions, self._catalogues)
        return work_out(history, values, steps, asked, together)

    async def _read_catalogues(self, versions: set[int]) -> None:
        unread = versions - self._catalogues.keys()
        if unread:
            found = await published_catalogues(
                self._settings, bootstrap=self._bootstrap, versions=unread
            )
            self._catalogues |= {
                version: compile(document, version) for version, document in found.items()
            }


def _refuse_gone(history: History, asked: Asked) -> None:
    """Raise `CannotCorrect` where a charge that is asked for was taken back before."""
    gone = (asked.reverse | asked.only) & history.reversed_ids()
    if gone:
        raise CannotCorrect(f"Charge {min(gone)} was taken back before; nothing was changed.")
