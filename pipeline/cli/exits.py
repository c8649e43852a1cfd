"""The exit codes of every command: scripts may rely on them."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Exit(IntEnum):
    """What a command ends with; `docs/cli.md` has the same table, and a test compares them."""

    OK = 0  # done, or nothing left to do
    FAILED = 1  # a check failed: does not reconcile, or the catalogue or a file is not in order
    USAGE = 2  # the command line or a setting is wrong; nothing was done
    UNREACHABLE = 3  # broker or database does not answer
    REFUSED = 4  # what was asked is not allowed: a broken catalogue, another installation
    INTERNAL = 70  # a bug of ours
    INTERRUPTED = 130  # Ctrl-C; what was started is stopped
    TERMINATED = 143  # TERM; what was started is stopped
