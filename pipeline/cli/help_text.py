"""How examples are written below the help of a command."""

from __future__ import annotations

import inspect

import typer


def examples(*lines: str) -> str:
    """Return the epilog of a command: its examples, one a line."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    shown = [f"  [bold]{line.replace('[', chr(92) + '[')}[/]" for line in lines]
    return "\n\n".join([title, *shown])


def unwrap(app: typer.Typer) -> None:
    """Let the terminal wrap the help of every command: source lines are not the reader's."""
    for command in app.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(one.splitlines()) for one in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            unwrap(group.typer_instance)
