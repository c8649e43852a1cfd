"""Becomes another program: as another user, and dying with the process that started it.

Run as a script by `children.spawn`. It sets these things after the fork and before the
program, where a function in the forked copy of a process with threads may dead-lock.

    leash.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT...

SIGNAL 0: it may outlive its parent. UID -1: as we are. PROGRAM is a path: the user may not be
able to read the rest of Python, which a search would need.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process; it comes back only as an error with exit code 127."""
    parent, signal, uid, gid = (int(word) for word in arguments[:4])
    program = arguments[4:]
    try:
        if uid >= 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if signal > 0:
            _die_with(parent, signal)  # after the user: a change of user clears it
        os.execv(program[0], program)
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be started: {error}\n")
        sys.exit(127)


def _die_with(parent: int, signal: int) -> None:
    if not sys.platform.startswith("linux"):
        return  # elsewhere a hard end of the parent leaves the child; `ratemill down` finds it
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
