"""A process that runs the copying stage; in a gap of the commit order it may signal itself.

python -m tests.pipeline.copy_worker INSTALLATION BOOTSTRAP FOLDER NAME [GAP SIGNAL]
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline import transaction
from pipeline.kafka import cluster_id
from pipeline.state import StateStore
from pipeline.transaction import Transaction
from tests.pipeline.copy_stage import CopyMember, copy_settings


class Gap(NamedTuple):
    """Between two steps of the commit order: before or after the n-th call of a function."""

    owner: object
    function: str
    when: Literal["before", "after"]
    call: int = 3


GAPS: Mapping[str, Gap] = {  # of `StagePartition._session`
    "fenced": Gap(Transaction, "fence", "after", call=1),
    "decided": Gap(Transaction, "write", "before"),
    "appended": Gap(transaction, "_check", "after"),
    "committed": Gap(Transaction, "write", "after"),
    "folded": Gap(StateStore, "write", "after"),
}


def _signal_in(gap: Gap, number: signal.Signals) -> None:
    """Let the process send itself a signal in the gap."""
    real = getattr(gap.owner, gap.function)
    calls = 0

    def count(at: str) -> None:
        nonlocal calls
        calls += at == gap.when
        if at == gap.when and calls == gap.call:
            os.kill(os.getpid(), number)

    async def awaited(*args: object, **kwargs: object) -> object:
        count("before")
        result = await real(*args, **kwargs)
        count("after")
        return result

    def called(*args: object, **kwargs: object) -> object:
        count("before")
        result = real(*args, **kwargs)
        count("after")
        return result

    setattr(gap.owner, gap.function, awaited if inspect.iscoroutinefunction(real) else called)


async def _main(installation: str, bootstrap: str, folder: str, name: str) -> None:
    settings = copy_settings(installation, batch_records=20)
    member = CopyMember(
        settings,
        bootstrap=bootstrap,
        cluster=await cluster_id(bootstrap),
        folder=Path(folder) / name,
        instance_id=name,
    )
    async with member.running():
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) > 5:
        _signal_in(GAPS[sys.argv[5]], signal.Signals[sys.argv[6]])
    asyncio.run(_main(*sys.argv[1:5]))
