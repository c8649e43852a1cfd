"""What a compared program is told, and what it answers when its last record is committed."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a program, over a topic that is filled already."""

    name: str  # of the application or group, and the prefix of its topics
    bootstrap: str
    events_topic: str
    charges_topic: str
    events: int  # how many lie in the topic
    warm_up: int  # so many of them are rated before the CPU is counted
    catalogue: str  # folder
    scratch: str  # folder for state
    figures: str  # the file that it writes at its end


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """From the first record after the warm-up to the last commit."""

    events: int  # with those of the warm-up
    cpu_s: float  # of the process with all its threads, as the system counts it
    took_s: float


def read_task() -> Task:
    """Return the task in the file that the command line names."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Task)


class Meter:
    """Starts with the first record after the warm-up; nothing that was there before is looked at again as garbage."""

    def __init__(self, task: Task) -> None:
        self.events = 0
        self._task = task
        self._cpu_ns = self._at_ns = 0
        gc.collect()
        gc.freeze()  # as our own workers: the card is no garbage

    def count(self) -> None:
        """Count one more record."""
        if self.events == self._task.warm_up:
            self._cpu_ns, self._at_ns = time.process_time_ns(), time.monotonic_ns()
        self.events += 1

    def write(self) -> None:
        """Write what was taken since then."""
        answer = Answer(
            events=self.events,
            cpu_s=(time.process_time_ns() - self._cpu_ns) / 1e9,
            took_s=(time.monotonic_ns() - self._at_ns) / 1e9,
        )
        unfinished = Path(self._task.figures).with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(answer))
        unfinished.rename(self._task.figures)
