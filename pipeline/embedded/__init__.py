"""Kafka, PostgreSQL and worker processes of our own, for one machine without Docker."""

from pipeline.embedded.errors import EmbeddedError
from pipeline.embedded.options import EmbeddedOptions, options_from
from pipeline.embedded.services import (
    Endpoints,
    Services,
    ensure_services,
    running_services,
    stop_services,
)
from pipeline.embedded.supervisor import Supervisor

__all__ = [
    "EmbeddedError",
    "EmbeddedOptions",
    "Endpoints",
    "Services",
    "Supervisor",
    "ensure_services",
    "options_from",
    "running_services",
    "stop_services",
]
