"""Corrections on the services of an installation: read, worked out, sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pipeline.cli.session import connect
from pipeline.cli.versions import published_accounts, published_catalogue, published_catalogues
from pipeline.correcting.events import read_events
from pipeline.correcting.history import History
from pipeline.correcting.versions import steps_under
from pipeline.correcting.work_out import Asked, WorkedOut, work_out
from pipeline.embedded import Endpoints
from pipeline.errors import CannotCorrect
from pipeline.settings import Settings
from pipeline.topics import topics_of
from rating.catalogue import Catalogue, compile
from schemas.period import month_of
from schemas.raw import CorrectMonthCommand
from schemas.reference import ReferenceData
from sinks.charge_history import Under, read_month, read_month_end
from sinks.connection import Pool, open_pool
from sinks.outbox import queue_corrections


class Corrections:
    """What is read once for all corrections of a command."""

    def __init__(
        self, settings: Settings, endpoints: Endpoints, pool: Pool, reference: ReferenceData
    ) -> None:
        self._settings = settings
        self._bootstrap = endpoints.kafka_bootstrap
        self._reference = reference
        self._catalogues: dict[int, Catalogue] = {}
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
        self, account_id: str, month_start_ms: int, charge_ids: frozenset[str], reason: str
    ) -> WorkedOut:
        """Return what takes charges of a month back; `CannotCorrect` where one was before."""
        history = await self._history(account_id, month_start_ms)
        again = charge_ids & history.reversed_ids()
        if again:
            raise CannotCorrect(f"Charge {min(again)} was taken back before; nothing was changed.")
        found = await self._worked_out(history, Asked(reverse=charge_ids, reason=reason))
        assert found is not None, "a charge that is taken back is a change"
        return found

    async def rerating(
        self,
        account_id: str,
        month_starts_ms: list[int],
        reason: str,
        *,
        only: frozenset[str] = frozenset(),
        is_summed: bool = False,
    ) -> WorkedOut | None:
        """Return what rates a month anew, or of it these charges only; None where it comes to the same."""
        if len(month_starts_ms) > 1:
            raise CannotCorrect(
                f"{account_id}: the account was moved to another zone within the month, which then has two "
                "beginnings. Operator action: take its charges back, or credit the customer by hand."
            )
        (month_start_ms,) = month_starts_ms
        catalogue = await published_catalogue(self._settings, bootstrap=self._bootstrap)
        if catalogue is None:
            raise CannotCorrect("No catalogue is published that this build can read.")
        newest = Under(catalogue.version, self._reference.version)
        history = await self._history(account_id, month_start_ms)
        gone = only & history.reversed_ids()
        if gone:
            raise CannotCorrect(f"Charge {min(gone)} was taken back before; nothing was changed.")
        asked = Asked(rerate=newest, only=only, is_summed=is_summed, reason=reason)
        return await self._worked_out(history, asked)

    async def send(self, corrections: Sequence[WorkedOut]) -> int:
        """Queue corrections, all of them or none; return how many are new."""
        return await queue_corrections(
            self.pool,
            [
                CorrectMonthCommand(each.tenant, each.account_id, each.correction)
                for each in corrections
            ],
        )

    async def _history(self, account_id: str, month_start_ms: int) -> History:
        account = self._reference.accounts.get(account_id)
        if account is None:
            raise CannotCorrect(f"Account {account_id} is not in the reference data any more.")
        start_ms, end_ms = month_of(month_start_ms, zone=account.zone)
        if start_ms != month_start_ms:
            raise CannotCorrect(
                f"Account {account_id} was charged by another zone than {account.zone} then; a month is "
                "corrected in the zone that it was counted in."
            )
        return History(
            account_id=account_id,
            month_start_ms=start_ms,
            month_end_ms=end_ms,
            rows=tuple(await read_month(self.pool, account_id, month_start_ms=start_ms)),
            close=await read_month_end(self.pool, account_id, month_end_ms=end_ms),
        )

    async def _worked_out(self, history: History, asked: Asked) -> WorkedOut | None:
        versions = history.versions([asked.rerate] if asked.rerate else [])
        await self._read_catalogues({each.catalogue for each in versions})
        values = await read_events(
            [(row.source_partition, row.source_offset) for row in history.events()],
            topic=topics_of(self._settings).normalised.name,
            bootstrap=self._bootstrap,
        )
        steps = await steps_under(self.pool, history.account_id, versions, self._catalogues)
        return work_out(history, values, steps, asked)

    async def _read_catalogues(self, versions: set[int]) -> None:
        unread = versions - self._catalogues.keys()
        if unread:
            found = await published_catalogues(
                self._settings, bootstrap=self._bootstrap, versions=unread
            )
            self._catalogues |= {
                version: compile(document, version) for version, document in found.items()
            }
