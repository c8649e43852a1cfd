"""Rating what was rated once more, and comparing every byte of it."""

from pipeline.replaying.report import Report, Window
from pipeline.replaying.run import replay

__all__ = ["Report", "Window", "replay"]
