"""Random prices of one product, each as the text of its keys."""

from tests.reference_rating import random_over_time, random_rows

MODELS = {
    "s": ("per_unit", "per_unit", "banded", "flat", "call", "call", "rate_card", "rate_card", "matrix",
          "graduated", "volume", "package"),
    "B": ("per_unit", "flat", "graduated", "graduated", "volume", "volume", "package"),
    "record": ("per_unit", "flat", "graduated", "volume", "package"),
    "EUR": ("percentage", "percentage", "graduated", "volume"),
    "seat": ("per_unit",),
    "Mbps": ("per_unit",),
}  # fmt: skip
PERS = {
    "s": ("1 min", "1 s", "7 s", "1 h"),
    "B": ("1 GB", "1 MiB", "1000 B", "7 B"),
    "record": ("1 record", "3 records"),
    "EUR": ("1 EUR", "7 EUR"),
    "seat": ("1 seat", "2 seat"),
    "Mbps": ("1 Mbps", "7 Mbps"),
}
ENDS = {
    "s": ("10 s", "1 min", "61 s", "10 min", "1 h"),
    "B": ("1000 B", "1 MB", "1 GB", "10 GB", "50 GB"),
    "record": ("1 record", "2 records", "3 records", "5 records", "10 records"),
    "EUR": ("1 EUR", "10 EUR", "100 EUR", "1000 EUR", "100000 EUR"),
    "seat": ("1 seat", "2.5 seat", "5 seat", "10 seat", "20 seat"),
    "Mbps": ("1 Mbps", "10 Mbps", "99.5 Mbps", "250 Mbps", "1000 Mbps"),
}
AMOUNTS = ("0.10", "0.07", "1.00", "0.0001", "3", "0.333", "12.345678", "0", "0.015")
CONDITIONS = (
    *('account.vip == "gold"', "quantity > 60", 'event.zone in ["eu", "us"]'),
    *('not (subscription.zone == "A")', 'event.device == "" or quantity <= 1', 'origin != ""'),
    *("subscription_month <= 2", 'subscription_month > 1 and account.vip != ""'),
)
OF_HOLDERS = ('account.vip == "gold"', 'not (subscription.zone == "A")', "subscription_month <= 2")
LEVELS_OF_USAGE = {
    "s": ("1 s", "60", "2 min", "1 h"),
    "B": ("1 B", "1000", "1 MB", "10 GB"),
    "record": ("1", "2", "3", "5"),
    "EUR": ("0.01", "10", "100", "1000"),
    "seat": ("1", "2.5", "5", "20"),
    "Mbps": ("1", "10", "250", "1000"),
}


