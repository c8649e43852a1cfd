"""Workers whose clock is wrong: libfaketime before every reading of it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_NEAR_S = 300


def library() -> Path | None:
    """Return libfaketime, where it is installed."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern[1:])]
    return found[0] if found else None


def why_not() -> str | None:
    """Return why no clock can be set wrong here, or nothing."""
    if library() is None:
        return "there is no libfaketime. Operator action: apt-get install libfaketime"
    return None


def variables(offset_s: int) -> dict[str, str]:
    """Return the variables of a process whose clock is off by so much."""
    path = library()
    assert path is not None
    return {
        "LD_PRELOAD": str(path),
        "FAKETIME": f"{offset_s:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def clock_is_off(stage: str, offset_s: int) -> Fault:
    """Return the fault, which the workers were started with: it looks whether it is there."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        name = play.workers.name_of(moving.pid)
        assert name is not None
        said = _INSTANT.findall(play.workers.log(name))[-1]
        now = dt.datetime.now(dt.UTC)  # noqa: TID251  (the clock is what this is about)
        off_s = (dt.datetime.fromisoformat(said) - now).total_seconds()
        assert abs(off_s - offset_s) < _NEAR_S, f"the clock of {name} is off by {off_s:.0f} s"
        return Hit(f"clock {offset_s:+d} s", moving=moving.partitions, note=name)

    return strike
