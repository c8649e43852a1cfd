"""Rows of the table whose faults hit a transaction: its commit, its answer, its appends."""

from __future__ import annotations

from tests.chaos.faults.commit import answer_lost, kill_in_commit
from tests.chaos.faults.dead_normaliser import dead_normaliser
from tests.chaos.faults.refused import append_too_large, authorisation_lost
from tests.chaos.faults.restore import slow_restore
from tests.chaos.feed import raw_records
from tests.chaos.run import Run
from tests.chaos.scenarios.proxied import proxied

_POLL_INTERVAL_S = 3
# With it a broker asks an authorizer; while there is no rule about a thing, everybody may do all.
AUTHORISED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:nobody",
}


async def killed_in_commit(run: Run) -> None:
    """Kill inside a commit, state folder wiped, another worker takes over; an idle partition."""
    async with proxied(run, frames=True, raw_partitions=8) as there:
        play = there.play
        faults = [
            kill_in_commit(
                there.broker,
                ("rate", "normalise")[place % 2],
                ("before", "after")[place // 2 % 2],
                wipe=True,
            )
            for place in range(run.faults)
        ]
        fed = raw_records(play.generated.folder)
        busy = {play.feed.partition_of(each) for each in fed}
        idle = play.settings.raw_partitions - len(busy)
        assert idle, "every partition has traffic; one must have none"
        run.hits.facts["partitions without traffic among busy ones"] = idle
        await there.hurt(faults, fed)


async def refused(run: Run) -> None:
    """An append refused inside a transaction; a response lost after the commit."""
    async with proxied(run, frames=True, kafka_settings=AUTHORISED) as there:
        kinds = (
            lambda: answer_lost(there.broker, "rate"),
            lambda: append_too_large("rate", seconds=2),
            lambda: authorisation_lost("rate", seconds=2),
            lambda: answer_lost(there.broker, "normalise"),
            lambda: append_too_large("normalise", seconds=2),
            lambda: authorisation_lost("normalise", seconds=2),
        )
        await there.hurt(there.by_turns(kinds))


async def dead_normalisers(run: Run) -> None:
    """A dead normaliser's open transaction; a restore longer than the poll interval."""
    poll_interval_ms = _POLL_INTERVAL_S * 1_000
    async with proxied(run, frames=True, max_poll_interval_ms=poll_interval_ms) as there:
        broker = there.broker
        kinds = (
            lambda: dead_normaliser(broker, started_again=False),
            lambda: dead_normaliser(broker, started_again=True),
            lambda: slow_restore(broker, "normalise-2", longer_than_s=1.5 * _POLL_INTERVAL_S),
        )
        await there.hurt(there.by_turns(kinds))
