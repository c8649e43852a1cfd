"""Conditions: their language is nearly Python's, so Python answers them."""

from fractions import Fraction
from types import SimpleNamespace


class Attributes(dict):
    """Attributes by name; one that is not there is the empty text."""

    def __missing__(self, name):
        return ""

    def __getattr__(self, name):
        return self[name]


def holds(text, event):
    """Return whether a condition holds of an event; its numbers are whole ones here."""
    if text is None:
        return True
    names = {
        "event": Attributes(event["attributes"]),
        "account": Attributes(event["account"], id="account"),
        "subscription": Attributes(event["of"], id=event["subscription"]),
        "destination": event.get("destination") or "",
        "origin": event.get("origin") or "",
        "service_class": event.get("service_class") or "",
        "quantity": Fraction(event["quantity"]),
        "subscription_month": event.get("subscription_month"),
    }
    return bool(eval(text, {"__builtins__": SimpleNamespace()}, names))
