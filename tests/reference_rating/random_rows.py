"""Random rate cards and matrices: few prefixes, near one another."""

BANDS = {
    "hours": ("peak", "off-peak"),
    "nights": ("night", "day"),
    "seasons": ("season", "peak", "low"),
}
HEADER = "price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to"
PREFIXES = ("4", "49", "4930", "4915", "44", "442", "1", "12", "99")
PRICES = ("0.02", "0.0891", "0", "1", "0.333")
DIMENSIONS = ("origin", "destination", "service_class", "attribute.zone", "attribute.device")


def card(random, code):
    """Return the entry and the rows of a card."""
    entry, bands = _entry(random, code)
    lines = []
    for prefix in random.sample(PREFIXES, random.randint(1, 6)):
        lines += [f"{prefix},Somewhere,{tail}" for tail in _tails(random, bands)]
    return entry, "\n".join([f"prefix,destination,{HEADER}", *lines, ""])


def matrix(random, code):
    """Return the entry and the rows of a matrix."""
    entry, bands = _entry(random, code)
    dimensions = random.sample(DIMENSIONS, random.randint(1, 3))
    entry += f", dimensions: [{', '.join(dimensions)}]"
    cells = {
        "origin": ("", "4", "49", "1"),
        "destination": ("", "4", "49", "4930", "1", "44"),
        "service_class": ("", "premium"),
        "attribute.zone": ("", "eu", "us"),
        "attribute.device": ("", "d1"),
    }
    found = {}
    for _ in range(random.randint(1, 8)):
        key = ",".join(random.choice(cells[name]) for name in dimensions)
        found[key] = [f"{key},Somewhere,{tail}" for tail in _tails(random, bands)]
    # What every dimension must have: a value on some row.
    key = ",".join(cells[name][1] for name in dimensions)
    found.setdefault(key, [f"{key},Somewhere,{tail}" for tail in _tails(random, bands)])
    lines = [line for each in found.values() for line in each]
    return entry, "\n".join([f"{','.join(dimensions)},name,{HEADER}", *lines, ""])


def _entry(random, code):
    entry = f"file: {code}.csv, currency: EUR, unit: s"
    if random.random() < 0.5:
        return entry, ()
    name = random.choice(tuple(BANDS))
    return f"{entry}, bands: {name}", BANDS[name]


def _tails(random, bands):
    """Return what stands behind a prefix: a row, or one for each band, or for two times."""
    spans = ((("", ""),), (("", "2026-10-15"), ("2026-10-15", "")), (("2026-10-01", "2026-11-01"),))
    tails = []
    for start, end in random.choice((spans[0], *spans)):
        for band in bands if bands and random.random() < 0.7 else ("",):
            first, following = random.choice((("60", "1"), ("60", "60"), ("30", "6"), ("1", "1")))
            fee = random.choice(("", "0.05", "0.333"))
            per = random.choice(("60", "1"))
            tails.append(
                f"{random.choice(PRICES)},{per},{first},{following},{fee},{band},{start},{end}"
            )
    return tails
