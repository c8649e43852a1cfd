"""One file over HTTP into one file, through the proxies that the environment names."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

from pipeline.embedded.errors import DownloadFailed

_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 30  # of silence, not of the whole file
_TRIES = 3
_PAUSE_S = 1.0


def to_file(url: str, target: Path, *, stop: threading.Event) -> None:
    """Write what the URL gives; a moment's trouble is tried again, an answer of "no" is not."""
    for left in reversed(range(_TRIES)):
        try:
            return _once(url, target, stop)
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500 or not left:
                    raise _failed(url, f"the server answered {error.code}") from error
        except OSError as error:
            if not left:
                raise _failed(url, str(error)) from error
        stop.wait(_PAUSE_S)
    raise AssertionError("the last try returns or raises")


def _once(url: str, target: Path, stop: threading.Event) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as source, target.open("wb") as copy:
        while block := source.read(_BLOCK_BYTES):
            if stop.is_set():
                raise DownloadFailed(f"{url}: stopped. Operator action: start again.")
            copy.write(block)


def _failed(url: str, why: str) -> DownloadFailed:
    return DownloadFailed(
        f"{url} cannot be fetched: {why}. Operator action: check the network and the proxy "
        "settings (https_proxy), or set RATEMILL_MAVEN_REPOSITORY to a Maven repository that this "
        "machine reaches, or copy the cache folder (RATEMILL_CACHE) of a machine that has it, or "
        "set RATEMILL_KAFKA_BOOTSTRAP to a Kafka of yours."
    )
