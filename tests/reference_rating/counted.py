"""All that was counted so far, by names of its own."""

from collections import defaultdict
from fractions import Fraction

from tests.reference_rating.clock import local


class Counted(defaultdict):
    """Numbers by key. Keys have the month or day, by the wall clock of the account."""

    def __init__(self):
        super().__init__(Fraction)

    @staticmethod
    def month(event, what):
        """Return the key of a subscription, a price and the month of an event."""
        month = f"{local(event['started_ms'], event['zone']):%Y-%m}"
        return (what, event["subscription"], event["price"], month)

    @staticmethod
    def day(event, what):
        """Return the same for the day of an event."""
        day = f"{local(event['started_ms'], event['zone']):%Y-%m-%d}"
        return (what, event["subscription"], event["price"], day)

    @staticmethod
    def of_allowance(event, name, allowance, month):
        """Return the key of an allowance, of the subscription or of the account, of a month or of the
        day of an event."""
        moment = local(event["started_ms"], event["zone"])
        whose = "" if allowance.get("shared_by") == "account" else event["subscription"]
        period = f"{moment:%Y-%m-%d}" if allowance.get("every") == "day" else month
        return ("allowance", whose, name, period)

    @staticmethod
    def of_product(product, month):
        """Return the key of what an account used of a product in a month."""
        return ("product", product, month)
