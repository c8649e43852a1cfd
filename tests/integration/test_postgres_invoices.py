"""Invoices that limits ask for: exactly what was unbilled, once, in order, numbered without gap."""

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from billing.document import document_to_json
from sinks import invoices
from sinks.errors import InvoiceMismatch, SinkUnavailable
from sinks.invoice_queries import list_invoices, show_invoice
from sinks.invoices import build_pending_invoices, pending_requests
from sinks.queries import find_charge
from tests.sink_world import DECEMBER, NOVEMBER, OCTOBER


async def _build(tables):
    """Load what is written, build what is due, and return the invoices' charge ids by number."""
    await tables.load_written()
    numbers = await build_pending_invoices(tables.pool)
    return {number: await _charge_ids(tables.pool, number) for number in numbers}


async def _charge_ids(pool, number):
    document = await show_invoice(pool, number)
    return [charge_id for line in document.lines for charge_id in line.charge_ids]


def _ids(*charges):
    return [charge.charge_id for charge in charges]


async def test_an_invoice_holds_exactly_the_records_up_to_the_crossing(tables):
    """Later usage of the account is loaded already; it waits for the next invoice."""
    first, crossing = tables.ledger.charge("20.00"), tables.ledger.charge("30.00")
    tables.ledger.limit()
    tables.ledger.charge("7.00")
    tables.ledger.charge("8.00", account="a-2")
    assert await _build(tables) == {"acme-000001": _ids(first, crossing)}
    assert await build_pending_invoices(tables.pool) == []
    assert await pending_requests(tables.pool) == 0


async def test_the_next_invoice_takes_up_where_the_last_one_ended(tables):
    tables.ledger.charge("50.00")
    tables.ledger.limit()
    second = [tables.ledger.charge("25.00"), tables.ledger.charge("25.00")]
    tables.ledger.limit()
    built = await _build(tables)
    assert list(built) == ["acme-000001", "acme-000002"]
    assert built["acme-000002"] == _ids(*second)


async def test_zero_priced_records_are_invoiced_too(tables):
    free = [tables.ledger.charge("0.00") for _ in range(3)]
    tables.ledger.limit()
    assert await _build(tables) == {"acme-000001": _ids(*free)}
    assert (await show_invoice(tables.pool, "acme-000001")).total == "0.00"


@pytest.mark.parametrize("scope", ["product:video", "product_type:stream"])
async def test_a_limit_with_a_scope_leaves_the_rest_unbilled(tables, scope):
    stream = {"product": "video", "product_type": "stream", "unit": "view"}
    voice, video = tables.ledger.charge(), tables.ledger.charge(**stream)
    tables.ledger.limit(scope=scope)
    rest = [voice, tables.ledger.charge(), tables.ledger.charge(**stream)]
    assert await _build(tables) == {"acme-000001": _ids(video)}
    tables.ledger.limit()
    built = await _build(tables)
    assert sorted(built["acme-000002"]) == sorted(_ids(*rest))


async def test_scopes_that_overlap_take_each_charge_once(tables):
    """A product, its type, another product of the type, the account: each takes what is left."""
    stream = {"product_type": "stream", "unit": "view"}
    film, song = {"product": "film", **stream}, {"product": "song", **stream}
    charges = {}

    def use(name, **product):
        charges[name] = tables.ledger.charge(**product).charge_id

    use("call 1")
    use("film 1", **film)
    use("song 1", **song)
    tables.ledger.limit(scope="product:film")
    use("film 2", **film)
    use("song 2", **song)
    tables.ledger.limit(scope="product:film")
    use("film 3", **film)
    tables.ledger.limit(scope="product_type:stream")
    use("film 4", **film)
    use("song 3", **song)
    tables.ledger.limit(scope="product:song")
    use("film 5", **film)
    tables.ledger.limit(scope="product:film")
    use("song 4", **song)
    tables.ledger.limit()
    names = {charge_id: name for name, charge_id in charges.items()}
    built = await _build(tables)
    assert [sorted(names[one] for one in ids) for ids in built.values()] == [
        ["film 1"],
        ["film 2"],
        ["film 3", "song 1", "song 2"],
        ["song 3"],
        ["film 4", "film 5"],
        ["call 1", "song 4"],
    ]


