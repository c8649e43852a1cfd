"""The hot path compiled, where a C compiler was there when Ratemill was installed.

Each module here does what a Python twin in another room does, to the same bytes, and has no rule of
its own. A twin asks `compiled` for it once, at its import, and is used itself where there is none.
"""

from __future__ import annotations

import importlib
import os
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.resources import files
from importlib.util import find_spec
from types import ModuleType

PYTHON_ONLY = "RATEMILL_PYTHON_ONLY"
"""Set to 1, nothing compiled is used: to compare, or to tell whose fault something is."""


BUILT_FROM = "built_from.txt"
"""The file that says which sources the compiled modules are of, and which Python they are for."""

_SOURCES = (".pyx", ".pxd", ".h")


def sources_digest() -> str:
    """Return 32 hex digits of the sources of this room, and of the Python that runs: beside modules for
    it others may lie, of older sources."""
    digest = blake2b(EXTENSION_SUFFIXES[0].encode() + b"\0", digest_size=16)
    for path in sorted(files(__name__).iterdir(), key=lambda each: each.name):
        if path.name.endswith(_SOURCES):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_up_to_date() -> bool:
    """Return whether every module is compiled, from the sources that lie here, for the Python that runs."""
    built_from = files(__name__) / BUILT_FROM
    if not built_from.is_file() or built_from.read_text().strip() != sources_digest():
        return False
    modules = [path.name[:-4] for path in files(__name__).iterdir() if path.name.endswith(".pyx")]
    return all(find_spec(f"native.{each}") is not None for each in modules)


WANTED = os.environ.get(PYTHON_ONLY) != "1"
"""Whether what is compiled may be used."""

IN_USE = WANTED and is_up_to_date()
"""Whether compiled modules are used: they were compiled, from the sources that lie here, and are wanted."""


def compiled(name: str) -> ModuleType | None:
    """Return a compiled module of this room; None where none is used."""
    return importlib.import_module(f"native.{name}") if IN_USE else None
