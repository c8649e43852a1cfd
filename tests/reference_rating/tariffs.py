"""Random tariffs as the files of a catalogue. What the check refuses, nobody can be charged by."""

from tests.reference_rating.random_plans import plans
from tests.reference_rating.random_prices import Prices

PRODUCTS = {
    "voice": ("telephony", "s", ""),
    "silent": ("telephony", "s", ", zero_usage: filter"),
    "eager": ("telephony", "s", ", zero_usage: price"),
    "giveback": ("refunds", "s", ", below_zero: mirror"),
    "data": ("data", "B", ""),
    "level": ("data", "B", ", zero_usage: price"),
    "message": ("messaging", "record", ""),
    "device": ("iot", "record", ""),
    "sales": ("software", "EUR", ""),
    "seats": ("hosting", "seat", ", below_zero: mirror"),
    "transit": ("hosting", "Mbps", ""),
}
SIZES = (
    *(("s", "units: 1 min"), ("s", "units: 90 s"), ("s", "units: 20 min")),
    *(("B", "units: 10 GB"), ("B", "units: 1001 B"), ("record", "units: 3 records")),
    *(("EUR", "amount: 5.00"), ("EUR", "amount: 0.07")),
)
AROUND = """\
calendars:
  some: [2026-10-05, 2026-12-25]
exchange_rates:
  usd: {from: USD, to: EUR, rates: [{valid_from: 2026-10-01, rate: 0.9215}, {valid_from: 2026-10-25, rate: 1.07}]}
"""
BANDS = {
    "hours": "{peak: [Mon-Fri 08:00-18:00], off-peak: otherwise}",
    "nights": "{night: [Mon-Sun 18:00-08:00], day: [Mon-Sun 08:00-18:00]}",
    "seasons": (
        '{season: ["10-15..01-06 Mon-Fri 08:00-18:00"], peak: [Mon-Fri 08:00-18:00], '
        "low: [Mon-Fri 00:00-08:00, Mon-Fri 18:00-24:00, Sat-Sun, holidays some]}"
    ),
}


ROLLS = (
    *(", rolls_over: {months: 1}", ", rolls_over: {months: 3, order: current_first}"),
    *(", rolls_over: {months: 12, since: 2026-10}", ", rolls_over: {months: 2, upto: UPTO}"),
)
UPTO = {"units: 1 min": "30 s", "units: 90 s": "1 min", "units: 20 min": "5 min"}
FITS = {
    "only_in": (", only_in: {hours: [off-peak]}", ", only_in: {nights: [night]}"),
    "when": (
        ", when: 'event.zone == \"eu\"'",
        ', when: "quantity > 60"',
        ", when: 'origin != \"\"'",
    ),
    "when of holder": (", when: 'account.vip == \"gold\"'", ", when: subscription_month <= 2"),
    "valid": (
        *(", valid_from: 2026-10-15", ", valid_from: 2026-10-01, valid_to: 2026-10-25"),
        ", valid_to: 2026-11-01",
    ),
    "times": (", times: subscription.seats", ", times: account.phones"),
    "members": (", times: members",),
}


def tariff_of(random):
    """Return the files of a random catalogue, and the products that its plan has prices for."""
    prices = Prices(random)
    products = random.sample(list(PRODUCTS), random.choice((1, 2, 2)))
    prices.others = {product: PRODUCTS[product][1] for product in products}
    allowances = _allowances(random, {PRODUCTS[product][1] for product in products})
    lines = []
    for product in products:
        unit = PRODUCTS[product][1]
        for place in reversed(range(random.choice((1, 1, 1, 2)))):
            conditions = prices.conditions(product) if place else ""
            body = prices.stated(product, unit, allowances)
            lines.append(f"      {product}{place}: {{product: {product}{conditions}, {body}}}\n")
    texts = {name: body for name, (_, body) in allowances.items()}
    plans_text = plans(random, prices, products, prices.others, allowances, lines, texts)
    text = "products:\n" + "".join(
        f"  {code}: {{type: {kind}, usage_kind: event, unit: {unit}{more}}}\n"
        for code, (kind, unit, more) in PRODUCTS.items()
        if code in products
    )
    text += AROUND + _bands(plans_text, prices)
    text += _rows_sections(prices)
    text += "plans:\n" + plans_text
    return {"plans.yaml": text, **prices.files}, products


def _bands(plans_text, prices):
    """Return the sets of bands that are named; making one takes the engine a while."""
    entries = [*prices.entries["cards"].values(), *prices.entries["matrices"].values()]
    entries.append(plans_text)
    named = [
        name
        for name in BANDS
        if any(f"bands: {name}" in one or f"only_in: {{{name}" in one for one in entries)
    ]
    return "bands:\n" * bool(named) + "".join(f"  {name}: {BANDS[name]}\n" for name in named)


def _rows_sections(prices):
    text = ""
    for section in ("cards", "matrices"):
        entries = prices.entries[section]
        if entries:
            text += f"{section}:\n" + "".join(
                f"  {code}: {{{body}}}\n" for code, body in entries.items()
            )
    return text


def _allowances(random, units):
    """Return allowances by code: the unit that they are in, and what they say."""
    found = {}
    for place in range(random.choice((0, 1, 1, 2, 2))):
        unit, body = random.choice([one for one in SIZES if one[0] in units or one[0] == "EUR"])
        size = body
        body += random.choice(("", "", ", every: day", *ROLLS))
        body = body.replace("UPTO", UPTO.get(size, size.partition(": ")[2]))
        if random.random() < 0.4:
            body += ", shared_by: account"
        body += _fits(random, body)
        if unit == "s" and random.random() < 0.5:
            body += random.choice(
                (
                    ", consume: steps, step: 1 min",
                    ", consume: steps, step: 25 s",
                    ", consume: increments",
                )
            )
        found[f"a{place}"] = (unit, body)
    return found


def _fits(random, body):
    """Return for which usage an allowance is, and how many times; one of each key at most."""
    if random.random() < 0.3:
        return ""
    kinds = ["only_in", "when"] if "rolls_over" in body else list(FITS)
    found = ""
    for kind in random.sample(kinds, random.choice((1, 1, 2))):
        if kind == "members" and "shared_by" not in body:
            continue
        fit = random.choice(FITS[kind])
        if fit.partition(":")[0] not in found:
            found += fit
    return found
