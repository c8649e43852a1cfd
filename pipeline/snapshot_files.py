"""Snapshots of a partition's state as they lie in a folder: written, listed, checked, copied in.

    <snapshots>/<installation>/<stage>-<partition>/<next offset of the changelog>/manifest.json
                                                                                 /state/...

The files of `state` are copies, not links: a byte that goes wrong in the worker's own files must
not be wrong here too, since the changelog is trimmed behind what lies here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.errors import RatemillError
from pipeline.state import Content, Folded, Interrupted, StateUnavailable, content_of

KEPT = 2  # the newest ones: a damaged one must not be the only one
_FORMAT = 1
_MANIFEST = "manifest.json"
_STATE = "state"
_SCRATCH = ".tmp-"
_SCRATCH_AGE_S = 86_400.0  # what nobody touched for so long, nobody is writing
_CHUNK_BYTES = 1 << 20

GoesOn = Callable[[], bool]
"""Whether the work is still wanted; asked now and then."""


class SnapshotDamaged(RatemillError):
    """A snapshot is not what its manifest says, or has none; the next older one may be used."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is of, and what it holds."""

    format: int
    installation: str
    stage: str
    partition: int
    folded: Folded
    batch: int  # of the proof that it stands at
    source_next: int  # of that proof: the first source position that is not in it
    taken_at_ms: int  # by the worker's clock
    keys: int
    digest: str  # of all keys and values, `state.content_of`
    files: dict[str, tuple[int, str]]  # name: bytes and hash
    seal: str = ""  # hash of all of the above


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot whose manifest could be read."""

    folder: Path
    manifest: Manifest

    @property
    def next_offset(self) -> int:
        """Return the first record of the changelog that is not in it."""
        return self.manifest.folded.next_offset


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Manifest).decode


def partition_folder(snapshots: Path, *, installation: str, stage: str, partition: int) -> Path:
    """Return the folder of the snapshots of one partition's state."""
    return snapshots / installation / f"{stage}-{partition}"


def positions(folder: Path) -> list[int]:
    """Return the changelog positions of what is there, the newest first, readable or not."""
    if not folder.is_dir():
        return []
    return sorted(
        (int(path.name) for path in folder.iterdir() if path.name.isdigit()), reverse=True
    )


