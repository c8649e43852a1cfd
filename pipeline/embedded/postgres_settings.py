"""The settings of the embedded PostgreSQL, given on its command line, each with its reason."""

from __future__ import annotations

from pipeline.embedded.ports import LOOPBACK

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # its path may be longer than a socket's may be
    "shared_buffers": "256MB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",  # a bulk load then waits for fewer checkpoints
    "checkpoint_completion_target": "0.9",
    "max_connections": "100",
    # What was acknowledged must survive a power cut; both are the defaults, and must stay.
    "fsync": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "logging_collector": "off",  # its output is our log file
}


def arguments(*, port: int) -> list[str]:
    """Return the command-line arguments of `postgres` for that port."""
    settings = {**_SETTINGS, "port": str(port)}
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
