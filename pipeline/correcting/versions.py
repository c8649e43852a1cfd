"""Steps of rate under versions of the past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.correcting.replay import StepOf
from pipeline.errors import CannotCorrect
from pipeline.rate_step import RateStep
from rating.catalogue import Catalogue
from schemas.reference import ReferenceData
from sinks.charge_history import Under
from sinks.connection import Pool
from sinks.versions import read_account


async def steps_under(
    pool: Pool, account_id: str, versions: Iterable[Under], catalogues: Mapping[int, Catalogue]
) -> StepOf:
    """Return what gives the step of rate under each of the versions, for one account."""
    return {
        each: RateStep(
            catalogue=_catalogue(catalogues, each.catalogue),
            reference=await _reference(pool, account_id, each.reference),
        )
        for each in set(versions)
    }.__getitem__


def _catalogue(catalogues: Mapping[int, Catalogue], version: int) -> Catalogue:
    found = catalogues.get(version)
    if found is None:
        raise CannotCorrect(
            f"Version {version} of the catalogue is not on its topic, or has a format that this build "
            "does not read. Operator action: use a build that does."
        )
    return found


async def _reference(pool: Pool, account_id: str, version: int) -> ReferenceData:
    account = await read_account(pool, account_id, version=version)
    if account is None:
        raise CannotCorrect(
            f"Account {account_id} is not in the database as version {version} of the reference data "
            "has it. Operator action: load the reference data again (`ratemill reference load`)."
        )
    reference = ReferenceData()
    reference.apply([account], version=version)
    return reference
