"""Prometheus's own checker and server, of Debian's package `prometheus`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Return the path of `promtool` or `prometheus`.

    Where it is not installed the test is skipped; on CI it fails, since `.ci/run` installs it.
    """
    found = shutil.which(name)
    if found is None:
        why = f"{name} is not installed: Debian's package `prometheus` has it, see .ci/run"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


def run_promtool(
    *words: str | Path, given: str | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what a call of promtool came to."""
    return subprocess.run(
        [program("promtool"), *map(str, words)],
        input=given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
