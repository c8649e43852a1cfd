"""What else is kept: suspense, proofs of normalise, commands, files, versions; and asked for."""

import msgspec
import pytest

from schemas.proof import NORMALISE, RATE, Proof, sealed
from schemas.raw import ClosePeriodCommand, command_from_json
from schemas.reference import Account
from schemas.suspense import Suspended, SuspenseClass
from sinks.errors import LedgerMismatch, LostCompareAndSet, SinkMisconfigured
from sinks.files import IngestedFile, find_elsewhere, find_file, record_file
from sinks.installation import Start, register
from sinks.outbox import mark_published, queue_period_closes, unpublished
from sinks.progress import read_progress
from sinks.proofs import load_normalise_proofs
from sinks.queries import (
    AccountTotal,
    ChargeTotal,
    OutcomeCount,
    SuspenseCount,
    charge_totals,
    find_charge,
    outcome_counts,
    some_charge,
    suspended,
    suspense_counts,
    top_accounts,
)
from sinks.suspense import load_suspense
from sinks.versions import read_account, read_catalogue, record_accounts, record_catalogue
from tests.sink_world import NOVEMBER, OCTOBER


def _suspended(number, **fields):
    return Suspended(
        **{
            "suspense_id": f"{number:032x}",
            "suspense_class": SuspenseClass.SUSPENDED,
            "stage": NORMALISE,
            "tenant": "acme",
            "source": "switch-1",
            "format": "asterisk@1",
            "reason": "mediation.missing_field",
            "detail": "no duration",
            "raw": b"a,b\x00\xff",
            "raw_headers": (("source", b"switch-1"), ("\x00", b"\xff")),
            "topic": "raw",
            "partition": 0,
            "offset": number,
            "index": 0,
            "appended_at_ms": NOVEMBER,
            **fields,
        }
    )


@pytest.fixture
async def suspense(tables):
    """The progress of a partition of the suspense topic."""
    await register(tables.pool, tables.ledger.identity, [Start("suspense", 0, 0)])
    return await read_progress(
        tables.pool, installation=tables.installation, topic="suspense", partition=0
    )


async def test_a_refused_record_is_kept_with_its_bytes(tables, suspense):
    await load_suspense(
        tables.pool,
        after=suspense,
        records=[_suspended(1, source="a\x00b", identity="ab" * 16)],
        next_position=1,
    )
    [row] = await suspended(tables.pool)
    assert (row.suspense_id, row.raw, row.source) == (f"{1:032x}", b"a,b\x00\xff", "a\ufffdb")
    assert row.raw_headers == (("source", b"switch-1"), ("\x00", b"\xff"))
    headers = await tables.pool.fetchval("SELECT raw_headers FROM suspense")
    assert msgspec.json.decode(headers) == [["source", "c3dpdGNoLTE="], ["\x00", "/w=="]]


@pytest.mark.parametrize("said", [b"zz", b"\xff", b"", b"AB" * 16])
async def test_what_says_that_it_was_in_suspense_and_is_no_id_is_loaded(tables, suspense, said):
    """Whoever may write to the raw topic must not stop the load of what others are refused."""
    record = _suspended(1, attempts=2, raw_headers=(("recycles", said),))
    await load_suspense(tables.pool, after=suspense, records=[record], next_position=1)
    assert await tables.pool.fetchval("SELECT recycles FROM suspense") is None


async def test_duplicates_are_listed_apart_and_wait_for_nobody(tables, suspense):
    copy = _suspended(
        2, suspense_class=SuspenseClass.DUPLICATE, reason="", identity="cd" * 16, first_copy=(1, 0)
    )
    await load_suspense(tables.pool, after=suspense, records=[_suspended(1), copy], next_position=2)
    assert await suspense_counts(tables.pool) == [
        SuspenseCount("mediation.missing_field", "switch-1", 1)
    ]
    row = await tables.pool.fetchrow("SELECT first_offset, first_index FROM duplicates")
    assert tuple(row) == (1, 0)


