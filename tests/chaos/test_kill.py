"""Workers killed and stopped at random while they work: nothing lost, doubled or changed."""

import ast
import asyncio
import contextlib
import io
import sys
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from tests.chaos.oracle import Oracle, read_truth

from counters.state import changes_of
from mediation.changes import state_changes, unpack
from pipeline.cli.program import run
from pipeline.cli.session import endpoint_settings
from pipeline.cli.stack import log_folder, worker_command
from pipeline.embedded import Supervisor
from pipeline.publish import raw_publisher
from pipeline.state import StateStore
from pipeline.topics import topics_of
from pipeline.verify import to_text, verify
from schemas.proof import proof_from_msgpack
from tests.chaos import feed, oracle
from tests.chaos.faults import Chaos, schedule
from tests.integration.live_installation import LiveInstallation

RECORDS = 50_000
SEED = 20_260_920
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample" / "catalogue"
WORKERS = ("normalise", "rate-1", "rate-2", "load")
FAULTS = {
    ("kill", "normalise"): 2,
    ("kill", "rate"): 3,
    ("kill", "load"): 2,
    ("stop", "normalise"): 1,
    ("stop", "rate"): 2,
    ("stop", "load"): 1,
}
SESSION_MS = 6_000  # the least that the broker takes
STOP_S = 7.5  # past the session and the transaction time-out
PAUSE_S = 0.01  # between two raw records: the workers are to be busy for as long as it takes


@pytest.mark.timeout(420)
async def test_ledger_and_tables_equal_the_oracle_after_kills_and_stops(services, tmp_path, capsys):
    usage = tmp_path / "generated"
    with contextlib.redirect_stdout(io.StringIO()):
        said = await asyncio.to_thread(
            run,
            [
                *("generate", str(usage), "--records", str(RECORDS), "--seed", str(SEED)),
                # Over the end of a month and a change of prices.
                *("--start", "2026-09-20", "--days", "20", "--json"),
            ],
        )
    assert said == 0
    accounts = usage / "reference" / "accounts.jsonl"
    async with LiveInstallation.created(
        services,
        tmp_path,
        catalogue={str(f.relative_to(SAMPLE)): f.read_text() for f in SAMPLE.rglob("*.*")},
        accounts=accounts.read_text(),
        raw_partitions=4,
        rating_partitions=4,
        session_timeout_ms=SESSION_MS,
        transaction_timeout_ms=5_000,
        batch_records=200,  # more batches, more moments to be hit in
        batch_work_ms=50,
        future_ms=20 * 365 * 86_400_000,  # the day of the run decides nothing
    ) as here:
        chaos = await _run(here, usage)
        with capsys.disabled():
            sys.stdout.write(f"\n  faults that hit a worker at work: {chaos.report()}\n")
        assert chaos.hits == Counter(
            {fault: FAULTS[fault.kind, fault.stage] for fault in chaos.hits}
        )
        assert sum(chaos.hits.values()) == sum(FAULTS.values()) >= 10
        await _compare(here, usage, accounts)
        await _compare_states(here)
        report = await verify(here.settings, services.kafka_bootstrap, services.postgres_dsn)
        assert report.consistent, to_text(report)
        assert report.complete, to_text(report)


async def _run(here, usage):
    """Feed the usage in portions, do one fault during each, and wait until all is through."""
    faults = schedule(FAULTS, seed=SEED)
    records = list(feed.raw_records(usage))
    size = len(records) // len(faults)
    portions = [records[i * size : (i + 1) * size] for i in range(len(faults) - 1)]
    portions.append(records[size * (len(faults) - 1) :])
    async with (
        _workers(here) as supervisor,
        raw_publisher(here.settings, bootstrap=here.endpoints.kafka_bootstrap) as publisher,
    ):
        chaos = Chaos(here.settings, supervisor, seed=SEED, stop_s=STOP_S)
        for portion, fault in zip(portions, faults, strict=True):
            feeding = asyncio.create_task(feed.paced(publisher, portion, pause_s=PAUSE_S))
            await chaos.do(fault, within_s=60)
            await feeding
        await here.through()
    return chaos


@contextlib.asynccontextmanager
async def _workers(here):
    """Yield the supervisor of all workers, two of them for rating."""
    environment = endpoint_settings(here.settings, here.endpoints).environment()
    supervisor = Supervisor(log_folder(here.settings))
    try:
        for slot, name in enumerate(WORKERS):
            command = worker_command(name.partition("-")[0])
            await supervisor.start(name, command, {**environment, "RATEMILL_SLOT": str(slot)})
        yield supervisor
    finally:
        await supervisor.stop()


async def _compare(here, usage, accounts):
    expected, refused_before, copies = read_truth(usage / "truth.jsonl")
    by_ref = {each.ref: each for each in expected}
    order = await _normalised(here)
    assert len(order) == len(set(order)), "doubled by normalise"
    assert set(order) == set(by_ref), "lost by normalise"
    rating = Oracle(SAMPLE, accounts)
    for ref in order:
        rating.rate(by_ref[ref])
    outcome = rating.end()
    assert len(outcome.charged) > RECORDS // 2
    assert len(outcome.invoices) > 20

    await _compare_ledger(here, outcome)
    await _compare_tables(here, outcome, refused_before, copies)


