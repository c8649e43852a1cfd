"""`ratemill correct`: which months are corrected together, and what is read of them."""

import pytest

from pipeline.cli import correcting
from pipeline.cli.correcting import Corrections
from pipeline.correcting.together import HangsTogether
from pipeline.correcting.work_out import Asked
from pipeline.embedded import Endpoints
from pipeline.errors import CannotCorrect
from rating.catalogue import check, compile
from schemas.ledger import Charge
from sinks.account_ledger import MonthInLedger
from tests.correction_world import command_of, corrected_together, history_of, together_of
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.rate_world import MemoryStage, account, event, reference_of

TEXT = """
products: {sms: {type: message, usage_kind: message, unit: record}}
plans:
  basic:
    currency: EUR
    allowances: {left: {units: 2 records}}
    prices:
      message: {product: sms, price: {model: per_unit, per: 1 record, amount: 1, allowance: left}}
"""
ROLLING = TEXT.replace("2 records}", "2 records, rolls_over: {months: 1}}")
ONCE = TEXT.replace("2 records}", "2 records, every: once}")
ENDS = {SEPTEMBER: OCTOBER, OCTOBER: NOVEMBER}


def compiled(text, version=7):
    return compile(check({"plans.yaml": text.encode()}).document, version)


class Reading(Corrections):
    """Corrections that are not worked out: by their months it is known how they would be."""

    def __init__(self, newest, *older):
        nowhere = Endpoints("127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/none", embedded=False)
        super().__init__(None, nowhere, None, reference_of(account()))
        self._newest_version = newest.version
        self._catalogues = {each.version: each for each in (newest, *older)}
        self.stands_alone = True

    async def _read_catalogues(self, versions):
        """All that can be read are."""

    async def _worked_out(self, history, asked, together=None):
        if together is None and not self.stands_alone:
            raise HangsTogether("the price looks at others")
        return together


class Tables:
    """What the tables say of the ledger of a stage, of which more is loaded once a month was read."""

    def __init__(self, stage, *loaded_meanwhile):
        self._stage, self._loaded = stage, loaded_meanwhile

    def _charges(self):
        return [one for one in self._stage.ledger() if isinstance(one, Charge)]

    async def newest_sequence(self, _pool, _account_id):
        return self._stage.ledger()[-1].sequence

    async def months_in_ledger(self, _pool, _account_id, *, upto):
        found = []
        for start_ms in ENDS:
            own = [
                one.sequence
                for one in self._charges()
                if one.usage_period_ms == start_ms and one.sequence <= upto
            ]
            if own:
                found.append(MonthInLedger(start_ms, own[0], own[-1], None))
        return found

    async def read_month(self, _pool, account_id, *, month_start_ms):
        history = history_of(self._stage, account_id, month_start_ms, ENDS[month_start_ms])
        if self._loaded:
            self._stage.batch(*self._loaded)
            self._loaded = ()
        return list(history.rows)

    async def read_month_end(self, _pool, account_id, *, month_end_ms):
        return history_of(self._stage, account_id, 0, month_end_ms).close

    async def counters_upto(self, _pool, _account_id, *, before):
        return tuple(
            after
            for one in self._charges()
            if one.sequence < before
            for after in one.counters_after
        )

    async def charged_later(self, _pool, _account_id, **_bounds):
        return []


@pytest.fixture
def tables(monkeypatch):
    def read(stage, *loaded_meanwhile):
        found = Tables(stage, *loaded_meanwhile)
        for name in dir(found):
            if not name.startswith("_"):
                monkeypatch.setattr(correcting, name, getattr(found, name))

    return read


def stage_of(text):
    stage = MemoryStage(catalogue=compiled(text))
    months = (SEPTEMBER, OCTOBER, OCTOBER)
    stage.batch(*[event(number, "sms", at_ms=at_ms) for number, at_ms in enumerate(months)])
    return stage


async def test_a_month_whose_prices_roll_over_by_now_does_not_stand_alone(tables):
    """Usage of the next month may be on its way, and find nothing left: no counter would tell."""
    tables(stage_of(TEXT))
    assert await Reading(compiled(TEXT))._alone("a-1", SEPTEMBER, Asked()) is None
    by_now = Reading(compiled(ROLLING, 8), compiled(TEXT))
    with pytest.raises(HangsTogether, match="later months look at what the month left"):
        await by_now._alone("a-1", SEPTEMBER, Asked())


async def test_a_newest_catalogue_that_cannot_be_read_may_roll_over(tables):
    tables(stage_of(TEXT))
    reading = Reading(compiled(TEXT))
    reading._newest_version = correcting._NOT_READ
    with pytest.raises(HangsTogether):
        await reading._alone("a-1", SEPTEMBER, Asked())


async def test_a_charge_that_was_taken_back_before_is_refused_of_whatever_month_it_is(tables):
    """Also where an earlier month hangs together with others, before its own is looked at."""
    stage = stage_of(ONCE)
    first, gone, _ = [one.charge_id for one in stage.ledger()]
    taken_back = Asked(reverse=frozenset({gone}))
    stage.batch(command_of(corrected_together(stage, "a-1", {OCTOBER}, taken_back)))
    assert not stage.suspense()
    tables(stage)
    reading = Reading(compiled(ONCE))
    reading.stands_alone = False
    both = {SEPTEMBER: Asked(reverse=frozenset({first})), OCTOBER: taken_back}
    with pytest.raises(CannotCorrect, match=f"Charge {gone} was taken back before"):
        await reading._corrected("a-1", both)
    (found,) = await reading._corrected("a-1", {SEPTEMBER: both[SEPTEMBER]})
    assert [each.month_start_ms for each in found.months] == [SEPTEMBER, OCTOBER]


async def test_all_months_are_read_as_they_were_at_one_place_of_the_ledger(tables):
    """Also where more of the account is loaded meanwhile: what is rated once more would else come to
    other amounts."""
    stage = stage_of(ONCE)
    expected = together_of(stage, "a-1", {SEPTEMBER})
    tables(stage, event(7, "sms", at_ms=OCTOBER), period_close(SEPTEMBER, NOVEMBER))
    found = await Reading(compiled(ONCE))._together("a-1", {SEPTEMBER})
    assert found.months == expected.months
    assert found.sequence == expected.sequence
    assert len(history_of(stage, "a-1", OCTOBER, NOVEMBER).rows) == 3