async def test_usage_of_a_closed_period_is_left_to_the_bill_run(tables):
    tables.ledger.charge("10.00", usage_period_ms=OCTOBER)
    tables.ledger.close(start_ms=OCTOBER, end_ms=NOVEMBER)
    late = tables.ledger.charge("20.00", usage_period_ms=OCTOBER)
    new = tables.ledger.charge("30.00")
    tables.ledger.limit()
    assert await _build(tables) == {"acme-000001": _ids(late, new)}


async def test_a_period_that_closed_after_the_limit_does_not_take_from_its_invoice(tables):
    """The close is loaded before the invoice is built; what counts is the order in the ledger."""
    old = tables.ledger.charge("50.00", usage_period_ms=OCTOBER)
    tables.ledger.limit()
    tables.ledger.close(start_ms=OCTOBER, end_ms=NOVEMBER)
    assert await _build(tables) == {"acme-000001": _ids(old)}


async def test_a_period_that_closed_between_two_invoices_of_a_product_is_the_bill_runs(tables):
    """What the close took is on neither; late usage of it is on the second one."""
    film = {"product": "film", "product_type": "stream", "unit": "view"}
    scope = {"scope": "product:film"}
    first = tables.ledger.charge("10.00", usage_period_ms=OCTOBER, **film)
    tables.ledger.limit(**scope)
    tables.ledger.charge("20.00", usage_period_ms=OCTOBER, **film)
    tables.ledger.close(start_ms=OCTOBER, end_ms=NOVEMBER)
    late = tables.ledger.charge("30.00", usage_period_ms=OCTOBER, **film)
    new = tables.ledger.charge("40.00", **film)
    tables.ledger.limit(**scope)
    assert await _build(tables) == {"acme-000001": _ids(first), "acme-000002": _ids(late, new)}


async def test_two_open_periods_are_on_one_invoice(tables):
    charges = [
        tables.ledger.charge("25.00", usage_period_ms=month)
        for month in (OCTOBER, NOVEMBER, DECEMBER)
    ]
    tables.ledger.limit()
    assert await _build(tables) == {"acme-000001": _ids(*charges)}


async def test_an_account_that_changed_its_currency_gets_an_invoice_in_each(tables):
    euro, dollar = tables.ledger.charge("1.00"), tables.ledger.charge("2.00", currency="USD")
    tables.ledger.limit()
    assert await _build(tables) == {"acme-000001": _ids(euro), "acme-000002": _ids(dollar)}


async def test_each_company_numbers_its_own(tables):
    for tenant, account in (("acme", "a-1"), ("zeta", "z-1"), ("acme", "a-2")):
        tables.ledger.charge(account=account, tenant=tenant)
        tables.ledger.limit(account=account)
    assert sorted(await _build(tables)) == ["acme-000001", "acme-000002", "zeta-000001"]


async def test_a_builder_that_dies_in_the_middle_leaves_no_trace_and_no_gap(tables):
    tables.ledger.charge("50.00")
    tables.ledger.limit()
    await tables.load_written()
    async with tables.owner() as owner, owner.transaction():
        # The number is taken and the invoice inserted when the builder comes to its lines.
        await owner.execute("LOCK TABLE invoice_lines IN ACCESS EXCLUSIVE MODE")
        build = asyncio.create_task(build_pending_invoices(tables.pool))
        waiting = (
            "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not await owner.fetchval(f"SELECT count(*) {waiting}"):
            pass
        await owner.execute(f"SELECT pg_terminate_backend(pid) {waiting}")
        with pytest.raises(SinkUnavailable):
            await build
    for table in ("invoices", "invoice_lines", "invoice_charges", "invoice_series"):
        assert await tables.count(table) == 0
    assert await build_pending_invoices(tables.pool) == ["acme-000001"]


async def test_many_builders_at_once_build_each_invoice_once_and_number_without_a_gap(tables):
    accounts = [f"a-{number}" for number in range(20)]
    for _ in range(3):
        for account in accounts:
            tables.ledger.charge(account=account)
            tables.ledger.limit(account=account)
    await tables.load_written()
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(tables.impatient_pool()) for _ in range(4)]
        # The others end with the first that fails: a pool that is in use closes never.
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            built = [tasks.create_task(build_pending_invoices(pool)) for pool in pools]
    numbers = sorted(number for task in built for number in task.result())
    # One that found an account locked went on: whoever held it built all of that account's.
    assert numbers == [f"acme-{number:06d}" for number in range(1, 61)]
    assert await tables.count("invoice_charges") == 60
    rows = await tables.pool.fetch("SELECT account_id, up_to FROM invoices ORDER BY series_number")
    for account in accounts:
        assert [row["up_to"] for row in rows if row["account_id"] == account] == [1, 3, 5]


