"""Row of the table whose faults lie on the disk."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.faults.disk import fill_disk, flip_byte, small_disk
from tests.chaos.feed import raw_records
from tests.chaos.play import PAUSE_S, Fault, Play, playing
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import generated

_WORKERS = ("normalise", "rate", "load")
_STATE_MB = 256  # a RocksDB of each of its partitions, with logs that are made in advance
_TABLES_MB = 256
_MOVE = """
CREATE TABLESPACE {space} LOCATION '{folder}';
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT c.relname, c.relkind FROM pg_class c
        WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'i')
    LOOP
        EXECUTE format('ALTER %s {schema}.%I SET TABLESPACE {space}',
            CASE one.relkind WHEN 'r' THEN 'TABLE' ELSE 'INDEX' END, one.relname);
    END LOOP;
END $$;
"""


async def disks(run: Run) -> None:
    """Disk full under RocksDB and under Postgres; one byte of an SST file flipped."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    with ExitStack() as mounts:
        tables = mounts.enter_context(small_disk(run.new_folder(), megabytes=_TABLES_MB))
        async with (
            own_pair(hurt=True) as pair,
            playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
        ):
            states = mounts.enter_context(
                small_disk(play.settings.state_folder() / "slot-0", megabytes=_STATE_MB)
            )
            await _move_tables(play, tables)
            kinds = (
                lambda: fill_disk("normalise", states, "RocksDB", seconds=3, dies=True),
                lambda: fill_disk("load", tables, "Postgres", seconds=3, dies=False),
                lambda: flip_byte("rate", stage="rate", choose=run.random.choice),
            )
            faults: list[Fault] = [kinds[place % len(kinds)]() for place in range(run.faults)]
            await play.workers.start(*_WORKERS)
            # Slower than elsewhere: a flipped byte is seen once usage asks for what it is in.
            await play.under_load(faults, raw_records(usage.folder), pause_s=6 * PAUSE_S)
            await play.through()
            await run.check(play)


async def _move_tables(play: Play, folder: Path) -> None:
    """Put every table and index of the installation on the small disk."""
    inside = _folder_of(play.pair.pid("postgres"), folder)
    statement = _MOVE.format(
        space=f"small_{secrets.token_hex(3)}", folder=inside, schema=play.settings.installation
    )
    for part in statement.strip().split(";\n", 1):
        await play.here.execute(part)


def _folder_of(pid: int, disk: Path) -> Path:
    """Return a folder on the disk that belongs to the user of a process, who can reach it."""
    owner = Path(f"/proc/{pid}").stat()
    inside = disk / "tables"
    inside.mkdir(mode=0o700)
    os.chown(inside, owner.st_uid, owner.st_gid)
    _reachable(disk)
    return inside


def _reachable(folder: Path) -> None:
    """Let the database's user walk down to a folder."""
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o111)
