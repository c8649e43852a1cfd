"""Catalogue and reference data as a batch of the past was decided under."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import ValidationError

from pipeline.feeds import Entry, read_versions
from pipeline.packed_chunks import PackedChunks
from pipeline.rate_step import RateStep
from pipeline.topics import Topics
from rating.catalogue import Catalogue, MissingChunk, compile_parts
from schemas.proof import Versions
from schemas.reference import ReferenceData, account_from_json


class NotReadable(Exception):
    """A version is not on its topic, or this build cannot read it."""


class PastVersions:
    """All versions that lie on the topics; `step` gives the step of rate under any of them."""

    def __init__(self) -> None:
        self._chunks = PackedChunks()
        self._heads: dict[int, bytes] = {}
        self._accounts: list[tuple[int, Sequence[bytes]]] = []  # by version, rising
        self._compiled: Catalogue | None = None
        self._step: RateStep | None = None
        self._applied = 0

    async def read(self, topics: Topics, bootstrap: str) -> None:
        """Read both topics from their beginning."""

        async def catalogue(parts: Sequence[Entry], marker: Entry, version: int) -> None:
            self._chunks.add({part.key.decode(): part.value for part in parts})
            self._heads[version] = marker.value

        async def reference(parts: Sequence[Entry], marker: Entry, version: int) -> None:
            self._accounts.append((version, [part.value for part in parts]))

        await read_versions(bootstrap=bootstrap, topic=topics.catalogue.name, apply=catalogue)
        await read_versions(bootstrap=bootstrap, topic=topics.reference.name, apply=reference)

    def step(self, versions: Versions) -> RateStep:
        """Return the step of rate under these versions. `NotReadable` where one of them is not there.

        Versions of a partition rise; going back reads the reference data again from its beginning.
        """
        catalogue = self._catalogue(versions.catalogue)
        if self._step is None or self._step.reference.version > versions.reference:
            self._step, self._applied = RateStep(catalogue=catalogue, reference=ReferenceData()), 0
        self._step.catalogue = catalogue
        reference = self._step.reference
        while self._applied < len(self._accounts):
            version, accounts = self._accounts[self._applied]
            if version > versions.reference:
                break
            reference.apply(map(account_from_json, accounts), version=version)
            self._applied += 1
        if reference.version != versions.reference:
            raise NotReadable(f"version {versions.reference} of the reference data")
        return self._step

    def _catalogue(self, version: int) -> Catalogue:
        if self._compiled is not None and self._compiled.version == version:
            return self._compiled
        what = f"version {version} of the catalogue"
        if version not in self._heads:
            raise NotReadable(what)
        try:
            self._compiled = compile_parts(self._heads[version], self._chunks, version)
        except (MissingChunk, ValidationError, AssertionError, ArithmeticError) as error:
            raise NotReadable(what) from error
        return self._compiled
