"""A child process of a comparison that is only to end well."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from pipeline.embedded.children import leashed
from pipeline.errors import RatemillError

_MOST_S = 600


async def run_child(command: Sequence[str], todo: str) -> None:
    """Return when the command has ended well; `RatemillError` with what to do where it has not.

    It ends with this process, and when this is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        *leashed(command, dies_on=signal.SIGKILL),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    errors = b""
    try:
        async with asyncio.timeout(_MOST_S):
            _, errors = await process.communicate()
    except TimeoutError:
        errors = f"no end within {_MOST_S} s".encode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines()
        raise RatemillError(
            f"`{command[0]}` failed: {said[-1] if said else 'it said nothing'}. Nothing was "
            f"measured. Operator action: {todo}."
        )
