"""An environment of its own for each compared program, made when it is first asked for."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare.programs import Program
from pipeline.embedded.children import leashed
from pipeline.errors import RatemillError

Tell = Callable[[str], None]

_INSTALL_S = 600


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
        await _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        await _run([*pip, "--require-hashes", "-r", str(program.requirements)])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / "installed").touch()
    return python


async def command_of(program: Program, data: Path, *, tell: Tell) -> list[str]:
    """Return the command that runs the program, but for its task; see `python_of`."""
    return [str(await python_of(program, data, tell=tell)), "-m", program.module]


async def _run(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *leashed(command, dies_on=signal.SIGKILL),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_INSTALL_S):
            _, errors = await process.communicate()
    except TimeoutError:
        errors = f"no end within {_INSTALL_S} s".encode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines()
        raise RatemillError(
            f"`{' '.join(command)}` failed: {said[-1] if said else 'it said nothing'}. Nothing was "
            "measured. Operator action: see that pip reaches its index from here and that this "
            "Python has venv; call again, it begins anew."
        )
