"""An environment of its own for each compared program, made when it is first asked for."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare.children import run_child
from benchmarks.compare.java import java_command
from benchmarks.compare.programs import Program

Tell = Callable[[str], None]

_TODO = (
    "see that pip reaches its index from here and that this Python has venv; call again, it begins "
    "anew"
)


def environment_folder(program: Program, data: Path) -> Path:
    """Return where the environment is or will be; other pins or another Python have another."""
    made_of = program.requirements.read_bytes() + sys.version.encode()
    digest = hashlib.blake2b(made_of, digest_size=6).hexdigest()
    return data / "compare" / f"{program.name}-{digest}"


async def python_of(program: Program, data: Path, *, tell: Tell) -> Path:
    """Return the interpreter that has the program's packages; they are installed where they lack.

    `RatemillError` where they cannot be; what was begun is removed.
    """
    folder = environment_folder(program, data)
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    tell(f"Installing {program.title} and what it needs into {folder}, once")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        await run_child([sys.executable, "-m", "venv", "--clear", str(folder)], _TODO)
        await run_child([*pip, "--require-hashes", "-r", str(program.requirements)], _TODO)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / "installed").touch()
    return python


async def command_of(program: Program, data: Path, *, tell: Tell) -> list[str]:
    """Return the command that runs the program, but for its task; what it needs is installed."""
    if program.module is None:
        return await java_command(data, tell=tell)
    return [str(await python_of(program, data, tell=tell)), "-m", program.module]
