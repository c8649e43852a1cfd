"""How many places an amount has on an invoice, by currency."""

from __future__ import annotations

_USUAL_PLACES = 2

# ISO 4217: the currencies whose minor unit is not a hundredth.
_OTHER_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_PLACES = {code: places for places, codes in _OTHER_PLACES.items() for code in codes.split()}


def currency_places(currency: str) -> int:
    """Return the decimal places of an ISO 4217 currency: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _PLACES.get(currency, _USUAL_PLACES)
