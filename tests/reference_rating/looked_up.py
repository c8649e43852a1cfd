"""What a record costs at the hour and at the number that it has: a rate for it, or why there is none."""

from fractions import Fraction

from tests.reference_rating import call, rows
from tests.reference_rating.clock import local


class Refused(Exception):
    """There is no charge; its text is the reason."""


def instant_of(price, event):
    """Return the instant whose band decides: the start, or the last instant for `end`."""
    if price.get("bands_by") == "end" and event["ended_ms"] is not None:
        return max(event["ended_ms"] - 1, event["started_ms"])
    return event["started_ms"]


def instant_in(event, units):
    """Return the instant of a second of a record: what is billed beyond its end is of its last one."""
    last_ms = max(Fraction(event["quantity"]) * 1000 - 1, Fraction(0))
    return event["started_ms"] + min(units * 1000, last_ms)


def row_of(catalogue, price, event):
    """Return the row by band that prices an event, the bands' name, and whether it is a card."""
    if price["model"] == "rate_card":
        return _of_card(catalogue, price, event)
    return _of_matrix(catalogue, price, event)


def _day(event):
    return local(event["started_ms"], event["zone"]).date().isoformat()


def _bands_met(catalogue, name, price, event, used):
    """Return the bands that a record meets, in order; [None] without bands."""
    if name is None:
        return [None]
    if price.get("bands_by") != "split":
        return [catalogue.clock.band(name, instant_of(price, event), event["zone"])]
    found = []
    at, end = event["started_ms"], event["started_ms"] + used * 1000
    while at < end or not found:
        band = catalogue.clock.band(name, at, event["zone"])
        if band not in found:
            found.append(band)
        at = (at // 60_000 + 1) * 60_000
    return found


def _of_card(catalogue, price, event):
    codes = price["card"] if isinstance(price["card"], list) else [price["card"]]
    used = abs(Fraction(event["quantity"]))
    cards = []
    for code in codes:
        entry = catalogue.sections["cards"][code]
        bands = _bands_met(catalogue, entry.get("bands"), price, event, used)
        cards.append((catalogue.rows[entry["file"]], bands, entry))
    matched = rows.of_cards(
        [(found, bands) for found, bands, _ in cards],
        price.get("choose", "first"),
        event.get("destination") or "",
        _day(event),
    )
    if matched is None:
        raise Refused("rating.unknown_destination")
    entry = next(entry for found, _, entry in cards if found is matched[0])
    return matched[2], entry.get("bands")


def _of_matrix(catalogue, price, event):
    entry = catalogue.sections["matrices"][price["matrix"]]
    values = {name: event.get(name) for name in ("origin", "destination", "service_class")}
    for name, value in event["attributes"].items():
        values[f"attribute.{name}"] = value
    used = abs(Fraction(event["quantity"]))
    found = {}
    for band in _bands_met(catalogue, entry.get("bands"), price, event, used):
        row = rows.of_matrix(
            catalogue.rows[entry["file"]], entry["dimensions"], values, _day(event), band
        )
        if row is None:
            raise Refused("rating.no_matching_row")
        found[band] = row
    return found, entry.get("bands")


def split_cost(catalogue, by_band, bands, event, *, start, end):
    """Return what the parts of a record cost, each by the row of its own band, and what is billed."""

    def rate_at(units):
        band = catalogue.clock.band(bands, instant_in(event, units), event["zone"])
        return call.of_row(by_band[band], units)

    return call.charge(rate_at, start=start, end=end)
