"""Where things lie in a data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded.kafka import KafkaFolder
from pipeline.embedded.run_file import RunFile


@dataclass(frozen=True)
class Layout:
    data: Path

    @property
    def kafka(self) -> KafkaFolder:
        return KafkaFolder(self.data / "kafka", self.logs / "kafka.log")

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def postgres_log(self) -> Path:
        return self.logs / "postgres.log"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def lock(self) -> Path:
        return self.data / "run" / "lock"

    @property
    def run_file(self) -> RunFile:
        return RunFile(self.data / "run" / "services.json")


def layout_of(data: Path) -> Layout:
    """Return the layout of that folder; absolute, since children have another current folder."""
    return Layout(data.absolute())
