"""The workers of this machine in the form that Prometheus reads: `file_sd_configs`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pipeline.embedded.processes import identify

_ANY = ("0.0.0.0", "::")


def write_target(folder: Path, *, installation: str, stage: str, host: str, port: int) -> None:
    """Write where this process answers, below the run folder of its installation.

    Files of processes that have ended are removed: a worker that was started again is at another
    port, and the old one would count as down for ever.
    """
    folder = folder / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*-*.json"):
        pid = path.stem.rpartition("-")[2]
        if not pid.isdigit() or identify(int(pid)) is None:
            path.unlink(missing_ok=True)
    reached = "127.0.0.1" if host in _ANY else f"[{host}]" if ":" in host else host
    words = [{"targets": [f"{reached}:{port}"], "labels": {"installation": installation}}]
    path = folder / f"{stage}-{os.getpid()}.json"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(words))
    unfinished.replace(path)