async def _normalised(here):
    """Return the events in the order in which each rating key has them."""
    found = await here.read(topics_of(here.settings).normalised)
    values = [msgspec.msgpack.decode(found[place].value) for place in sorted(found)]
    return [(value[6], value[7]) for value in values if value[0] == "usage"]


async def _compare_ledger(here, outcome):
    found = await here.read(topics_of(here.settings).ledger)
    records = [msgspec.json.decode(found[place].value) for place in sorted(found)]
    charges = [each for each in records if each["kind"] == "usage"]
    refs = [(each["source"], each["record_id"]) for each in charges]
    assert len(refs) == len(set(refs)), "charged twice"
    assert set(refs) == set(outcome.charged), "not charged, or charged for nothing"
    counters, unbilled = {}, {}
    for ref, charge in zip(refs, charges, strict=True):
        expected = outcome.charged[ref]
        assert charge["amount"] == expected.amount, (charge, expected)
        assert charge["currency"] == expected.currency
        assert charge["account_id"] == expected.account
        assert charge["subscription_id"] == expected.subscription
        assert charge["product"] == expected.product
        for name in ("used", "free", "billed"):
            assert Fraction(charge[name]) == getattr(expected, name), (name, charge, expected)
        for name, period_ms, number, quantity, amount in charge["counters_after"]:
            if name.startswith("product:"):
                counters[charge["account_id"], charge["product"], period_ms] = (
                    number,
                    Fraction(quantity),
                    Fraction(amount),
                )
    assert sorted((a, p, *c) for (a, p, _), c in counters.items()) == sorted(
        (a, p, *c) for (a, p, _), c in outcome.counters.items()
    )
    for record in records:
        if record["kind"] in ("usage", "limit_reached"):
            unbilled[record["account_id"]] = _by_product(record["unbilled"])
    assert {account: left for account, left in unbilled.items() if left} == outcome.unbilled


def _by_product(entries):
    sums = {}
    for product, _type, _period, _currency, number, amount in entries:
        before = sums.get(product, (0, Fraction(0)))
        sums[product] = before[0] + number, before[1] + Fraction(amount)
    return sums


async def _compare_tables(here, outcome, refused_before, copies):
    rows = await here.rows("SELECT source, record_id, amount::text, currency FROM rated_usage")
    assert Counter((row[0], row[1]) for row in rows) == Counter(outcome.charged.keys())
    for source, record_id, amount, currency in rows:
        expected = outcome.charged[source, record_id]
        assert (amount, currency) == (expected.amount, expected.currency)
    reasons = await here.rows("SELECT reason, count(*) FROM suspense GROUP BY reason")
    assert Counter(dict(map(tuple, reasons))) == Counter(
        [reason for _, reason in refused_before] + list(outcome.refused.values())
    )
    assert await here.count("duplicates") == copies
    assert await here.count("charges") == len(outcome.charged)
    invoiced = defaultdict(set)
    for number, account, source, record_id in await here.rows(
        "SELECT i.number, i.account_id, u.source, u.record_id FROM invoices i "
        "JOIN invoice_charges USING (invoice_id) JOIN rated_usage u USING (charge_id)"
    ):
        invoiced[number, account].add((source, record_id))
    assert Counter(
        (account, frozenset(refs)) for (_, account), refs in invoiced.items()
    ) == Counter(outcome.invoices)
    requests = await here.rows("SELECT count(*), count(DISTINCT request_id) FROM invoice_requests")
    assert tuple(requests[0]) == (len(outcome.invoices), len(outcome.invoices))


async def _compare_states(here):
    """Compare the RocksDB of each partition's last owner with the fold of its changelog."""
    topics = topics_of(here.settings)
    for topic, stage, fold in (
        (topics.proofs, "normalise", _proof_changes),
        (topics.ledger, "rate", changes_of),
    ):
        changelog = await here.read(topic)
        for number in range(topic.partitions):
            records = [changelog[place] for place in sorted(changelog) if place[0] == number]
            expected = dict(change for record in records for change in fold(record.value))
            expected = {key: value for key, value in expected.items() if value is not None}
            found = [
                state
                for folder in here.settings.state_folder().glob(f"slot-*/{stage}-{number}*/")
                for state in _states_at(folder, records[-1].offset + 1)
            ]
            assert found, f"nobody owned {stage} {number} to the end"
            assert all(state == expected for state in found)


def _proof_changes(value):
    proof = proof_from_msgpack(value)
    return state_changes(unpack(proof.changes), batch=proof.batch)


def _states_at(folder, next_offset):
    store = StateStore(folder)
    try:
        if store.folded is not None and store.folded.next_offset == next_offset:
            yield dict(store.items())
    finally:
        store.close()


def test_the_oracle_shares_no_code_with_the_product():
    tree = ast.parse(Path(oracle.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    rooms = {path.parent.name for path in Path(__file__).parents[2].glob("*/__init__.py")}
    assert "rating" in rooms
    assert not imported & {*rooms, "tests"}
