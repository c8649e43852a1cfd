"""What may be set for services of our own, and the defaults."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The one that every Maven uses when nothing else is configured.
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"


@dataclass(frozen=True)
class EmbeddedOptions:
    cache: Path
    maven_repository: str  # base URL, without a slash at its end
    kafka_heap_mb: int = 512  # 300 to 450 MB resident were measured with it
    start_timeout_s: int = 120  # a slow disk may need most of it after a crash
    # More settings of the broker; they win. "{port}" and "{controller_port}" stand for its ports.
    kafka_settings: Mapping[str, str] = field(default_factory=dict)


def options_from(environment: Mapping[str, str], *, home: Path | None = None) -> EmbeddedOptions:
    """Return the options that RATEMILL_CACHE, _MAVEN_REPOSITORY and _KAFKA_HEAP_MB ask for."""
    home = home or Path.home()
    cache_home = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    repository = (
        environment.get("RATEMILL_MAVEN_REPOSITORY")
        or _first_mirror(home / ".m2" / "settings.xml")
        or MAVEN_CENTRAL
    )
    return EmbeddedOptions(
        cache=Path(environment.get("RATEMILL_CACHE") or cache_home / "ratemill"),
        maven_repository=repository.rstrip("/"),
        kafka_heap_mb=int(environment.get("RATEMILL_KAFKA_HEAP_MB") or 512),
    )


def options_of_this_process() -> EmbeddedOptions:
    """Return the options of the environment that this process was started with."""
    return options_from(os.environ)


def _first_mirror(settings: Path) -> str | None:
    """Return the URL of the first mirror that Maven would ask for its central repository."""
    try:
        root = ET.parse(settings).getroot()
    except (OSError, ET.ParseError):
        return None
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        covers = {part.strip() for part in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        blocked = (mirror.findtext("{*}blocked") or "").strip() == "true"
        url = (mirror.findtext("{*}url") or "").strip()
        if url and not blocked and covers & {"*", "central", "external:*"}:
            return url
    return None
