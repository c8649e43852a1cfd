"""What goes wrong with a file: the outside is not ready, or is not what it was said to be."""

from __future__ import annotations


class SourceFileError(Exception):
    """A file cannot be read. The message is for the operator and ends with the action to take."""


class FileStillWritten(SourceFileError):
    """A file whose writer is not done with it; the same file can be read later."""


class FileDamaged(SourceFileError):
    """A file that ends in the middle or does not unpack; it has to be fetched again."""
