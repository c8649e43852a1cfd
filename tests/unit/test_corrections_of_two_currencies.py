"""Months that hang together while the account moves from one currency to another."""

from decimal import Decimal

from msgspec.structs import replace

from pipeline.correcting.work_out import Asked, work_out
from pipeline.rate_step import RateStep
from rating.catalogue import check, compile
from schemas.ledger import Charge
from sinks.charge_history import Under
from tests.correction_world import command_of, together_of
from tests.ledger_builders import DECEMBER, NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.rate_world import MemoryStage, account, event, reference_of

CATALOGUE = compile(
    check(
        {
            "plans.yaml": b"""
products: {sms: {type: message, usage_kind: message, unit: record}}
plans:
  basic:
    currency: EUR
    allowances: {gift: {units: 2 records, every: once}}
    prices:
      message: {product: sms, price: {model: per_unit, per: 1 record, amount: 1, allowance: gift}}
  swiss:
    currency: CHF
    prices: {message: {product: sms, price: {model: flat, amount: 2}}}
"""
        }
    ).document,
    7,
)
DAY_MS = 86_400_000
MOVED_MS = OCTOBER + 14 * DAY_MS


def test_usage_in_another_currency_since_stands_in_no_ones_way():
    """What was unbilled in the first one was closed before the second came, in the midst of a month."""
    references = {
        2: reference_of(account(), version=2),
        3: reference_of(account(currency="CHF", plan="swiss"), version=3),
    }
    stage = MemoryStage(catalogue=CATALOGUE)
    stage.batch(*[event(n, "sms", at_ms=SEPTEMBER) for n in range(2)], period_close())
    stage.batch(event(2, "sms", at_ms=OCTOBER), period_close(OCTOBER, MOVED_MS))
    stage.step = RateStep(catalogue=CATALOGUE, reference=references[3])
    stage.batch(event(3, "sms", at_ms=MOVED_MS), period_close(MOVED_MS, NOVEMBER))
    stage.batch(period_close(NOVEMBER, DECEMBER))
    assert not stage.suspense()

    together = together_of(stage, "a-1", {SEPTEMBER})
    september, october = together.months
    *rows, in_francs = october.rows
    assert in_francs.currency == "CHF"
    rows.append(replace(in_francs, under=Under(7, 3)))
    together = replace(together, months=(september, replace(october, rows=tuple(rows))))
    values = {(stage.partition, offset): value for offset, value in stage.values.items()}
    asked = Asked(reverse=frozenset({september.rows[0].charge_id}))

    def step_of(under):
        return RateStep(catalogue=CATALOGUE, reference=references[under.reference])

    stage.batch(command_of(work_out(september, values, step_of, asked, together)))
    assert not stage.suspense()
    charges = [one for one in stage.ledger() if isinstance(one, Charge)]
    # The message of October has what was given once.
    assert [Decimal(one.amount) for one in charges] == [0, 0, 1, 2, 0, -1]
    assert [one.currency for one in charges[-2:]] == ["EUR", "EUR"]