@pytest.mark.parametrize(("requests", "most"), [(64, 20_000), (1, 20_000), (3, 1), (64, 2)])
async def test_all_are_built_in_order_however_few_one_transaction_takes(
    tables, monkeypatch, requests, most
):
    """Three limits of five accounts; one of them does not come to what it said, which holds back
    its own account alone."""
    monkeypatch.setattr(invoices, "_MOST_REQUESTS", requests)
    monkeypatch.setattr(invoices, "_MOST_CHARGES", most)
    charges = {f"a-{number}": [] for number in range(5)}
    for _ in range(3):
        for account, held in charges.items():
            held.append([tables.ledger.charge(account=account) for _ in range(2)])
            tables.ledger.limit(account=account)
    await tables.load_written()
    async with tables.owner() as owner:
        await owner.execute(
            "DELETE FROM rated_usage WHERE charge_id = $1::uuid", charges["a-2"][1][0].charge_id
        )
    with pytest.raises(InvoiceMismatch, match="Account a-2: the limit at sequence 6"):
        await build_pending_invoices(tables.pool)
    assert await pending_requests(tables.pool) == 2
    rows = await tables.pool.fetch("SELECT account_id, number FROM invoices ORDER BY series_number")
    assert [row["number"] for row in rows] == [f"acme-{number:06d}" for number in range(1, 14)]
    for account, held in charges.items():
        of_account = [row["number"] for row in rows if row["account_id"] == account]
        expected = held[:1] if account == "a-2" else held
        found = [await _charge_ids(tables.pool, number) for number in of_account]
        assert found == [_ids(*each) for each in expected]


async def test_a_request_that_the_tables_refuse_holds_back_its_own_account_alone(tables):
    """Somebody deleted an invoice's charges by hand and asked for it again: its id is taken."""
    tables.ledger.charge(account="a-2")
    tables.ledger.limit(account="a-2")
    await _build(tables)
    async with tables.owner() as owner:
        await owner.execute("UPDATE invoice_requests SET state = 'pending'")
        await owner.execute("UPDATE invoiced_up_to SET sequence = 0")
        await owner.execute("DELETE FROM invoice_charges")
    accounts = ["a-1", "a-2", "a-3"]
    for account in accounts * 2:
        tables.ledger.charge(account=account)
        tables.ledger.limit(account=account)
    await tables.load_written()
    with pytest.raises(asyncpg.UniqueViolationError):
        await build_pending_invoices(tables.pool)
    rows = await tables.pool.fetch("SELECT account_id, number FROM invoices ORDER BY series_number")
    assert [row["account_id"] for row in rows] == ["a-2", "a-1", "a-1", "a-3", "a-3"]
    assert [row["number"] for row in rows] == [f"acme-{number:06d}" for number in range(1, 6)]
    assert await pending_requests(tables.pool) == 3


