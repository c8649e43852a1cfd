"""What can go wrong while services of our own start; every text ends with the operator action."""

from pathlib import Path

_LAST_LINES = 20


class EmbeddedError(Exception):
    """A broker or database of our own cannot be used as asked."""


class StartFailed(EmbeddedError):
    """A service of our own did not come up; the text shows the end of its log."""


class DownloadFailed(EmbeddedError):
    """A file that the embedded Kafka needs cannot be had."""


def start_failed(service: str, why: str, log: Path) -> StartFailed:
    """Return the error for a service that did not start: why, its log's end, what to do."""
    return StartFailed(
        f"{service} did not start: {why}. The end of {log}:\n{_end_of(log)}\n"
        "Operator action: remove the cause that the log names (often a full disk, too little "
        "memory or a data folder of another version), then start again."
    )


def _end_of(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "  (there is no log)"
    return "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  (the log is empty)"
