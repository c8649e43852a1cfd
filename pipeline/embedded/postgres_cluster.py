"""The files of one PostgreSQL: made whole or not at all, with a password of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.embedded import children
from pipeline.embedded.children import User
from pipeline.embedded.postgres_user import (
    cluster_parent,
    open_to_all,
    programs,
    user_to_run_as,
)

ROLE = DATABASE = "ratemill"


@dataclass(frozen=True)
class Cluster:
    root: Path  # in the data folder: password, port
    base: Path  # belongs to the user it runs as
    programs: Path
    user: User | None
    log: Path

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def ports(self) -> Path:
        return self.root / "ports"


def dsn(root: Path, address: str) -> str:
    """Return the DSN with the password of that folder's cluster, at `host:port`."""
    password = (root / "password").read_text().strip()
    return f"postgresql://{ROLE}:{quote(password)}@{address}/{DATABASE}"


async def ensure_cluster(root: Path, log: Path) -> Cluster:
    """Return the cluster of this folder; the first time it is made, with one empty database."""
    cluster = _located(root, log)
    if not cluster.data.exists():
        await _make(cluster)
    return cluster


def _located(root: Path, log: Path) -> Cluster:
    root.mkdir(parents=True, exist_ok=True)
    user = user_to_run_as()
    parent = cluster_parent(root, user)
    return Cluster(root, parent / "cluster", programs(user), user, log)


async def _make(cluster: Cluster) -> None:
    _make_base(cluster)
    password = secrets.token_urlsafe(24)
    _write_secret(cluster.root / "password", password, None)
    unfinished = cluster.base / f"data.{uuid.uuid4().hex}"
    words = cluster.base / f"password.{uuid.uuid4().hex}"
    _write_secret(words, password, cluster.user)
    try:
        await _initdb(cluster, unfinished, words)
        await _create_database(cluster, unfinished)
        unfinished.rename(cluster.data)
    finally:
        words.unlink()
        shutil.rmtree(unfinished, ignore_errors=True)


async def _initdb(cluster: Cluster, data: Path, password_file: Path) -> None:
    command = [str(cluster.programs / "initdb"), "-D", str(data), "-U", ROLE, "-E", "UTF8"]
    options = ["--no-locale", "-A", "scram-sha-256", f"--pwfile={password_file}"]
    quiet = ["--no-instructions"]
    await children.run("PostgreSQL", [*command, *options, *quiet], cluster.log, user=cluster.user)


async def _create_database(cluster: Cluster, data: Path) -> None:
    """Use the single-user mode: there is no server yet that could be half way when we end."""
    command = [str(cluster.programs / "postgres"), "--single", "-D", str(data), "postgres"]
    statement = f"CREATE DATABASE {DATABASE};\n".encode()
    await children.run("PostgreSQL", command, cluster.log, user=cluster.user, stdin=statement)


def _make_base(cluster: Cluster) -> None:
    cluster.base.parent.mkdir(parents=True, exist_ok=True)
    cluster.base.mkdir(mode=0o700, exist_ok=True)
    if cluster.base.parent != cluster.root:
        open_to_all(cluster.base.parent.parent, cluster.base.parent)
    if cluster.user:
        os.chown(cluster.base, cluster.user.uid, cluster.user.gid)


def _write_secret(path: Path, secret: str, owner: User | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w") as file:
        if owner:
            os.fchown(handle, owner.uid, owner.gid)
        file.write(secret)
