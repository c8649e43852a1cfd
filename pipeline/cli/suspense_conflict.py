"""The first copy of a record that came again with other content: where it is, and what it said."""

from __future__ import annotations

from pipeline.cli.places import stated_place
from pipeline.cli.provenance import provenance_of
from pipeline.embedded import Endpoints
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.refusal import RefusalReason
from sinks.connection import Pool
from sinks.first_copies import charge_of_first_copy, first_copy_in_suspense
from sinks.queries import find_charge
from sinks.suspended import SuspendedRecord, find_suspended


async def first_copy(
    record: SuspendedRecord, pool: Pool, settings: Settings, endpoints: Endpoints
) -> dict[str, str]:
    """Return place, line and charge of the first copy of a conflict, or the id under which it waits;
    empty where the record is no conflict, or nobody knows of the first one any more."""
    identity = record.waiting.identity
    if record.waiting.reason != RefusalReason.CONFLICT or identity is None:
        return {}
    charge_id = await charge_of_first_copy(pool, identity)
    found = None if charge_id is None else await find_charge(pool, charge_id)
    if found is not None:
        origin = await provenance_of(
            found.charge.raw,
            topic=topics_of(settings).raw.name,
            bootstrap=endpoints.kafka_bootstrap,
            mappings=load_mappings(settings),
        )
        said = {"charge": found.charge.charge_id, "account": found.charge.account_id}
        return (
            said
            if origin is None
            else {
                "place": f"{origin.file}:{origin.line}"
                if origin.file and origin.line
                else origin.file,
                "line": origin.text,
                **said,
            }
        )
    suspense_id = await first_copy_in_suspense(pool, identity)
    if suspense_id is None:
        return {}
    [first] = await find_suspended(pool, [suspense_id])
    place = stated_place(dict(first.waiting.raw_headers), first.waiting.item)
    return {"place": str(place), "suspense_id": suspense_id}
