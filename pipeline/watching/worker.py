"""Runs the watch worker, and ends it in time."""

from __future__ import annotations

import os
import signal
import threading

import faust
import structlog

from pipeline.app import run_worker

_log = structlog.get_logger(__name__)
_STOP_S = 10.0


class WatchWorker(faust.Worker):
    """A worker that is gone ten seconds after it was to stop, whatever its client still waits for.

    Where the broker is gone the framework may wait for ever for what its consumer's thread was asked.
    Nothing is lost by not waiting: what was counted is in the tables, and no money passes here.
    """

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        _end_in_time(0)
        super()._schedule_shutdown(signal)

    def stop_and_shutdown(self) -> None:
        _end_in_time(1)
        super().stop_and_shutdown()


def run_watch_worker(app: faust.App) -> None:
    """Run the watch worker until TERM or INT; ends the process."""
    run_worker(app, worker_type=WatchWorker)


def _end_in_time(code: int) -> None:
    ending = threading.Timer(_STOP_S, _end, (code,))
    ending.daemon = True
    ending.start()


def _end(code: int) -> None:
    _log.warning("watch_ended_hard", waited_s=_STOP_S)
    os._exit(code)
