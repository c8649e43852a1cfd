"""Whether the workers of this machine read usage by the mappings that a command sees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediation.decode.item import Decoder


def not_loaded(decoder: Decoder, *, folder: Path) -> str:
    """Return that workers which run here do not read by a mapping as it is now, and what to do.

    Empty where they do, and where none says what it reads: none runs here, or without metrics. It
    costs a look at a few small files in ``folder``, where workers say that they run.
    """
    from mediation.decode.item import content_of
    from pipeline.cli.workers import announced_workers

    said = []
    for worker in announced_workers(folder):
        with suppress(OSError, ValueError, KeyError):
            said.append(dict(json.loads(worker.path.read_text())["mappings"]))
    return words_of_not_loaded(decoder.name, content_of(decoder), said)


def words_of_not_loaded(name: str, version: str, loaded: Iterable[Mapping[str, str]]) -> str:
    """Return the sentences of `not_loaded`; ``loaded``: the mappings of each worker, as in proofs."""
    read = {each.get(name) for each in loaded}
    if read <= {version}:
        return ""
    what = (
        f"have not loaded the mapping {name}, so that this usage will wait in suspense"
        if None in read
        else f"read the mapping {name} as it was when they started"
    )
    return (
        f"Workers that run here {what}. To do: `ratemill down`, then `ratemill up --detach` with "
        "RATEMILL_MAPPINGS set as it is here; then `ratemill suspense recycle` for what was refused."
    )
