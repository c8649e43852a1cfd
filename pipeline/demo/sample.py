"""Where the sample catalogue lies: in a checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import RatemillError

_HERE = Path(__file__).resolve().parent
_PLACES = (
    _HERE.parents[1] / "deploy" / "sample" / "catalogue",  # a checkout, installed editable
    _HERE / "sample" / "catalogue",  # a wheel: see `force-include` in pyproject.toml
)


def sample_catalogue() -> Path:
    """Return the folder of the sample catalogue."""
    for place in _PLACES:
        if place.is_dir():
            return place
    raise RatemillError(
        f"The sample catalogue is in none of {', '.join(map(str, _PLACES))}. Operator action: "
        "install ratemill again."
    )