async def test_suspense_is_loaded_once(tables, suspense):
    """Behind its own compare-and-set; an id that comes again from elsewhere is the same record."""
    records = [_suspended(1), _suspended(2)]
    after = await load_suspense(tables.pool, after=suspense, records=records, next_position=2)
    with pytest.raises(LostCompareAndSet):
        await load_suspense(tables.pool, after=suspense, records=records, next_position=2)
    await load_suspense(tables.pool, after=after, records=records[:1], next_position=3)
    assert await tables.count("suspense") == 2


async def test_a_recycled_record_is_closed_whichever_topic_is_loaded_first(tables, suspense):
    first, second = _suspended(1), _suspended(2)
    position = await load_suspense(tables.pool, after=suspense, records=[first], next_position=1)
    for record in (first, second):
        tables.ledger.charge(recycles=record.suspense_id)
    await tables.load_written()
    await load_suspense(tables.pool, after=position, records=[second], next_position=2)
    assert await suspense_counts(tables.pool) == []
    assert await suspended(tables.pool) == []


def _normalise_proof(tables, before=None, **fields):
    identity = tables.ledger.identity
    values = {
        "stage": NORMALISE,
        "installation": identity.installation,
        "genesis_id": identity.genesis_id,
        "cluster_id": identity.cluster_id,
        "source_topic": "raw",
        "source_partition": 0,
        "batch": 0 if before is None else before.batch + 1,
        "first": 0 if before is None else before.next,
        "next": 0 if before is None else before.next + 10,
        "outcomes": {} if before is None else {"normalised": 7, "duplicate": 3},
        "changes": b"\x00\xff" * 20,
        **({} if before is None else {"previous": before.chain}),
        **fields,
    }
    return sealed(Proof(**values))


@pytest.fixture
async def proofs(tables):
    """The progress of a partition of normalise's proofs, and its genesis."""
    genesis = _normalise_proof(tables)
    start = Start("proofs", 0, 1, genesis.chain, genesis.next)
    await register(tables.pool, tables.ledger.identity, [start])
    progress = await read_progress(
        tables.pool, installation=tables.installation, topic="proofs", partition=0
    )
    return progress, genesis


async def test_proofs_of_normalise_are_loaded_in_their_chain(tables, proofs):
    progress, genesis = proofs
    first = _normalise_proof(tables, genesis)
    second = _normalise_proof(tables, first)
    after = await load_normalise_proofs(
        tables.pool, after=progress, proofs=[(1, first), (3, second)]
    )
    assert (after.next_position, after.batch, after.source_next) == (4, 2, 20)
    tables.ledger.charge()
    await tables.load_written()
    assert await outcome_counts(tables.pool) == [
        OutcomeCount(NORMALISE, "duplicate", 6),
        OutcomeCount(NORMALISE, "normalised", 14),
        OutcomeCount(RATE, "rated", 1),
    ]


@pytest.mark.parametrize(
    "fields", [{"batch": 3}, {"first": 1}, {"previous": "ee" * 16}, {"genesis_id": "x"}]
)
async def test_a_proof_that_does_not_follow_is_refused(tables, proofs, fields):
    progress, genesis = proofs
    first = _normalise_proof(tables, genesis)
    wrong = _normalise_proof(tables, first, **fields)
    with pytest.raises(LedgerMismatch, match=r"proofs\[0\] offset 2.*Operator action"):
        await load_normalise_proofs(tables.pool, after=progress, proofs=[(1, first), (2, wrong)])
    assert await tables.count("proofs") == 0


def _close(account):
    return ClosePeriodCommand(
        tenant="acme", account_id=account, period_start_ms=OCTOBER, period_end_ms=NOVEMBER
    )


async def test_a_close_is_queued_once_and_relayed_until_it_is_marked(tables):
    commands = [_close("a-1"), _close("a-2")]
    assert await queue_period_closes(tables.pool, commands) == 2
    assert await queue_period_closes(tables.pool, [*commands, _close("a-3")]) == 1
    waiting = await unpublished(tables.pool)
    assert [command_from_json(one.payload) for one in waiting] == [*commands, _close("a-3")]
    assert len({one.stream for one in waiting}) == 3, "one key per account: no order between them"
    assert await unpublished(tables.pool, most=2) == waiting[:2]
    # No more than fit into the memory of a worker, and always one.
    assert await unpublished(tables.pool, most_bytes=1) == waiting[:1]
    assert await unpublished(tables.pool, most_bytes=len(waiting[0].payload) + 1) == waiting[:2]
    await mark_published(tables.pool, waiting[:2])
    assert await unpublished(tables.pool) == waiting[2:]
    assert await queue_period_closes(tables.pool, commands) == 0, "published is still known"