def snapshot_at(folder: Path, position: int) -> Snapshot:
    """Return one snapshot by its manifest; `SnapshotDamaged` where that is none of ours."""
    path = folder / _name(position)
    try:
        manifest = _decode((path / _MANIFEST).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise SnapshotDamaged(f"{path} has no readable manifest: {error}") from error
    if manifest.format != _FORMAT or _sealed(manifest).seal != manifest.seal:
        raise SnapshotDamaged(f"{path}: the manifest is damaged, or of another version")
    if manifest.folded.next_offset != position:
        raise SnapshotDamaged(f"{path}: the manifest is that of another snapshot")
    own = partition_folder(
        folder.parent.parent,
        installation=manifest.installation,
        stage=manifest.stage,
        partition=manifest.partition,
    )
    if own != folder:
        raise SnapshotDamaged(f"{path} was copied here from {own.parent.name}/{own.name}")
    return Snapshot(path, manifest)


def check_files(snapshot: Snapshot, *, goes_on: GoesOn = lambda: True) -> None:
    """Return when every file is, byte for byte, what was verified; else `SnapshotDamaged`."""
    state = snapshot.folder / _STATE
    for name, said in snapshot.manifest.files.items():
        _same(snapshot, name, said, _hashed(state / name, None, goes_on=goes_on))


def copy_in(snapshot: Snapshot, target: Path, *, goes_on: GoesOn = lambda: True) -> None:
    """Copy the state to ``target``, which is made, and verify the copy, key by key.

    A snapshot is never opened where it lies. `SnapshotDamaged` where anything differs; then
    nothing is left at ``target``.
    """
    manifest = snapshot.manifest
    state = snapshot.folder / _STATE
    try:
        target.mkdir(parents=True)
        for name, said in manifest.files.items():
            _same(snapshot, name, said, _hashed(state / name, target / name, goes_on=goes_on))
        try:
            content = content_of(target, goes_on=goes_on)
        except StateUnavailable as error:
            raise SnapshotDamaged(f"{snapshot.folder}: {error}") from error
        if content != Content(manifest.folded, manifest.keys, manifest.digest):
            raise SnapshotDamaged(f"{snapshot.folder}: its keys are not those of its manifest")
        _sync_folder(target)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def write_snapshot(
    checkpoint: Path, folder: Path, manifest: Manifest, *, goes_on: GoesOn = lambda: True
) -> Snapshot:
    """Copy a checkpoint into the folder of its partition, verify the copy, and name it.

    ``manifest`` says what the state must be; keys, digest and files are filled in. Written under
    a scratch name, made durable, opened and read whole, and only then renamed; older ones than the
    newest `KEPT` that are whole are removed after that. `SnapshotDamaged` where the state is not at its position,
    or the folder is another installation's, whose snapshots would be removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for other in newest(folder):
        if other.manifest.folded.genesis_id != manifest.folded.genesis_id:
            raise SnapshotDamaged(
                f"{other.folder} is a snapshot of another installation of the same name. Operator "
                "action: set RATEMILL_SNAPSHOTS to a folder of this one's own, or move it away."
            )
    _remove_old_scratch(folder, now_s=manifest.taken_at_ms / 1000)
    scratch = folder / f"{_SCRATCH}{uuid.uuid4().hex}"
    try:
        state = scratch / _STATE
        state.mkdir(parents=True)
        files = {
            path.name: _hashed(path, state / path.name, goes_on=goes_on)
            for path in sorted(checkpoint.iterdir())
        }
        content = content_of(state, goes_on=goes_on)
        if content.folded != manifest.folded:
            raise SnapshotDamaged(f"{checkpoint} is at {content.folded}, not at {manifest.folded}")
        if {path.name for path in state.iterdir()} != set(files):
            raise SnapshotDamaged(f"{state}: reading it left files behind")
        filled = _sealed(
            msgspec.structs.replace(
                manifest, format=_FORMAT, keys=content.keys, digest=content.digest, files=files
            )
        )
        with (scratch / _MANIFEST).open("wb") as file:
            file.write(_encode(filled))
            file.flush()
            os.fsync(file.fileno())
        for each in (state, scratch):
            _sync_folder(each)
        final = folder / _name(manifest.folded.next_offset)
        shutil.rmtree(final, ignore_errors=True)  # one of the same position, perhaps damaged
        scratch.rename(final)
        _sync_folder(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    _remove_older(folder, goes_on=goes_on)
    return Snapshot(final, filled)


def newest(folder: Path) -> Sequence[Snapshot]:
    """Return the snapshots whose manifests can be read, the newest first; files are not looked at."""
    found = []
    for position in positions(folder):
        with contextlib.suppress(SnapshotDamaged):
            found.append(snapshot_at(folder, position))
    return found


def _remove_older(folder: Path, *, goes_on: GoesOn) -> None:
    """Remove what is older than the newest `KEPT` that are whole, byte for byte.

    A damaged one does not count: the changelog may be trimmed behind the whole one before it.
    """
    whole = 0
    for position in positions(folder):
        if whole >= KEPT:
            shutil.rmtree(folder / _name(position), ignore_errors=True)
            continue
        with contextlib.suppress(SnapshotDamaged):
            check_files(snapshot_at(folder, position), goes_on=goes_on)
            whole += 1


def _hashed(source: Path, target: Path | None, *, goes_on: GoesOn) -> tuple[int, str]:
    """Return bytes and hash of a file, copied to ``target`` durably where there is one."""
    digest, size = hashlib.blake2b(digest_size=16), 0
    with contextlib.ExitStack() as stack:
        write = None if target is None else stack.enter_context(target.open("xb"))
        for chunk in _chunks(source, goes_on=goes_on):
            digest.update(chunk)
            size += len(chunk)
            if write is not None:
                write.write(chunk)
        if write is not None:
            write.flush()
            os.fsync(write.fileno())
    return size, digest.hexdigest()


def _chunks(source: Path, *, goes_on: GoesOn) -> Iterator[bytes]:
    """Yield the bytes of a file; `SnapshotDamaged` where they cannot be read, bad sectors too."""
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if not goes_on():
                    raise Interrupted
                yield chunk
    except OSError as error:
        raise SnapshotDamaged(f"{source} cannot be read: {error}") from error


def _same(snapshot: Snapshot, name: str, said: tuple[int, str], found: tuple[int, str]) -> None:
    if found != tuple(said):
        raise SnapshotDamaged(
            f"{snapshot.folder}: {name} has {found[0]} bytes with hash {found[1]}; the manifest "
            f"says {said[0]} with {said[1]}"
        )


def _sealed(manifest: Manifest) -> Manifest:
    bare = msgspec.structs.replace(manifest, seal="")
    seal = hashlib.blake2b(_encode(bare), digest_size=16).hexdigest()
    return msgspec.structs.replace(bare, seal=seal)


def _name(position: int) -> str:
    return f"{position:020d}"


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_old_scratch(folder: Path, *, now_s: float) -> None:
    for path in folder.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):
            if now_s - path.stat().st_mtime > _SCRATCH_AGE_S:
                shutil.rmtree(path, ignore_errors=True)
