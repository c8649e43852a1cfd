"""A trial rates as production does: the law that makes a scenario worth reading."""

import msgspec
from hypothesis import given

from rating.catalogue import compile
from rating.trial import Member, Trial
from schemas.ledger import Charge
from schemas.usage import PeriodClose
from tests.property.test_rate_month_laws import DOCUMENT, months, run, world

# What only a ledger knows.
OF_A_LEDGER = {
    "identity": "",
    "tenant": "",
    "run": "",
    "sequence": 0,
    "bill_period_ms": 0,
    "first_open_period_ms": 0,
    "counters_after": (),
    "unbilled": (),
    "source_partition": 0,
    "source_offset": 0,
    "raw": (0, 0, 0),
}


def trial_of(records, document=DOCUMENT):
    trial, made = Trial(compile(document, 7)), []
    for record in records:
        if isinstance(record, PeriodClose):
            made += trial.close(
                record.account_id,
                record.period_start_ms,
                members=[Member(f"{record.account_id}/s", "basic")],
                currency="EUR",
                zone="UTC",
            )
            continue
        came = trial.rate(record, plan="basic", currency="EUR")
        made += came if isinstance(came, tuple) else ()
    return made


@given(months())
def test_a_trial_makes_the_charges_of_the_rate_step(records):
    charges = [one for one in run(world(), records, ()).ledger() if isinstance(one, Charge)]
    made = trial_of(records)
    assert [msgspec.structs.replace(one, **OF_A_LEDGER) for one in made] == [
        msgspec.structs.replace(one, **OF_A_LEDGER) for one in charges
    ]
