"""What a worker shows of itself over HTTP: `/metrics`, `/livez`, `/readyz`."""

from __future__ import annotations

import importlib.metadata
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from pipeline.errors import SettingsError
from pipeline.health import Check, Health, holds, page_of
from pipeline.metrics import build_info
from pipeline.settings import Settings

_ANSWER_S = 10.0  # a client that says nothing for so long is hung up on
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Monitor:
    """The metrics and the health of one worker process; ``port`` is None where nothing is served."""

    registry: CollectorRegistry
    health: Health
    port: int | None


def start_monitor(
    settings: Settings, *, stage: Literal["normalise", "rate", "load", "watch"]
) -> Monitor:
    """Return a monitor that answers from now on, from threads of its own.

    `SettingsError` where the port of ``RATEMILL_METRICS_PORT`` cannot be had.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, which nobody reads
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build_info(registry, version=importlib.metadata.version("ratemill"))
    health = Health(
        # Past it the group has given our partitions away, so that a restart loses nothing.
        alive_within_s=settings.max_poll_interval_ms / 1000,
        needs_database=stage == "load",
    )
    port = None if settings.metrics_port < 0 else _serve(settings, registry, health)
    return Monitor(registry, health, port)


def _serve(settings: Settings, registry: CollectorRegistry, health: Health) -> int:
    pages: dict[str, Callable[[], list[Check]]] = {"/livez": health.live, "/readyz": health.ready}

    class Handler(BaseHTTPRequestHandler):
        """Answers GET for three paths and logs nothing."""

        timeout = _ANSWER_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, kind, encode(registry))
            elif path in pages:
                checks = pages[path]()
                self._answer(200 if holds(checks) else 503, _TEXT, page_of(checks).encode())
            else:
                self._answer(404, _TEXT, b"There are /metrics, /livez and /readyz.\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    server = _listening(settings.metrics_host, settings.metrics_port, Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # As on a restart: connections of the last run that linger do not make the port taken.
        allow_reuse_address = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: who asked has hung up."""

    try:
        return Server((host, port), handler)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Metrics and health cannot be served at {host}:{port}: "
            f"{error.strerror if isinstance(error, OSError) else error}. Operator action: free the "
            "port, or set RATEMILL_METRICS_PORT (0: a free one) and RATEMILL_METRICS_HOST."
        ) from error
