"""`ratemill correct rerate`: accounts that cannot be corrected stand in nobody's way."""

import contextlib
import json

import pytest

from pipeline.cli import correcting
from pipeline.cli.correcting import Corrections
from pipeline.cli.exits import Exit
from pipeline.cli.output import messages, results
from pipeline.cli.program import run
from pipeline.embedded import Endpoints
from pipeline.errors import CannotCorrect
from sinks import charge_history


class Unable(Corrections):
    """Corrections without services: one account cannot be corrected, the others need none."""

    def __init__(self):
        self.pool = None
        self.asked = []

    async def rerating(self, account_id, month_starts_ms, reason, **_how):
        self.asked.append(account_id)
        if account_id == "broken":
            raise CannotCorrect("broken: 1 of 2 records would have no price")

    async def send(self, corrections):
        return len(corrections)


@pytest.fixture
def unable(monkeypatch, tmp_path):
    unable = Unable()

    @contextlib.asynccontextmanager
    async def opened(settings):
        yield unable

    async def charged(pool, *, month):
        return {"acme": [1], "broken": [1], "zeta": [1]}

    monkeypatch.setattr(correcting.Corrections, "opened", staticmethod(opened))
    monkeypatch.setattr(charge_history, "accounts_charged", charged)
    monkeypatch.setenv("RATEMILL_DATA", str(tmp_path))
    results.cache_clear()
    messages.cache_clear()
    return unable


def test_one_that_cannot_be_corrected_is_named_and_the_others_are_looked_at(unable, capsys):
    code = run(["correct", "rerate", "--month", "2026-10", "--all", "--apply", "--json"])
    said = capsys.readouterr()
    assert code == Exit.FAILED
    document = json.loads(said.out)
    assert document["unchanged"] == ["acme", "zeta"]
    assert document["failures"] == ["broken: 1 of 2 records would have no price"]
    assert "1 account was left as it is" in said.err


def test_an_account_that_is_named_twice_is_worked_out_once(unable):
    words = ["correct", "rerate", "--month", "2026-10", "--account", "acme", "--account", "acme"]
    assert run(words) == Exit.OK
    assert unable.asked == ["acme"]


async def test_a_month_with_two_beginnings_is_refused():
    nowhere = Endpoints("127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/none", embedded=False)
    corrections = Corrections(None, nowhere, None, None)
    with pytest.raises(CannotCorrect, match="moved to another zone within the month"):
        await corrections.rerating("acme", [1, 3_600_001], "")