class Prices:
    """Writes prices, and the cards and matrices that they name."""

    def __init__(self, random):
        self.random = random
        self.others = {}  # the products of the plan, with their units
        self.files = {}
        self.entries = {"cards": {}, "matrices": {}}

    def some(self, share):
        """Return True in so many cases."""
        return self.random.random() < share

    def amount(self):
        """Return an amount as it is written."""
        return self.random.choice(AMOUNTS)

    def conditions(self, product):
        """Return what a price asks for before another of its product may have the usage."""
        if product in ("seats", "transit"):
            return f", when: '{self.random.choice(OF_HOLDERS)}'"
        if self.some(0.5):
            return ", destinations: " + self.random.choice(('["49"]', '["1", "44"]', '["4"]'))
        return f", when: '{self.random.choice(CONDITIONS)}'"

    def stated(self, product, unit, allowances):
        """Return `price:` or `versions:` of a product."""
        first = self._price(product, unit, allowances)
        if not self.some(0.25):
            return f"price: {{{first}}}"
        month_long = (
            *("volume", "aggregate: latest", "aggregate: time_weighted", "aggregate: daily"),
            *("percentile", "discount_by_usage"),
        )
        is_whole = any(word in first for word in month_long)
        day = "2026-11-01" if is_whole or self.some(0.5) else "2026-10-15"
        second = first.replace("amount: 0.10", "amount: 0.17")
        if self.some(0.4):
            second = self._price(product, unit, allowances)
        start = self.random.choice(("2026-01-01", "2026-01-01", "2026-10-01"))
        return (
            f"versions: [{{valid_from: {start}, price: {{{first}}}}}, "
            f"{{valid_from: {day}, price: {{{second}}}}}]"
        )

    def _price(self, product, unit, allowances):
        if product in ("seats", "transit"):
            return ", ".join(random_over_time.over_time(self, product, unit))
        model = self.random.choice(MODELS[unit])
        keys = getattr(self, f"_{model}")(unit)
        of_month = model in ("graduated", "volume", "package")
        if product == "giveback":
            return ", ".join([*keys, *self._plain(model, unit)])
        mine = [
            name
            for name, (kind, _) in allowances.items()
            if kind == unit or (kind == "EUR" and model != "volume")
        ]
        takes = mine and self.some(0.7)
        if takes:
            names = self.random.sample(mine, self.random.randint(1, len(mine)))
            keys.append(f"allowance: [{', '.join(names)}]")
            in_units = any(allowances[name][0] != "EUR" for name in names)
            of_month = of_month or (model in ("per_unit", "banded") and in_units)
        keys += self._plain(model, unit)
        keys += self._free(model, unit, keys)
        keys += self._monthly(model, unit, keys) if model in (
            "per_unit", "graduated", "volume", "package") else []  # fmt: skip
        of_month = of_month or any(key.startswith(("commitment", "aggregate")) for key in keys)
        keys += self._bounds(of_month)
        if self.some(0.25):
            keys.append(self._discount(of_month))
        if len(self.others) > 1 and self.some(0.2):
            keys.append(self._usage_discount(product))
        if not of_month and self.some(0.1):
            keys.append("exchange: usd")
        return ", ".join(keys)

    def _plain(self, model, unit):
        """Return the steps that every price may have: of measure and of money."""
        keys = []
        if self.some(0.15):
            to = self.random.choice(PERS[unit]).replace("1 h", "1 min").replace("1 GB", "1 kB")
            keys.append(
                f"round_units: {{to: {to}, rule: {self.random.choice(('up', 'down', 'half_up'))}}}"
            )
        if self.some(0.4):
            keys.append(f"rounding: {self._rounding()}")
        return keys

    def _rounding(self):
        rule = self.random.choice(("half_up", "half_even", "up", "down"))
        to = self.random.choice(("places: 2", "places: 0", "to: 0.05", "places: 4", "to: 0.03"))
        if self.some(0.2):
            return f"[{{rule: {rule}, {to}}}, {{places: {self.random.choice('012')}, rule: up}}]"
        if self.some(0.1):
            return f"{{rule: {rule}, {to}, times: 1.19}}"
        return f"{{rule: {rule}, {to}}}"

    def _free(self, model, unit, so_far):
        keys = []
        if self.some(0.15):
            keys.append(f"free_records: {self.random.randint(1, 3)}")
        if self.some(0.15):
            keys.append(f"free_units: {self.random.choice(ENDS[unit][:3])}")
        if self.some(0.15):
            keys.append(f"minimum_units: {self.random.choice(ENDS[unit][:3])}")
        has_fee = any(key.startswith(("connect_fee", "fee", "card", "matrix")) for key in so_far)
        if has_fee and self.some(0.4):
            keys.append("fee_when_free: yes")
        if model in ("call", "graduated") and self.some(0.3):
            keys.append(f"above_allowance: {self.random.choice(('goes_on', 'from_start'))}")
        return keys

    def _monthly(self, model, unit, keys):
        found = []
        if any(key.startswith(("connect_fee", "bands")) for key in keys):
            return found
        if self.some(0.25):
            aggregate = self.random.choice(("max", "latest", "unique", "sum"))
            by = ", unique_by: device" if aggregate == "unique" else ""
            found.append(f"aggregate: {aggregate}{by}")
        if self.some(0.2):
            found.append(self._commitment(unit))
        return found

    def _commitment(self, unit):
        what = f"units: {self.random.choice(ENDS[unit])}" if self.some(0.5) else "amount: 2.50"
        tail = self.random.choice(("overage: 1.5", "true_up: yes", "overage: 0.8, true_up: yes"))
        return f"commitment: {{{what}, {tail}}}"

    def _usage_discount(self, product):
        """Return a discount by usage of another product."""
        product = self.random.choice([each for each in self.others if each != product])
        levels = LEVELS_OF_USAGE[self.others[product]]
        places = sorted(self.random.sample(range(len(levels)), self.random.randint(1, 3)))
        reached = ", ".join(
            f"{{from: {levels[place]}, percent: {self.random.choice(('10', '33.3', '100', '5'))}}}"
            for place in places
        )
        then = "from_then: yes, " if self.some(0.4) else ""
        return f"discount_by_usage: {{product: {product}, {then}reached: [{reached}]}}"

    def line(self, code, product, unit, allowances):
        """Return a price of a plan for all usage of a product."""
        return f"      {code}: {{product: {product}, {self.stated(product, unit, allowances)}}}\n"

    def alone(self, product, unit, *, is_foreign):
        """Return a price that asks for nothing of the month, as those of other ratings."""
        single = ("per_unit", "banded", "flat", "call", "rate_card", "matrix", "percentage")
        usable = [each for each in MODELS[unit] if each in single]
        if is_foreign:  # in a currency that no card, matrix or product is in
            usable = [each for each in usable if each not in ("rate_card", "matrix", "percentage")]
        model = self.random.choice(usable)
        keys = getattr(self, f"_{model}")(unit)
        keys += [key for key in self._plain(model, unit) if not (is_foreign and "times" in key)]
        if self.some(0.2):
            keys.append(self._discount(False))
        if not is_foreign and self.some(0.2):
            keys.append("exchange: usd")
        return f"price: {{{', '.join(keys)}}}"

    def _bounds(self, of_month):
        keys = []
        if self.some(0.15):
            inside = "month: 1.00" if of_month or self.some(0.3) else "event: 0.20"
            inside += ", by_days: yes" if "month" in inside and self.some(0.3) else ""
            keys.append(f"least: {{{inside}}}")
        if self.some(0.2):
            inside = "month: 4.00" if of_month else self.random.choice(
                ("event: 1.50", "day: 2.00", "month: 3.00", "event: 1.50, day: 2.00, month: 3.33"))  # fmt: skip
            keys.append(f"most: {{{inside}}}")
        return keys

    def _discount(self, of_month):
        if of_month or self.some(0.5):
            return (
                f"discount: {self.random.choice(('10', '[10, 5]', '33.3', '100', '[12.5, 3, 1]'))}"
            )
        return f"discount: [{{percent: 20, when: '{self.random.choice(CONDITIONS)}'}}, 3]"

    def _increments(self, unit, share=0.5):
        if not self.some(share):
            return []
        return [
            f"increments: {self.random.choice(('60/1', '60/60', '30/6', '1/1', '7/7', '100/1'))}"
        ]

    def _per_unit(self, unit):
        keys = [
            "model: per_unit",
            f"per: {self.random.choice(PERS[unit])}",
            f"amount: {self.amount()}",
        ]
        fee = [f"connect_fee: {self.random.choice(('0.05', '0.333'))}"] if self.some(0.3) else []
        return keys + self._increments(unit) + fee

    def _banded(self, unit):
        name, bands = self.random.choice(tuple(random_rows.BANDS.items()))
        amounts = ", ".join(f"{band}: {self.amount()}" for band in bands)
        keys = ["model: per_unit", f"per: {self.random.choice(PERS[unit])}", f"bands: {name}"]
        keys.append(f"amounts: {{{amounts}}}")
        if self.some(0.5):
            keys.append(f"bands_by: {self.random.choice(('start', 'end'))}")
        fee = ["connect_fee: 0.05"] if self.some(0.3) else []
        return keys + self._increments(unit) + fee

    def _flat(self, unit):
        return ["model: flat", f"amount: {self.amount()}"]

    def _percentage(self, unit):
        fee = [f"fee: {self.amount()}"] if self.some(0.5) else []
        return [
            "model: percentage",
            f"percent: {self.random.choice(('1.5', '100', '0.333'))}",
            *fee,
        ]

    def _package(self, unit):
        keys = [
            "model: package",
            f"size: {self.random.choice(ENDS[unit])}",
            f"amount: {self.amount()}",
        ]
        if self.some(0.5):
            keys.append(f"partly_used: {self.random.choice(('up', 'down', 'half_up'))}")
        return keys + self._increments(unit, 0.3)

    def _graduated(self, unit):
        keys = [f"model: {self.random.choice(('graduated',))}"]
        return keys + self._tiers(unit)

    def _volume(self, unit):
        return ["model: volume", *self._tiers(unit)]

    def _tiers(self, unit):
        ends = ENDS[unit]
        count = self.random.randint(0, 3)
        places = sorted(self.random.sample(range(len(ends)), count))
        tiers = [self._tier(f"upto: {ends[place]}, ", unit) for place in places]
        tiers.append(self._tier("", unit))
        keys = [f"per: {self.random.choice(PERS[unit])}", f"tiers: [{', '.join(tiers)}]"]
        if self.some(0.1):
            keys.append("first_fee_without_usage: yes")
        return keys + self._increments(unit, 0.3)

    def _tier(self, end, unit):
        if self.some(0.15):
            return f"{{{end}fee: {self.amount()}}}"
        what = f"percent: {self.random.choice('125')}" if unit == "EUR" and self.some(0.3) else None
        what = what or f"amount: {self.amount()}"
        if self.some(0.2):
            what += f", fee: {self.amount()}"
        if self.some(0.15):
            what += ", whole: yes"
        if self.some(0.15) and "percent" not in what:
            what += f", per: {self.random.choice(PERS[unit])}"
        return f"{{{end}{what}}}"

    def _call(self, unit):
        keys = ["model: call"]
        if self.some(0.4):
            name, bands = self.random.choice(tuple(random_rows.BANDS.items()))
            keys.append(f"bands: {name}")
            if self.some(0.7):
                keys.append(f"bands_by: {self.random.choice(('start', 'end', 'split', 'split'))}")
            keys.append("rates: {" + ", ".join(f"{band}: {self._rates()}" for band in bands) + "}")
            if self.some(0.2):
                keys.append(
                    "connect_fee: {" + ", ".join(f"{band}: {self.amount()}" for band in bands) + "}"
                )
                return keys
        else:
            keys.append(f"rates: {self._rates()}")
        if self.some(0.3):
            keys.append("connect_fee: 0.05")
        if self.some(0.2):
            keys.append(
                f"increment_rounding: {{rule: {self.random.choice(('up', 'half_up'))}, places: 2}}"
            )
        return keys

    def _rates(self):
        step = self.random.choice(("1 min", "6 s", "25 s", "10 s"))
        rates = [
            f"{{amount: {self.amount()}, per: {self.random.choice(PERS['s'])}, increment: {step}}}"
        ]
        for begin in ("1 min", "150 s")[: self.random.randint(0, 2)]:
            step = self.random.choice(("1 min", "30 s", "11 s", "7 s"))
            rates.append(
                f"{{from: {begin}, amount: {self.amount()}, per: 1 min, increment: {step}}}"
            )
        return f"[{', '.join(rates)}]"

    def _rate_card(self, unit):
        codes = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            code = f"c{len(self.entries['cards'])}"
            entry, text = random_rows.card(self.random, code)
            self.entries["cards"][code], self.files[f"{code}.csv"] = entry, text
            codes.append(code)
        keys = [
            "model: rate_card",
            f"card: [{', '.join(codes)}]" if len(codes) > 1 else f"card: {codes[0]}",
        ]
        if len(codes) > 1 and self.some(0.5):
            keys.append(f"choose: {self.random.choice(('longest', 'first'))}")
        if any("bands" in self.entries["cards"][code] for code in codes) and self.some(0.5):
            keys.append(f"bands_by: {self.random.choice(('start', 'end', 'split', 'split'))}")
        return keys

    def _matrix(self, unit):
        code = f"m{len(self.entries['matrices'])}"
        entry, text = random_rows.matrix(self.random, code)
        self.entries["matrices"][code], self.files[f"{code}.csv"] = entry, text
        keys = ["model: matrix", f"matrix: {code}"]
        if "bands" in entry and self.some(0.5):
            keys.append(f"bands_by: {self.random.choice(('start', 'end', 'split'))}")
        return keys
