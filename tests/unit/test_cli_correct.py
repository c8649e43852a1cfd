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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name charges, or a month with --month"),
        (["--month", "2026-10"], "say of which accounts"),
        (["--month", "2026-10", "--all", "--account", "acme"], "not both"),
        (["--month", "2026-13", "--all"], "is not such as 2026-10"),
    ],
    ids=["nothing", "no accounts", "both", "no month"],
)
def test_what_is_missing_is_asked_for(unable, capsys, words, told):
    assert run(["correct", "rerate", *words]) == Exit.USAGE
    assert told in _words(capsys)
    assert unable.asked == []


def test_a_month_without_any_charges_is_refused(unable, monkeypatch, capsys):
    async def none_charged(pool, *, month):
        return {}

    monkeypatch.setattr(charge_history, "accounts_charged", none_charged)
    assert run(["correct", "rerate", "--month", "2027-02", "--all"]) == Exit.REFUSED
    assert "There are no charges in 2027-02; nothing was changed." in _words(capsys)


@pytest.mark.parametrize(
    ("unknown", "told"),
    [
        (["acmee"], "There is no account acmee; nothing was changed. Did you mean acme?"),
        ([], "Account acmee has no charges in 2026-10; nothing was changed."),
    ],
    ids=["not known", "not charged"],
)
def test_an_account_that_is_not_known_is_told_from_one_without_charges(
    unable, monkeypatch, capsys, unknown, told
):
    class Pool:
        async def fetch(self, query, *values):
            return (
                [] if "ANY" in query and unknown else [("acmee",) if "ANY" in query else ("acme",)]
            )

    unable.pool = Pool()
    assert run(["correct", "rerate", "--month", "2026-10", "--account", "acmee"]) == Exit.REFUSED
    assert told in _words(capsys)


def _words(capsys):
    return " ".join(capsys.readouterr().err.replace("\u2502", " ").split())
