"""What is compiled of prices: those of the catalogue as numbers, and what an event comes to at them."""

from __future__ import annotations

import msgspec

from native import compiled
from rating.catalogue import Offer
from rating.catalogue.compiled import Rule
from rating.counting import CounterPeriod
from rating.price.aggregate import Aggregation
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.per_unit import PerUnitPrice
from rating.price.volume import VolumePrice
from rating.rate import Selected
from schemas.decimals import to_text

_native_kept, _native_prices = compiled("kept_prices"), compiled("charge_after")


def kept_prices() -> object | None:
    """Return where prices are kept as numbers; None where nothing is compiled."""
    if _native_kept is None:
        return None
    kept: object = _native_kept.KeptPrices(
        encode=msgspec.json.Encoder().encode,
        to_text=to_text,
        sum_of=Aggregation.SUM,
        month=CounterPeriod.MONTH,
        per_unit=PerUnitPrice,
        flat=FlatPrice,
        graduated=GraduatedPrice,
        volume=VolumePrice,
    )
    return kept


def compiled_prices() -> object | None:
    """Return what is compiled of `charge_after`; None where nothing is."""
    if _native_prices is None:
        return None
    made: object = _native_prices.ChargeAfter(
        kept_prices(), selected=Selected, rule=Rule, offer=Offer
    )
    return made
