"""Runs the vectors of a file through the adapters of their systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.adapters import adapter_of
from tests.conformance.compare import differences, same
from tests.conformance.outcome import NotExpressible
from tests.conformance.vector import Vector, read_vectors

OWN_VECTORS = Path(__file__).parent / "vectors"


@dataclass(frozen=True)
class Result:
    """What became of one vector: it passed, or one of the two others says why not."""

    id: str
    system: str
    failed: str | None = None
    not_expressible: str | None = None

    @property
    def passed(self) -> bool:
        """Return whether the engine gives what the system gives."""
        return self.failed is None and self.not_expressible is None


def run(file: Path) -> Iterator[Result]:
    """Yield the result of each vector of a file."""
    for vector in read_vectors(file):
        yield judge(vector)


def judge(vector: Vector) -> Result:
    """Return what becomes of a vector."""
    adapter = adapter_of(vector.system)
    rate = adapter.get(vector.model)
    if rate is None:
        why = f"no adapter knows the model {vector.model!r} of {vector.system!r}"
        return Result(vector.id, vector.system, failed=why)
    try:
        found = rate(vector)
    except NotExpressible as error:
        return Result(vector.id, vector.system, not_expressible=str(error))
    except Exception as error:  # a vector of another shape must not end the run
        return Result(vector.id, vector.system, failed=f"{type(error).__name__}: {error}")
    wrong = differences(vector.expected, found)
    if vector.flags.get("published_wrong") or vector.flags.get("unverified"):
        return Result(vector.id, vector.system, failed=_published_wrong(vector, found, wrong))
    return Result(vector.id, vector.system, failed="; ".join(wrong) or None)


def _published_wrong(vector: Vector, found: object, wrong: list[str]) -> str | None:
    """Return what is wrong with a vector whose published figure is wrong, or follows from nothing
    that is stated: ours must not be that wrong one, and the right one where it is known."""
    if not wrong and vector.flags.get("published_wrong"):
        return "the engine gives the published figure, which is wrong"
    if vector.exact is None:
        return None
    assert isinstance(found, dict)
    exact = vector.exact
    values = list(exact.values()) if isinstance(exact, dict) else [exact]
    if all(any(same(value, each) for each in found.values()) for value in values):
        return None
    return f"neither the published figure nor {exact}: {found}"
