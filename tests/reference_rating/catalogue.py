"""The catalogue as its files say it: text, found again at every question."""

from ruamel.yaml import YAML

from tests.reference_rating import rows
from tests.reference_rating.clock import Clock
from tests.reference_rating.extending import written_out


class Catalogue:
    """What is in the files of one catalogue."""

    def __init__(self, files):
        self.sections = YAML(typ="base", pure=True).load(files["plans.yaml"])  # texts alone
        self.clock = Clock(self.sections.get("bands", {}), self.sections.get("calendars", {}))
        self.rows = {name: rows.read(text) for name, text in files.items() if name.endswith(".csv")}

    def product(self, code):
        """Return what a product says of itself."""
        return self.sections["products"][code]

    def plan(self, code):
        """Return a plan with all that it inherits; sections that are not stated are empty."""
        return written_out(self.sections["plans"], code)

    def prices(self, plan, product):
        """Return the prices that a plan has for a product, in its order, by code."""
        product_type = self.product(product)["type"]
        found = []
        for code, price in self.plan(plan)["prices"].items():
            if price.get("product") == product:
                found.append((code, price))
            elif product in price.get("products", ()) or price.get("product_type") == product_type:
                found.append((f"{code}.{product}", price))
        return found

    def bands_of(self, entry):
        """Return the names of the bands of a card or matrix; [None] where it has none."""
        return list(self.sections["bands"][entry["bands"]]) if "bands" in entry else [None]


def versions_of(price):
    """Return what a price is or was, of each version."""
    return [price["price"]] if "price" in price else [each["price"] for each in price["versions"]]


def version_on(price, day):
    """Return what of a price is in force on a day, such as 2026-10-05; or None."""
    if "price" in price:
        return price["price"]
    versions = price["versions"]
    for place, version in enumerate(versions):
        following = versions[place + 1]["valid_from"] if place + 1 < len(versions) else None
        end = version.get("valid_to") or following
        if version["valid_from"] <= day and (end is None or day < end):
            return version["price"]
    return None
