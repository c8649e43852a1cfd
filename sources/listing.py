"""Which files there are to read: the paths somebody named, folders searched to the bottom."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sources.errors import SourceFileError

# What transfers write to before they rename: 3GPP's `.tmp`, browsers and rsync, WinSCP.
UNFINISHED_SUFFIXES = (".tmp", ".part", ".filepart")


class Listing(NamedTuple):
    """The files to read, in order, and those of the folders that were passed over."""

    files: tuple[Path, ...]
    ignored: tuple[Path, ...]


def list_files(paths: Sequence[Path]) -> Listing:
    """Return each file once: what is named in the order given, a folder's files by name.

    In folders, hidden files and those with `UNFINISHED_SUFFIXES` are passed over. A file that is
    named itself is read whatever its name. Links to folders are not followed.
    """
    files: list[Path] = []
    ignored: list[Path] = []
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise SourceFileError(f"{path} does not exist. Operator action: check the path.")
        found = _in_folder(path, ignored) if path.is_dir() else [path]
        for file in found:
            # Two files of one source in two orders would make a conflict of a duplicate.
            if (real := file.resolve()) not in seen:
                seen.add(real)
                files.append(file)
    return Listing(files=tuple(files), ignored=tuple(ignored))


def _in_folder(folder: Path, ignored: list[Path]) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES):
                ignored.append(Path(here, name))
            else:
                yield Path(here, name)
