"""Planting a bug in a copy of the tree, and running suites on it until one fails.

One copy serves many bugs, one after the other: nothing that a suite does stays in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.planted.bugs import SIMULATION, Bug

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 150
"""Of the simulation, from the bug's own one on."""

_TREE = (
    "native", "schemas", "mediation", "rating", "counters", "billing", "sources", "sinks", "pipeline",
    "tests", "deploy", "pyproject.toml",
)  # fmt: skip
_SUITE_S = 300


class Caught(NamedTuple):
    """Which suite failed on a planted bug, and what it said; None where none did."""

    bug: str
    suite: str | None
    said: str
    seconds: float


class DoesNotFit(Exception):
    """An edit's old text is not there exactly once: the code has changed, the bug must too."""


def plant(bug: Bug, tree: Path) -> None:
    """Edit the files of a tree; `DoesNotFit` where the code is another."""
    for edit in bug.edits:
        path = tree / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1:
            raise DoesNotFit(
                f"{bug.name}: {edit.file} has this {text.count(edit.old)} times:\n{edit.old}"
            )
        path.write_text(text.replace(edit.old, edit.new))
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()  # of the code that was there before


@contextmanager
def copied(*, compiled: bool = False) -> Iterator[Path]:
    """Yield a copy of the tree; it is gone afterwards. ``compiled``: with what is compiled in `native/`, for
    the bugs that are planted there; the others are of Python, and the laws hold one to the other."""
    with tempfile.TemporaryDirectory(prefix="ratemill-planted-") as folder:
        # Others must reach what lies in it: PostgreSQL runs as another user when we are root.
        Path(folder).chmod(0o755)
        tree = Path(folder) / "tree"
        for name in _TREE:
            source = ROOT / name
            if source.is_dir():
                # With the bytecode: it is as new as its source, and need not be made again.
                left_out = ("planted",) if compiled else ("planted", "*.so")
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns(*left_out))
            else:
                tree.mkdir(exist_ok=True)
                shutil.copy(source, tree / name)
        yield tree


def catch(bug: Bug, services: Mapping[str, str], *, tree: Path, profile: str = "found") -> Caught:
    """Return what the bug's suites make of it in a copy of the tree, which is as before afterwards.

    ``services``: the environment in which suites find a Kafka and a PostgreSQL that run already;
    where it is empty they start their own. ``profile``: of Hypothesis, see `tests/conftest.py`.
    """
    began_s = time.monotonic()
    sound = {edit.file: (tree / edit.file).read_bytes() for edit in bug.edits}
    modules = compiled_of(bug)
    if modules:
        for path in (tree / "native").iterdir():
            if path.name == "built_from.txt" or path.name.split(".")[0] in modules:
                sound[f"native/{path.name}"] = path.read_bytes()
    try:
        plant(bug, tree)
        if modules:
            _compile(modules, tree)
        for suite in bug.suites:
            said = _failure(suite, tree, services, seed=bug.seed, profile=profile)
            if said is not None:
                return Caught(bug.name, suite, said, time.monotonic() - began_s)
    finally:
        for file, content in sound.items():
            (tree / file).write_bytes(content)
    return Caught(bug.name, None, "", time.monotonic() - began_s)


def compiled_of(bug: Bug) -> list[str]:
    """Return the compiled modules that a bug is in."""
    files = [Path(edit.file) for edit in bug.edits if edit.file.startswith("native/")]
    assert all(file.suffix == ".pyx" for file in files), (
        "others are made of a file that is included"
    )
    return sorted({file.stem for file in files})


def _compile(modules: list[str], tree: Path) -> None:
    """Compile modules of the tree. One that does not compile has caught nothing: that is an error of ours."""
    code = "import sys; from deploy.build_native import build; build(sys.argv[1:], optimise='-O0')"
    ran = subprocess.run(
        [sys.executable, "-c", code, *modules],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_SUITE_S,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError("it does not compile:\n" + ran.stderr[-2000:])


def _failure(
    suite: str, tree: Path, services: Mapping[str, str], *, seed: int, profile: str
) -> str | None:
    """Return the line that says how a suite failed; None where it passed.

    ``suite``: `SIMULATION`, or paths for pytest with a blank between them. The seeds of the simulation begin with ``seed``, one after the other, so that none is run
    behind the one that fails.

    A suite that could not run at all has caught nothing: that is an error of ours.
    """
    if suite == SIMULATION:
        words = ["-m", "tests.simulation", "--first", str(seed), "--seeds", str(SEEDS)]
        words += ["--jobs", "1", "--stop"]
    else:
        words = [
            "-m",
            "pytest",
            "-q",
            "-x",
            "--no-header",
            "--numprocesses=0",
            "--tb=no",
            f"--hypothesis-profile={profile}",
            "-p",
            "no:cacheprovider",
            *suite.split(),
        ]
    own = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **services, **own}
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SUITE_S,
        check=False,
    )
    if ran.returncode == 0:
        return None
    lines = [*ran.stdout.splitlines(), *ran.stderr.splitlines()]
    telling = [line for line in lines if line.startswith(("FAILED", "seed "))]
    if not telling:
        raise RuntimeError(f"{suite} did not run:\n" + "\n".join(lines[-15:]))
    return telling[0][:200]
