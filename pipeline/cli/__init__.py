"""The command line `ratemill`; nothing heavy is imported before a command needs it."""

from __future__ import annotations


def main() -> None:
    """Run the command that the arguments ask for, and exit with its code (see `exits.py`)."""
    try:
        from pipeline.cli.program import run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(run())