async def test_a_transaction_is_bounded_by_the_charges_that_it_reads(tables, monkeypatch):
    """Not by the records of its invoices: here those are one each, of ten charges."""
    monkeypatch.setattr(invoices, "_MOST_CHARGES", 20)
    film = {"product": "film", "product_type": "stream", "unit": "view"}
    for account in ("a-1", "a-2", "a-3", "a-4"):
        for _ in range(9):
            tables.ledger.charge(account=account)
        tables.ledger.charge(account=account, **film)
        tables.ledger.limit(account=account, scope="product:film")
    assert len(await _build(tables)) == 4
    transactions = "SELECT count(*) FROM invoices GROUP BY issued_at ORDER BY issued_at"
    assert [row["count"] for row in await tables.pool.fetch(transactions)] == [2, 2]


async def test_an_invoice_that_does_not_come_to_what_the_limit_said_is_not_built(tables):
    """And it does not keep others from theirs."""
    lost = tables.ledger.charge("20.00")
    tables.ledger.charge("30.00")
    tables.ledger.limit()
    tables.ledger.charge(account="a-2")
    tables.ledger.limit(account="a-2")
    await tables.load_written()
    async with tables.owner() as owner:
        row = await owner.fetchrow(
            "DELETE FROM rated_usage WHERE charge_id = $1 RETURNING *", lost.charge_id
        )
        with pytest.raises(InvoiceMismatch, match=r"a-1: .* 2 records .* 1 records .*verify"):
            await build_pending_invoices(tables.pool)
        assert [one.account_id for one in await list_invoices(tables.pool)] == ["a-2"]
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await owner.execute(f"INSERT INTO rated_usage VALUES ({places})", *row.values())
    assert await build_pending_invoices(tables.pool) == ["acme-000002"]


async def test_the_document_of_an_invoice(tables):
    first = tables.ledger.charge("0.1016666667", billed="61")
    second = tables.ledger.charge("0.1016666667", billed="61.5")
    view = tables.ledger.charge(
        "4.99", product="video", product_type="stream", unit="view", billed="1", tax_code="T1"
    )
    reached = tables.ledger.limit()
    await _build(tables)
    document = await show_invoice(tables.pool, "acme-000001")
    found = msgspec.json.decode(document_to_json(document))
    assert found.pop("issued_at").endswith("Z")
    assert len(found.pop("invoice_id")) == 32
    assert found == {
        "number": "acme-000001",
        "kind": "immediate",
        "tenant": "acme",
        "account_id": "a-1",
        "currency": "EUR",
        "scope": "account",
        "up_to": 3,
        "limit_reached_id": reached.limit_reached_id,
        "bill_period": "2026-11-01T00:00:00Z",
        "usage_from": "2026-11-01T00:00:01.001000Z",
        "usage_to": "2026-11-01T00:00:03.003000Z",
        "total": "5.19",
        "tax_totals": [
            {"tax_code": None, "amount": "0.20"},
            {"tax_code": "T1", "amount": "4.99"},
        ],
        "lines": [
            {
                "line": 1,
                "product": "video",
                "product_type": "stream",
                "unit": "view",
                "tax_code": "T1",
                "records": 1,
                "quantity": "1",
                "charges": "4.99",
                "amount": "4.99",
                "charge_ids": _ids(view),
            },
            {
                "line": 2,
                "product": "voice",
                "product_type": "call",
                "unit": "s",
                "tax_code": None,
                "records": 2,
                "quantity": "122.5",
                "charges": "0.2033333334",
                "amount": "0.20",
                "charge_ids": _ids(first, second),
            },
        ],
    }
    assert (await find_charge(tables.pool, first.charge_id)).invoice_number == "acme-000001"


async def test_the_list_shows_the_newest_first_and_one_account_when_asked(tables):
    for account in ("a-1", "a-2"):
        tables.ledger.charge("1.50", account=account)
        tables.ledger.limit(account=account)
    await _build(tables)
    found = await list_invoices(tables.pool)
    assert {one.account_id for one in found} == {"a-1", "a-2"}
    [only] = await list_invoices(tables.pool, account_id="a-2")
    assert (Decimal(only.total), only.records, only.account_name) == (Decimal("1.50"), 1, "")
    assert await show_invoice(tables.pool, "acme-000099") is None
