"""The relay: what was decided in Postgres, onto the raw topic: commands, and usage that comes back."""

from __future__ import annotations

from pipeline.publish import raw_publisher
from pipeline.settings import Settings
from schemas import raw
from sinks.connection import Pool
from sinks.outbox import QueuedCommand, mark_published, unpublished
from sources.records import RawRecord

_SOURCE = "ratemill"


async def relay_commands(settings: Settings, *, bootstrap: str, pool: Pool) -> int:
    """Publish what waits in the outbox and return how many commands that was.

    A command is marked once it is durable on the broker. A crash in between publishes it again,
    under the same id, which normalise recognises: it takes effect once.
    """
    waiting = await unpublished(pool)
    if not waiting:
        return 0
    durable: list[QueuedCommand] = []
    commands = iter(waiting)
    async with raw_publisher(settings, bootstrap=bootstrap) as publisher:
        await publisher.publish(
            [_record(command) for command in waiting],
            on_durable=lambda record: durable.append(next(commands)),
        )
    await mark_published(pool, durable)
    return len(durable)


def _record(command: QueuedCommand) -> RawRecord:
    headers = command.headers or (
        (raw.TENANT, command.tenant.encode()),
        (raw.SOURCE, _SOURCE.encode()),
        (raw.STREAM, command.stream.encode()),
        (raw.FORMAT, b"command"),
        (raw.RECORD, raw.RECORD_COMMAND),
        (raw.COMMAND_ID, command.command_id.encode()),
    )
    return RawRecord(
        key=command.stream.encode(),
        value=command.payload,
        headers=headers,
        items=1,
    )
