"""What `ratemill doctor` found: one setting, as it should be and as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting: where it is, what it should say, what it says, what to do."""

    where: str
    setting: str
    expected: str
    found: str
    fits: bool
    action: str = ""
