"""What becomes of an item: each has exactly one outcome, and `verify` adds them up."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class NormaliseOutcome(StrEnum):
    """The outcomes of normalise. Values stand in proofs: add, never rename."""

    NORMALISED = "normalised"  # an event for rate
    DUPLICATE = "duplicate"  # listed, charged once
    SUSPENDED = "suspended"  # refused, with its reason
    IGNORED = "ignored"  # by rule of the mapping: an empty line, a line of column names
    HELD = "held"  # a part that waits for the others
    MERGED = "merged"  # a part that was joined to another
    COMMAND = "command"  # a command, or the end record of a file


@unique
class Settled(StrEnum):
    """What becomes of a record that waits in suspense. Values stand in proofs and tables."""

    RECYCLED = (
        "recycled"  # it was sent through again; what became of it is the new record's outcome
    )
    WRITTEN_OFF = "written_off"  # it was given up