async def test_a_file_is_known_by_its_content_not_by_its_name(tables):
    file = IngestedFile("acme", "switch-1", "ab" * 32, "a.csv", 10, 2)
    assert await record_file(tables.pool, file)
    assert not await record_file(tables.pool, file._replace(name="b.csv"))

    async def find(source, sha256):
        return await find_file(tables.pool, tenant="acme", source=source, sha256=sha256)

    assert await find("switch-1", "ab" * 32) == file
    assert await find("switch-1", "cd" * 32) is None
    assert await find("switch-2", "ab" * 32) is None


async def test_a_content_is_known_from_another_source_too(tables):
    """A mistyped source would charge all of the file again: no copy would be recognised."""
    file = IngestedFile("acme", "switch-1", "ab" * 32, "a.csv", 10, 2)
    await record_file(tables.pool, file)
    await record_file(tables.pool, file._replace(sha256="ee" * 32, size_bytes=0, items=0))

    async def elsewhere(source, sha256, tenant="acme"):
        return await find_elsewhere(tables.pool, tenant=tenant, source=source, sha256=sha256)

    assert await elsewhere("switch-2", "ab" * 32) == file
    assert await elsewhere("switch-1", "ab" * 32) is None, "its own source"
    assert await elsewhere("switch-2", "ab" * 32, tenant="other") is None
    assert await elsewhere("switch-2", "ee" * 32) is None, "empty files are all the same"


async def test_every_catalogue_is_kept_and_none_is_replaced(tables):
    async def record(version, document):
        await record_catalogue(tables.dsn, tables.installation, version=version, document=document)

    for version, document in ((3, b"old"), (7, b"new"), (7, b"new")):
        await record(version, document)
    assert await read_catalogue(tables.pool, version=3) == b"old"
    assert await read_catalogue(tables.pool, version=7) == b"new"
    assert await read_catalogue(tables.pool, version=4) is None
    with pytest.raises(SinkMisconfigured, match=r"Version 7.*Operator action"):
        await record(7, b"other")


async def _record_account(tables, version, name):
    account = Account(
        tenant="acme", account_id="a-1", name=name, zone="Europe/Berlin", currency="EUR"
    )
    await record_accounts(tables.dsn, tables.installation, version=version, accounts=[account])
    return account


async def test_an_account_is_read_as_each_version_had_it(tables):
    old = await _record_account(tables, 2, "Old Ltd")
    new = await _record_account(tables, 5, "New Ltd")
    found = [await read_account(tables.pool, "a-1", version=version) for version in (1, 2, 4, 5)]
    assert found == [None, old, old, new]


async def test_the_accounts_that_were_charged_most(tables):
    await _record_account(tables, 2, "Big Ltd")
    for amount in ("5.10", "6.20"):
        tables.ledger.charge(amount)
    tables.ledger.charge("11.29", account="a-2")
    tables.ledger.charge("1.00", account="a-3", currency="USD")
    await tables.load_written()
    assert await top_accounts(tables.pool, most=2) == [
        AccountTotal("a-1", "Big Ltd", "EUR", 2, "11.30"),
        AccountTotal("a-2", "", "EUR", 1, "11.29"),
    ]
    assert await charge_totals(tables.pool) == [
        ChargeTotal("EUR", 3, "22.59"),
        ChargeTotal("USD", 1, "1.00"),
    ]


async def test_a_charge_worth_explaining_is_one_that_crossed_a_limit(tables):
    assert await some_charge(tables.pool) is None
    tables.ledger.charge()
    await tables.load_written()
    assert await some_charge(tables.pool) is not None
    crossing = tables.ledger.charge()
    tables.ledger.limit()
    await tables.load_written()
    assert await some_charge(tables.pool) == crossing.charge_id
    assert await find_charge(tables.pool, "ff" * 16) is None
