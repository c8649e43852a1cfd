"""Ordinary charges of a batch, by what is compiled: a price, counters, no limit reached, nothing restated.

`_Work` in `rate_step.py` is the twin and decides all others, and these too where nothing is compiled.
That both ways give the same bytes is a law (`test_native_counting.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from native import compiled
from pipeline.rate_prepare import Item, Priceable
from pipeline.rate_prices import compiled_prices
from pipeline.rate_records import Charged
from pipeline.rate_running import RunningState
from pipeline.rate_tally import RateTally
from pipeline.rate_terms import PeriodCounter, Terms
from rating.catalogue import Offer
from rating.catalogue.compiled import Rule
from rating.counting import Totals
from rating.rate import Priced, Selected, charge_after
from schemas import ledger
from schemas.decimals import ZERO, to_text
from schemas.flow import Append, Channel, Headers
from schemas.raw import MAX_LEDGER_RECORD_BYTES

USAGE: Headers = ((ledger.KIND_HEADER, ledger.KIND_USAGE),)
FRAMING_BYTES = 64  # more than the kind header and the record's own lengths take

_native = compiled("counting")
_encode = msgspec.json.Encoder().encode


class OrdinaryCharges(Protocol):
    """The charges of one batch."""

    @property
    def ledger_records(self) -> int:
        """How many were appended."""

    @property
    def member_sum(self) -> int:
        """The sum of their members in the set's hash."""

    def decide(self, items: list[Item], ask: Callable[[Item], None]) -> None:
        """Charge what is ordinary; ``ask`` decides each other item, in its turn."""


class CompiledCharges(Protocol):
    """What is compiled, for all batches."""

    def batch(
        self,
        *,
        running: RunningState,
        appends: list[Append],
        tally: RateTally,
        partition: int,
        catalogue_version: int,
    ) -> OrdinaryCharges:
        """Return the charges of one batch."""


def compiled_charges(
    charge_after: Callable[[Selected, Sequence[Totals]], Priced] = charge_after,
    *,
    prices: object | None,
) -> CompiledCharges | None:
    """Return what is compiled, made of what the twin is made of; None where nothing is. ``prices``:
    `compiled_prices`, or None: then ``charge_after`` is asked for all that asks for counters."""
    made: CompiledCharges | None = _native and _native.OrdinaryCharges(
        item=Item,
        priceable=Priceable,
        terms=Terms,
        selected=Selected,
        offer=Offer,
        rule=Rule,
        counter=PeriodCounter,
        charged=Charged,
        priced=Priced,
        append=Append,
        ledger=Channel.LEDGER,
        usage=USAGE,
        charge_after=charge_after,
        prices=prices,
        to_text=to_text,
        zero=ZERO,
        largest=MAX_LEDGER_RECORD_BYTES - FRAMING_BYTES,
    )
    return made


try:
    _compiled_charges = compiled_charges(prices=compiled_prices())
except TypeError:  # a version of msgspec lays structs out in another way: then the twin does it all
    _compiled_charges = None


def ordinary_charges(
    running: RunningState,
    appends: list[Append],
    tally: RateTally,
    *,
    partition: int,
    catalogue_version: int,
) -> OrdinaryCharges | None:
    """Return what charges over a state, appends and counts; None where nothing is compiled."""
    if _compiled_charges is None:
        return None
    return _compiled_charges.batch(
        running=running,
        appends=appends,
        tally=tally,
        partition=partition,
        catalogue_version=catalogue_version,
    )
