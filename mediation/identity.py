"""What makes two records the same: the record id, and the identities made of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.ids import EventIdentity, digest_of, event_identity

__all__ = ["command_identity", "event_identity", "file_identity", "record_id_of", "row_record_id"]


def record_id_of(*parts: str) -> str:
    """Return the record id of several fields, readable, and different for any other fields.

    They are joined with ``/``; a ``/`` or ``~`` inside a field is written as in a JSON pointer
    (RFC 6901), so ("a/b", "c") and ("a", "b/c") differ.
    """
    joined = "/".join(parts)
    if "~" in joined or joined.count("/") >= len(parts):
        return "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
    return joined


def row_record_id(cells: Sequence[str]) -> str:
    """Return the record id of a row that has no id of its own: of all its cells.

    Two equal rows are then one event. It begins with ``/``, as no id made of fields does.
    """
    return "/row/" + digest_of(msgspec.msgpack.encode(cells)).hex()


def command_identity(*, tenant: str, command_id: str) -> EventIdentity:
    """Return the identity of a command; an event's is of three fields, so it is never the same."""
    return EventIdentity(digest_of(b"command", tenant.encode(), b"", command_id.encode()))


def file_identity(*, tenant: str, source: str, file_id: str) -> EventIdentity:
    """Return the identity of one attempt to read one file."""
    return EventIdentity(digest_of(b"file", tenant.encode(), source.encode(), file_id.encode()))
