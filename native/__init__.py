"""The hot path compiled, where a C compiler was there when Ratemill was installed.

Each module here does what a Python twin in another room does, to the same bytes, and has no rule of
its own. A twin asks `compiled` for it once, at its import, and is used itself where there is none.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

PYTHON_ONLY = "RATEMILL_PYTHON_ONLY"
"""Set to 1, nothing compiled is used: to compare, or to tell whose fault something is."""


def compiled(name: str) -> ModuleType | None:
    """Return a compiled module of this room; None where it was not compiled or is not wanted."""
    if os.environ.get(PYTHON_ONLY) == "1":
        return None
    try:
        return importlib.import_module(f"native.{name}")
    except ModuleNotFoundError:
        return None
