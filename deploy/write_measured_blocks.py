"""Write the measured blocks of docs/performance.md and docs/scaling.md from the kept results.

For the one who writes down a reason in pipeline/bench/reasons.toml; `make bench` does it too. A test
compares the documents with what this gives.
"""

import pathlib

from pipeline.bench.documents import write_documents
from pipeline.bench.result import read_result

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAST = ROOT / "benchmarks" / "result.json"
FIRST = ROOT / "benchmarks" / "first.json"


def write_into(folder: pathlib.Path) -> None:
    """Write the blocks of the documents in a folder."""
    write_documents(folder, read_result(LAST), earlier=read_result(FIRST))


if __name__ == "__main__":
    write_into(ROOT / "docs")
