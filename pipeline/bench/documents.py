"""The measured blocks of docs/performance.md and docs/scaling.md, written from a result."""

from __future__ import annotations

from pathlib import Path

from pipeline.bench.performance_text import performance_text
from pipeline.bench.result import BenchResult
from pipeline.bench.scaling_text import scaling_text
from pipeline.errors import RatemillError

BEGIN = "<!-- measured: written by `make bench` -->\n"
END = "<!-- end of measured -->\n"
DOCUMENTS = ("performance.md", "scaling.md")


class NoPlace(RatemillError):
    """A document is not there, or has lost the marks of its measured block."""


def with_block(document: str, block: str, *, name: str) -> str:
    """Return the document with the block between its two marks; `NoPlace` where they are not."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlace(
            f"{name} has no lines {BEGIN.strip()} and {END.strip()}, in this order. Operator "
            "action: put them where the measured block is to stand."
        )
    return f"{before}{begin}\n{block.rstrip()}\n\n{end}{after}"


def check_documents(folder: Path) -> None:
    """Raise `NoPlace` where a document cannot be written, before anything is measured."""
    for name in DOCUMENTS:
        with_block(_read(folder / name), "", name=name)


def write_documents(folder: Path, result: BenchResult, *, earlier: BenchResult | None) -> None:
    """Write the measured blocks."""
    blocks = dict(
        zip(DOCUMENTS, (performance_text(result, earlier), scaling_text(result)), strict=True)
    )
    for name, block in blocks.items():
        path = folder / name
        path.write_text(with_block(_read(path), block, name=name), encoding="utf-8")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NoPlace(
            f"{path} cannot be read: {error}. Operator action: name the folder that holds "
            f"{' and '.join(DOCUMENTS)} with --docs, such as docs of a checkout."
        ) from error
