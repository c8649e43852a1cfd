"""What a command about suspense does to the records that it is asked for."""

from pipeline.cli import settling
from pipeline.cli.settling import Asked, Settling
from pipeline.recycling.preview import Tried
from pipeline.settings import Settings
from schemas.outcome import Settled
from sinks.suspended import SuspendedRecord, Wanted
from tests.mediation_world import MemoryStage, event_json
from tests.recycling_world import waiting_of


class RefusesAll:
    """A preview of records whose cause is not gone."""

    def tried(self, waiting, back, *, partition):
        return Tried(frozenset(), ("mediation.unknown_subscriber",), (), refused=True)


def row(waiting, recycles=None):
    rest = dict.fromkeys(SuspendedRecord._fields)
    return SuspendedRecord(**rest | {"waiting": waiting, "recycles": recycles})


async def test_what_is_refused_again_while_a_command_runs_is_not_sent_by_it_again(monkeypatch):
    """Else `--anyway` would follow its own records for ever, one try after the other."""
    stage = MemoryStage()
    stage.send(event_json(subject="dev-9"))
    first = waiting_of(stage.suspense()[0])
    sent = []

    async def undecided(pool, wanted):
        yield [row(first)]
        while len(sent) < 10:  # at the end of the partition, before the next page is read
            was = sent[-1]
            again = first._replace(suspense_id=f"{len(sent):032x}", attempts=len(sent) + 1)
            yield [row(again, recycles=was.suspense_id)]
            if sent[-1] is was:
                return

    async def send_back(pool, records, *, decided_by, because):
        sent.extend(waiting for waiting, _ in records)
        return len(records)

    monkeypatch.setattr(settling, "undecided", undecided)
    monkeypatch.setattr(settling, "send_back", send_back)
    asked = Asked(
        Settled.RECYCLED, (), Wanted(), frozenset(), anyway=True, apply=True, by="me", because=""
    )
    command = Settling(Settings(installation="t"), None, RefusesAll())
    came = await command.settle(asked, lambda looked_at: None)
    assert (sent, came.queued) == ([first], 1)
