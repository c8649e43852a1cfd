"""Publishing catalogue and reference data: to their topic first, then on record in Postgres."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from pipeline.cli.session import require_topics
from pipeline.embedded import Endpoints
from pipeline.feeds import Entry, publish_version, read_versions
from pipeline.settings import Settings
from pipeline.topics import topics_of
from rating.catalogue import (
    CatalogueDocument,
    document_from_parts,
    document_to_parts,
    is_of_this_format,
)
from schemas.reference import Account, ReferenceData, account_from_json, account_to_json
from sources.errors import SourceFileError
from sources.reference.clashes import clashes

_SHOWN_CLASHES = 20


class Published(NamedTuple):
    """The version that is in force now, and whether it is a new one."""

    version: int
    new: bool


class PublishedCatalogue(NamedTuple):
    """The newest catalogue on the topic."""

    version: int
    document: CatalogueDocument
    head: bytes
    chunks: frozenset[str]  # all that lie on the topic, of older versions too


class _Newest(NamedTuple):
    """What lies on the topic, not read."""

    version: int
    head: bytes
    chunks: Mapping[str, bytes]


async def published_catalogue(settings: Settings, *, bootstrap: str) -> PublishedCatalogue | None:
    """Return the newest published catalogue, or None where there is none, or only one that another
    build has to read."""
    newest = await _newest_catalogue(settings, bootstrap=bootstrap)
    if newest is None or not is_of_this_format(newest.head):
        return None
    document = document_from_parts(newest.head, newest.chunks)
    return PublishedCatalogue(newest.version, document, newest.head, frozenset(newest.chunks))


async def published_catalogues(
    settings: Settings, *, bootstrap: str, versions: Collection[int]
) -> dict[int, CatalogueDocument]:
    """Return the catalogues of the past that this build can read, by version; others are left out."""
    heads, chunks = await _all_catalogues(settings, bootstrap=bootstrap)
    return {
        version: document_from_parts(heads[version], chunks)
        for version in versions
        if version in heads and is_of_this_format(heads[version])
    }


async def every_catalogue(
    settings: Settings, *, bootstrap: str
) -> dict[int, CatalogueDocument | None]:
    """Return all versions that lie on the topic; None for one that another build has to read."""
    heads, chunks = await _all_catalogues(settings, bootstrap=bootstrap)
    return {
        version: document_from_parts(head, chunks) if is_of_this_format(head) else None
        for version, head in heads.items()
    }


async def _newest_catalogue(settings: Settings, *, bootstrap: str) -> _Newest | None:
    heads, chunks = await _all_catalogues(settings, bootstrap=bootstrap)
    if not heads:
        return None
    version = max(heads)
    return _Newest(version, heads[version], chunks)


async def _all_catalogues(
    settings: Settings, *, bootstrap: str
) -> tuple[dict[int, bytes], dict[str, bytes]]:
    """Return the heads by version, and the chunks of all of them by name."""
    chunks: dict[str, bytes] = {}
    heads: dict[int, bytes] = {}

    async def remember(parts: Sequence[Entry], marker: Entry, version: int) -> None:
        chunks.update({part.key.decode(): part.value for part in parts})
        heads[version] = marker.value

    await require_topics(settings, bootstrap=bootstrap)
    topic = topics_of(settings).catalogue.name
    await read_versions(bootstrap=bootstrap, topic=topic, apply=remember)
    return heads, chunks


async def publish_catalogue(
    settings: Settings, endpoints: Endpoints, document: CatalogueDocument
) -> Published:
    """Return the version under which a catalogue is published; an unchanged one makes no new one.

    The row in Postgres is written again when it is there already, so that a publisher that died
    between the two can be repeated.
    """
    from sinks.versions import record_catalogue

    head, chunks = document_to_parts(document)
    newest = await _newest_catalogue(settings, bootstrap=endpoints.kafka_bootstrap)
    if newest is not None and newest.head == head:
        published = Published(newest.version, new=False)
    else:
        there = newest.chunks if newest is not None else {}
        version = await publish_version(
            settings,
            bootstrap=endpoints.kafka_bootstrap,
            topic=topics_of(settings).catalogue.name,
            parts=[
                Entry(name.encode(), rows) for name, rows in chunks.items() if name not in there
            ],
            marker=Entry(b"", head),
        )
        published = Published(version, new=True)
    await record_catalogue(
        endpoints.postgres_dsn, settings.installation, version=published.version, document=head
    )
    return published


class PublishedAccounts(NamedTuple):
    """What loading reference data came to."""

    version: int
    changed: int
    unchanged: int


async def publish_accounts(
    settings: Settings,
    endpoints: Endpoints,
    accounts: Sequence[Account],
    *,
    may_move: bool = False,
) -> PublishedAccounts:
    """Return the version that holds the accounts; only those that changed are published.

    `SourceFileError` where they cannot stand beside the accounts that are there already, and unless
    accounts ``may_move``, where one is in another zone by now.
    """
    from sinks.versions import record_accounts

    known = await published_accounts(settings, bootstrap=endpoints.kafka_bootstrap)
    found = list(clashes(accounts, known.accounts))
    if found:
        shown = "\n".join(found[:_SHOWN_CLASHES])
        raise SourceFileError(
            f"Nothing was loaded; {len(found):,} clashes with published accounts:\n{shown}\n"
            "Operator action: end the other subscription first, or load both accounts together."
        )
    moved = [one for one in accounts if _was_elsewhere(one, known)]
    if moved and not may_move:
        raise SourceFileError(_of_moved(moved, known))
    changed = [one for one in accounts if known.accounts.get(one.account_id) != one]
    version = known.version
    if changed or version < 0:
        version = await publish_version(
            settings,
            bootstrap=endpoints.kafka_bootstrap,
            topic=topics_of(settings).reference.name,
            parts=[Entry(one.account_id.encode(), account_to_json(one)) for one in changed],
            marker=Entry(b"", b""),
        )
    await record_accounts(
        endpoints.postgres_dsn, settings.installation, version=version, accounts=changed
    )
    return PublishedAccounts(version, len(changed), len(accounts) - len(changed))


def _was_elsewhere(account: Account, known: ReferenceData) -> bool:
    before = known.accounts.get(account.account_id)
    return before is not None and before.zone != account.zone


def _of_moved(moved: Sequence[Account], known: ReferenceData) -> str:
    shown = ", ".join(
        f"{one.account_id} from {known.accounts[one.account_id].zone} to {one.zone}"
        for one in moved[:_SHOWN_CLASHES]
    )
    return (
        f"Nothing was loaded; {len(moved):,} accounts move to another zone: {shown}. Months begin at another "
        "instant there: tiers, caps and allowances of the running month begin anew, and allowances that roll "
        "over give months again that were used up; samples of a percentile that no close has priced wait until "
        "the account is closed in its old zone again. Operator action: move accounts after the month is closed, to "
        "plans whose rolls_over has since: that month; then load with --move-zones."
    )


async def published_accounts(settings: Settings, *, bootstrap: str) -> ReferenceData:
    """Return all accounts as the newest version has them; version -1 where there is none."""
    known = ReferenceData()

    async def remember(parts: Sequence[Entry], marker: Entry, version: int) -> None:
        known.apply([account_from_json(part.value) for part in parts], version=version)

    await require_topics(settings, bootstrap=bootstrap)
    topic = topics_of(settings).reference.name
    await read_versions(bootstrap=bootstrap, topic=topic, apply=remember)
    return known
