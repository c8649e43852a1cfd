"""The name of one demo run: an installation of its own."""

from __future__ import annotations

import datetime as dt
import secrets


def demo_installation(now: dt.datetime) -> str:
    """Return a prefix that says when the demo ran, and that no other run has."""
    return f"demo_{now.astimezone(dt.UTC):%y%m%d_%H%M%S}_{secrets.token_hex(2)}"
