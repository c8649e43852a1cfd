"""How examples are written below the help of a command."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Return the epilog of a command: its examples, one a line."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    shown = [f"  [bold]{line.replace('[', chr(92) + '[')}[/]" for line in lines]
    return "\n\n".join([title, *shown])
