"""Ports on loopback: the same as last time if nobody took them, so that clients find us again."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"


def choose_ports(memory: Path, *, count: int) -> tuple[int, ...]:
    """Return ports that are free now, and remember them in the file for the next start."""
    ports = _remembered(memory, count) or _free(count)
    memory.write_text(" ".join(map(str, ports)))
    return ports


def forget_ports(memory: Path) -> None:
    """Let the next choice be a new one: somebody else was quicker."""
    memory.unlink(missing_ok=True)


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on that port now."""
    with _probe(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


def accepts(port: int) -> bool:
    """Return whether anybody listens on that port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False


def _remembered(memory: Path, count: int) -> tuple[int, ...] | None:
    try:
        ports = tuple(int(port) for port in memory.read_text().split())
    except (OSError, ValueError):
        return None
    return ports if len(ports) == count and all(is_free(port) for port in ports) else None


def _free(count: int) -> tuple[int, ...]:
    with ExitStack() as together:  # held together, so that no two are the same
        probes = [together.enter_context(_probe()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return tuple(probe.getsockname()[1] for probe in probes)


def _probe(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    probe = socket.socket(family)
    # As the servers do: connections of the last run that linger do not make a port taken.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
