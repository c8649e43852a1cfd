"""Reads `plans:`: what each product costs a subscription."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec import UNSET, UnsetType

from rating.catalogue.also_rated import KEY as ALSO_RATED
from rating.catalogue.also_rated import read_also_rated
from rating.catalogue.bounds import MAX_PRICES, MAX_PRICES_OF_A_PLAN
from rating.catalogue.check_price import restates
from rating.catalogue.compile_model import is_of_the_month
from rating.catalogue.document import (
    BandSet,
    Card,
    Consume,
    ExchangeTable,
    Matrix,
    Plan,
    PlanAllowance,
    PlanPrice,
    PriceVersion,
    Product,
    Sharing,
)
from rating.catalogue.errors import quoted
from rating.catalogue.extending import (
    Extended,
    same_currency,
    with_inherited,
    with_inherited_prices,
)
from rating.catalogue.reachable import Reach
from rating.catalogue.reached import hiding, refuse_close_of_events, what_of
from rating.catalogue.read_condition import read_condition
from rating.catalogue.read_fits import KEYS as FITS
from rating.catalogue.read_fits import read_fits
from rating.catalogue.read_price import read_price
from rating.catalogue.read_priced import SEVERAL, read_priced
from rating.catalogue.read_roll_over import read_roll_over
from rating.catalogue.read_times import read_times
from rating.catalogue.reader import Reader
from rating.catalogue.surroundings import Surroundings
from rating.catalogue.yaml_tree import Mapping, Node, Scalar
from rating.counting import CounterPeriod
from rating.meant import meant_quantity
from rating.units import unit_of


class PlanReader:
    """Reads plans against the products, bands, cards and matrices of the catalogue."""

    def __init__(
        self,
        products: dict[str, Product],
        bands: dict[str, BandSet],
        cards: dict[str, Card],
        matrices: dict[str, Matrix],
        exchange: dict[str, ExchangeTable],
    ) -> None:
        self._products = products
        self._bands = bands
        self._cards = cards
        self.exchange = exchange
        self._matrices = matrices
        self._reach = Reach(cards, bands)
        self._written_out = 0  # prices of the plans that were read, inherited ones with them

    def read(
        self, reader: Reader, code: str, node: Node, field: str, extended: Extended
    ) -> Plan | None:
        """Return the plan with all that it has of the one that it extends, which ``extended`` finds;
        None where it is no mapping, or that plan is refused."""
        keys = ("currency", "prices", "name", "extends", "allowances", ALSO_RATED)
        values = reader.record(node, field, optional=keys)
        if values is None:
            return None
        if "extends" not in values:
            reader.require(node, field, values, ("currency", "prices"))
        base = None
        if "extends" in values:
            base = extended(reader, values["extends"], f"{field}.extends")
            if base is None:
                return None
        currency = reader.currency(values.get("currency"), f"{field}.currency")
        if base is not None:
            currency = same_currency(reader, values.get("currency"), field, currency, base)
        allowances = self._read_allowances(
            reader, values.get("allowances"), f"{field}.allowances", currency
        )
        if base is not None:
            allowances = with_inherited(
                reader, values.get("allowances"), f"{field}.allowances", allowances, base
            )
        prices: list[PlanPrice] = []
        entries = reader.entries(values["prices"], f"{field}.prices") if "prices" in values else ()
        for key, value in entries:
            price_field = f"{field}.prices.{key.text}"
            for price in self._read_prices(reader, key, value, price_field, currency, allowances):
                if any(price.code == other.code for other in prices):
                    found = f"{price.code} again"
                    reader.complain(key, price_field, expected="each code once", found=found)
                before = hiding(prices, price)
                if before is not None:
                    reader.complain(
                        key,
                        price_field,
                        expected="a price that some usage reaches",
                        found=f"{before.code} before it, which takes all of {what_of(before)}",
                    )
                prices.append(price)
            if len(prices) > MAX_PRICES_OF_A_PLAN:
                expected = (
                    f"at most {MAX_PRICES_OF_A_PLAN:,} prices of a plan; a card has a price for "
                )
                expected += "each destination"
                reader.complain(key, price_field, expected=expected, found="another")
                return None
        if "prices" in values and not prices and not reader.errors:
            reader.complain(
                values["prices"], f"{field}.prices", expected="at least one price", found="none"
            )
        self._written_out += len(prices) + (0 if base is None else len(base.prices))
        if self._written_out > MAX_PRICES:
            expected = (
                f"at most {MAX_PRICES:,} prices in all plans, those that they extend with them"
            )
            reader.complain(node, field, expected=expected, found="more")
            return None
        if base is not None:
            prices = with_inherited_prices(prices, base)
        also_rated = UNSET if base is None else base.also_rated
        if ALSO_RATED in values:
            at = f"{field}.{ALSO_RATED}"
            # None at all is the word of a plan that extends one with others.
            also_rated = read_also_rated(reader, values[ALSO_RATED], at, self._products) or UNSET
        name = values.get("name")
        return Plan(
            code=code,
            name=code if name is None else reader.text(name, f"{field}.name"),
            currency=currency,
            allowances=tuple(allowances[code] for code in sorted(allowances)),
            prices=tuple(prices),
            also_rated=also_rated,
        )

    def _read_allowances(
        self, reader: Reader, node: Node | None, field: str, currency: str
    ) -> dict[str, PlanAllowance]:
        if node is None:
            return {}
        allowances = {}
        units = sorted({product.unit for product in self._products.values()})
        for key, value in reader.entries(node, field):
            at = f"{field}.{key.text}"
            allowance = _read_allowance(reader, key.text, value, at, units, currency)
            if allowance is not None:
                allowances[key.text] = self._for_some_usage(reader, value, at, allowance)
        return allowances

    def _for_some_usage(
        self, reader: Reader, node: Node, field: str, allowance: PlanAllowance
    ) -> PlanAllowance:
        """Return the allowance with what it says of the usage that it is for."""
        assert isinstance(node, Mapping), "it was read"
        values = {key.text: value for key, value in node.entries}
        fits = read_fits(reader, values, field, self._bands)
        return msgspec.structs.replace(allowance, **fits._asdict())

    def _read_prices(
        self,
        reader: Reader,
        key: Scalar,
        node: Node,
        field: str,
        currency: str,
        allowances: dict[str, PlanAllowance],
    ) -> list[PlanPrice]:
        """Return the price of each product that an entry names."""
        keys = ("product", *SEVERAL, "destinations", "when", "price", "versions")
        values = reader.record(node, field, optional=keys)
        if values is None:
            return []
        if not any(name in values for name in SEVERAL):
            reader.require(node, field, values, ("product",))
        codes = read_priced(reader, key, values, field, self._products)
        if ("price" in values) == ("versions" in values):
            reader.complain(
                node,
                field,
                expected="either price, or versions",
                found="both" if "price" in values else "neither",
            )
            return []
        prices = []
        for code, product_code in codes.items():
            around = Surroundings(
                self._products[product_code],
                currency,
                self._bands,
                self._cards,
                self._matrices,
                allowances,
                self._reach,
                self._products,
                self.exchange,
            )
            price = _read_price(reader, code, values, field, around)
            if price is not None:
                prices.append(price)
        return prices


def _read_price(
    reader: Reader, code: str, values: dict[str, Node], field: str, around: Surroundings
) -> PlanPrice | None:
    if "price" in values:
        price = read_price(reader, values["price"], f"{field}.price", around)
        versions = [] if price is None else [price]
    else:
        versions = _read_versions(reader, values["versions"], f"{field}.versions", around)
    destinations = _read_destinations(reader, values.get("destinations"), f"{field}.destinations")
    condition = read_condition(reader, values.get("when"), f"{field}.when")
    if not versions:
        return None
    when: str | UnsetType = UNSET
    if "when" in values:
        # One that is refused is still a condition: the price takes not all there is.
        when = f"({field})" if condition is None else condition.text
    if condition is not None:
        refuse_close_of_events(reader, values["when"], f"{field}.when", condition, versions)
    return PlanPrice(
        code=code,
        product=around.product.code,
        destinations=destinations,
        when=when,
        versions=tuple(versions),
    )


def _read_allowance(
    reader: Reader, code: str, node: Node, field: str, units: list[str], currency: str
) -> PlanAllowance | None:
    values = reader.record(
        node,
        field,
        optional=(
            *("units", "amount", "consume", "step", "every", "shared_by", "rolls_over", "times"),
            *FITS,
        ),
    )
    if values is None:
        return None
    if ("units" in values) == ("amount" in values):
        found = "both" if "units" in values else "neither"
        reader.complain(node, field, expected="either units, or amount", found=found)
        return None
    period = reader.choice(
        values.get("every"), f"{field}.every", CounterPeriod, CounterPeriod.MONTH
    )
    sharing = reader.choice(
        values.get("shared_by"), f"{field}.shared_by", Sharing, Sharing.SUBSCRIPTION
    )
    times = read_times(reader, values, field, sharing, period)
    if "amount" in values:
        for key in ("consume", "step"):
            if key in values:
                reader.complain(
                    values[key], f"{field}.{key}", expected="units", found="an allowance in money"
                )
        amount = reader.amount(values["amount"], f"{field}.amount")
        if not amount:
            reader.complain(
                values["amount"], f"{field}.amount", expected="an amount above zero", found="0"
            )
            return None
        return PlanAllowance(
            code=code,
            units=amount,
            unit=currency,
            period=period,
            shared_by=sharing,
            money=True,
            rolls_over=read_roll_over(
                *(reader, values.get("rolls_over"), field),
                size=amount,
                unit=currency,
                step=None,
                period=period,
                read_size=reader.amount,
            ),
            times=times,
        )
    text = reader.text(values["units"], f"{field}.units")
    measured = _measured_in(text, units)
    if measured is None:
        if text:
            reader.complain(
                values["units"],
                f"{field}.units",
                expected=f"a quantity of what a product measures: {', '.join(units)}",
                found=quoted(text) + _meant(text, units),
            )
        return None
    consume = reader.choice(values.get("consume"), f"{field}.consume", Consume, Consume.EXACT)
    if (consume is Consume.STEPS) != ("step" in values):
        reader.complain(
            node,
            f"{field}.step",
            expected="a step where consume is steps, and only there",
            found="none" if consume is Consume.STEPS else "one",
        )
    step = None
    if "step" in values:
        step = reader.quantity(values["step"], f"{field}.step", unit=measured)
    size = reader.quantity(values["units"], f"{field}.units", unit=measured)
    if step is not None and step > size:
        reader.complain(
            values["step"],
            f"{field}.step",
            expected=f"no more than the units, {size} {measured}",
            found=f"{step} {measured}",
        )
    return PlanAllowance(
        code=code,
        units=size,
        unit=measured,
        consume=consume,
        step_units=step,
        period=period,
        shared_by=sharing,
        rolls_over=read_roll_over(
            *(reader, values.get("rolls_over"), field),
            size=size,
            unit=measured,
            step=step,
            period=period,
            read_size=partial(reader.quantity, unit=measured),
        ),
        times=times,
    )


def _meant(text: str, units: list[str]) -> str:
    """Return what was meant by a quantity of what one of these units measures; perhaps nothing."""
    return next(filter(None, (meant_quantity(text, unit=unit) for unit in units)), "")


def _measured_in(text: str, units: list[str]) -> str | None:
    """Return the unit, among those that products measure, that a quantity is to be counted in."""
    name = text.rpartition(" ")[2]
    if name in units:
        return name
    kind = unit_of(name).kind
    alike = [unit for unit in units if unit_of(unit).kind == kind]
    # The smallest, so that the conversion is exact.
    return min(alike, key=lambda unit: unit_of(unit).size) if alike else None


def _read_versions(
    reader: Reader, node: Node, field: str, around: Surroundings
) -> list[PriceVersion]:
    versions: list[PriceVersion] = []
    for index, item in enumerate(reader.items(node, field)):
        at = f"{field}[{index + 1}]"
        values = reader.record(item, at, required=("valid_from", "price"), optional=("valid_to",))
        if values is None:
            continue
        since = reader.date(values.get("valid_from"), f"{at}.valid_from")
        until = reader.date(values.get("valid_to"), f"{at}.valid_to")
        price = read_price(reader, values.get("price"), f"{at}.price", around)
        if since and until and until <= since:
            reader.complain(
                values["valid_to"],
                f"{at}.valid_to",
                expected=f"a date after {since}",
                found=quoted(str(until)),
            )
        if price is None or since is None:
            continue
        if versions:
            before = versions[-1]
            assert before.valid_from is not None
            if since.day != 1 and (restates(before) or restates(price)):
                reader.complain(
                    values["valid_from"],
                    f"{at}.valid_from",
                    expected="the first of a month: usage changes what earlier usage of its month "
                    "came to, and a month has one price for that",
                    found=quoted(str(since)),
                )
            elif since.day != 1 and _caps_uncounted_units(before, price):
                reader.complain(
                    values["valid_from"],
                    f"{at}.valid_from",
                    expected="the first of a month: its most of the month is one of units, and those of the "
                    "version before it were not counted, so that as much could be charged once more",
                    found=quoted(str(since)),
                )
            if since <= before.valid_from or (before.valid_to and since < before.valid_to):
                expected = f"a date after {before.valid_from}, where the version before it begins"
                if before.valid_to is not None and since < before.valid_to:
                    expected = f"{before.valid_to}, where the version before it ends, or later"
                reader.complain(
                    values["valid_from"],
                    f"{at}.valid_from",
                    expected=expected,
                    found=quoted(str(since)),
                )
            if before.valid_to is None:
                versions[-1] = msgspec.structs.replace(before, valid_to=since)
        versions.append(msgspec.structs.replace(price, valid_from=since, valid_to=until))
    return versions


def _read_destinations(reader: Reader, node: Node | None, field: str) -> tuple[str, ...]:
    prefixes = []
    for item in reader.items(node, field):
        expected = "digits that a number begins with, without a plus"
        text = reader.text(item, field, expected=expected)
        if text and not (text.isascii() and text.isdigit()):
            reader.complain(item, field, expected=expected, found=quoted(text))
            continue
        prefixes.append(text)
    return tuple(prefixes)


def _caps_uncounted_units(before: PriceVersion, price: PriceVersion) -> bool:
    """Return whether a month comes to so much at the most by units that began to be counted with the
    version."""
    is_capped = price.most_month is not None and is_of_the_month(price)
    return is_capped and not is_of_the_month(before)
