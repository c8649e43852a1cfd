"""What is shown: metrics of the workers, positions, amounts and instants."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import os
from decimal import Decimal

import msgspec
import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from billing.document import InvoiceDocument
from pipeline.cli.invoices import _print as print_invoice
from pipeline.cli.live import StageView, outcomes_text
from pipeline.cli.output import counted, instant, money, seconds, shown, table
from pipeline.cli.status import StageLine, Status, _without_workers
from pipeline.cli.workers import StageNumbers, add_metrics, announced_workers, until_announced
from pipeline.metrics import StageMetrics
from pipeline.settings import Settings
from pipeline.status import LastRecord, Seen, positions_of
from schemas.proof import Proof, proof_to_json, proof_to_msgpack, sealed


def proof(stage: str, partition: int, next_position: int, **fields: object) -> Proof:
    return sealed(
        Proof(
            stage=stage,
            installation="one",
            genesis_id="g",
            cluster_id="c",
            source_topic="t",
            source_partition=partition,
            batch=1,
            first=0,
            next=next_position,
            **fields,
        )
    )


def test_the_metrics_of_a_worker_are_read_back_as_they_were_counted():
    registry = CollectorRegistry()
    metrics = StageMetrics("normalise", registry)
    told = proof(
        "normalise",
        0,
        9,
        records=9,
        outcomes={"normalised": 70, "duplicate": 5},
        refusals={"mediation.not_json": 2},
    )
    metrics.batch(0, told, behind=4)
    metrics.batch(1, told, behind=3)
    metrics.doubt(0, "KafkaError")
    metrics.invoiced(2)
    metrics.loaded(0, records=3, rows={"charges": 6}, seconds=0.1)

    numbers = StageNumbers()
    add_metrics(numbers, generate_latest(registry).decode())

    assert numbers.records == 21
    assert numbers.outcomes == {"normalised": 140, "duplicate": 10}
    assert numbers.refusals == {"mediation.not_json": 4}
    assert numbers.rows == {"charges": 6}
    assert (numbers.lag_records, numbers.partition_stops, numbers.invoices) == (7, 1, 2)
    assert numbers.handled == 150


def test_a_worker_that_is_gone_is_forgotten_and_one_that_runs_is_found(tmp_path):
    for pid in (os.getpid(), 2**22 + 1):
        words = {"stage": "rate", "pid": pid, "metrics_port": 1}
        (tmp_path / f"rate-{pid}.json").write_text(json.dumps(words))
    (tmp_path / "load-9.json").write_text("{half")
    assert [worker.pid for worker in announced_workers(tmp_path)] == [os.getpid()]
    assert not (tmp_path / f"rate-{2**22 + 1}.json").exists()


def test_a_start_waits_until_each_stage_has_a_worker_and_names_those_that_have_none(tmp_path):
    def announce(stage):
        words = {"stage": stage, "pid": os.getpid(), "metrics_port": 1}
        (tmp_path / f"{stage}-{os.getpid()}.json").write_text(json.dumps(words))

    async def wait(wait_s):
        announce("rate")
        if wait_s:
            asyncio.get_running_loop().call_soon(announce, "load")
        return await until_announced(tmp_path, ("rate", "load"), wait_s=wait_s)

    assert asyncio.run(wait(0)) == ("load",)
    assert asyncio.run(wait(30)) == ()


def stages_of(workers, behind):
    return tuple(
        StageLine(
            stage=stage, workers=count, behind=behind, outcomes={}, refusals={}, partitions=()
        )
        for stage, count in workers.items()
    )


@pytest.mark.parametrize(
    ("workers", "behind", "kept_by", "said"),
    [
        ({"rate": 1, "load": 1}, 0, 7, "Everything that was received is through."),
        ({"rate": 0, "load": 1}, 0, 7, "No worker of rate answers, though process 7 keeps"),
        ({"rate": 0, "load": 0}, 0, None, "Everything that was received is through."),
        ({"rate": 0, "load": 1}, 3, None, "No worker of rate runs on this machine"),
        ({"rate": 1, "load": 1}, 3, 7, ""),
    ],
)
def test_a_stage_without_a_worker_is_told_where_it_should_have_one(
    workers, behind, kept_by, said, tmp_path
):
    found = Status(
        installation="eu",
        kept_by=kept_by,
        kafka_bootstrap="k:1",
        embedded=True,
        through=not behind,
        stages=stages_of(workers, behind),
    )
    assert _without_workers(found, Settings(data=tmp_path)).startswith(said)
    assert bool(_without_workers(found, Settings(data=tmp_path))) == bool(said)


def test_the_rate_is_of_what_was_done_between_the_looks(tmp_path):
    view = StageView(tmp_path)
    before, after = StageNumbers(workers=1, records=100), StageNumbers(workers=1, records=700)
    view._looks.extend([(10.0, {"load": before}), (12.0, {"load": after})])
    assert view.per_second("load") == 300
    assert view.per_second("rate") == 0
    assert "load 700 (300/s, 0 records behind)" in view.as_line()


def test_a_worker_that_started_again_does_not_make_a_negative_rate(tmp_path):
    view = StageView(tmp_path)
    before, after = StageNumbers(records=700), StageNumbers(records=10)
    view._looks.extend([(10.0, {"load": before}), (12.0, {"load": after})])
    assert view.per_second("load") == 0


def test_outcomes_are_told_in_words():
    numbers = StageNumbers(invoices=2, partition_stops=1)
    numbers.outcomes.update(rated=1200, filtered=0)
    expected = "1,200 rated, 2 immediate invoices, 1 restarts of a partition"
    assert outcomes_text(numbers) == expected


SETTINGS = Settings(installation="one", raw_partitions=1, rating_partitions=1)
RAW, NORMALISED, LEDGER, SUSPENSE, PROOFS = (
    TopicPartition(f"one.{name}", 0)
    for name in (
        "usage.raw.v1",
        "usage.normalised.v1",
        "usage.rated.v1",
        "usage.suspense.v1",
        "normalise.proofs.v1",
    )
)
THROUGH = {
    RAW: LastRecord(4, b""),
    NORMALISED: LastRecord(20, b""),
    LEDGER: LastRecord(30, proof_to_json(proof("rate", 0, 21))),
    PROOFS: LastRecord(6, proof_to_msgpack(proof("normalise", 0, 5))),
}
LOADED = {(LEDGER.topic, 0): 31, (PROOFS.topic, 0): 7, (SUSPENSE.topic, 0): 0}


def test_everything_is_through_when_each_position_is_the_end():
    assert positions_of(SETTINGS, Seen(THROUGH, frozenset()), loaded=LOADED).through


@pytest.mark.parametrize(
    ("partition", "stage"),
    [(RAW, "normalise"), (NORMALISED, "rate"), (SUSPENSE, "load")],
    ids=["raw", "normalised", "suspense"],
)
def test_one_more_record_is_not_through(partition, stage):
    more = {**THROUGH, partition: LastRecord(99, b"")}
    positions = positions_of(SETTINGS, Seen(more, frozenset()), loaded=LOADED)
    assert not positions.through
    assert positions.behind(stage) > 0


@pytest.mark.parametrize("topic", [LEDGER.topic, PROOFS.topic], ids=["ledger", "proofs"])
def test_a_record_that_is_not_loaded_is_not_through(topic):
    loaded = {**LOADED, (topic, 0): 1}
    assert not positions_of(SETTINGS, Seen(THROUGH, frozenset()), loaded=loaded).through


def test_a_transaction_that_cannot_be_read_yet_is_not_through():
    seen = Seen(THROUGH, frozenset({SUSPENSE}))
    assert not positions_of(SETTINGS, seen, loaded=LOADED).through


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        ("1234.5000000000", 2, "1,234.50 EUR"),
        ("0.1016666667", 2, "0.1016666667 EUR"),
        ("7.0000000000", 2, "7.00 EUR"),
        ("-3", 0, "-3 EUR"),
        ("1234.5000000000", None, "1,234.5000000000 EUR"),
    ],
)
def test_money_has_its_currency_and_loses_no_digit(amount, places, text):
    assert money(Decimal(amount), "EUR", places=places) == text


def test_instants_are_shown_in_utc_and_say_so():
    berlin = dt.datetime(2026, 10, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert instant(berlin) == "2026-10-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (None, ""), (True, "yes"), ("[red]", "\\[red]"), (Decimal("1E+2"), "100")],
)
def test_values_are_shown_as_a_person_reads_them(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(("duration", "text"), [(3.14159, "3.1 s"), (125, "2 min 05 s")])
def test_durations_are_said_as_a_person_would(duration, text):
    assert seconds(duration) == text


def test_an_invoice_has_its_currencys_places_and_sums_without_zeros_at_their_end(capsys):
    line = {"line": 1, "product": "voice", "product_type": "telephony", "unit": "s"}
    line |= {"tax_code": None, "records": 2, "quantity": "180", "charge_ids": ["ab" * 16]}
    line |= {"charges": "0.1364100000", "amount": "0.14"}
    times = dict.fromkeys(("bill_period", "usage_from", "usage_to", "issued_at"), "2026-10-01")
    document = {
        "number": "1",
        "invoice_id": "i",
        "kind": "immediate",
        "tenant": "t",
        "scope": "all",
    }
    document |= {"account_id": "a", "currency": "EUR", "up_to": 1, "limit_reached_id": None}
    document |= {"total": "0.14", "tax_totals": [], "lines": [line], **times}
    print_invoice(msgspec.convert(document, InvoiceDocument), charges=True)
    assert [word for word in capsys.readouterr().out.split() if word.startswith("0.")] == [
        "0.14",
        "0.13641",
        "0.14",
    ]


def test_the_points_of_amounts_stand_below_each_other():
    console = Console(width=60, file=io.StringIO())
    rows = [("a", "1,486.0994787405 EUR", 3), ("b", "859.52 EUR", 40), ("c", "-0.5 EUR", None)]
    console.print(table(None, ["Name", ">Total", ">Charges"], rows))
    lines = [line for line in console.file.getvalue().splitlines() if "EUR" in line]
    assert len(lines) == 3
    assert len({line.index(".") for line in lines}) == 1
    assert len({line.index("EUR") for line in lines}) == 1
    assert "859.52 " in lines[1]  # nothing is made up behind the last digit


ID = "7165476027184080a787a3f1b0ca2153"
ROWS = [["teahouse-office", "rating.unknown_destination", 7, ID], ["x", "", 1234, ""]]


def printed(rows, *, width):
    console = Console(width=width, file=io.StringIO())
    console.print(table("Waiting", ["Subscription", "Reason", ">Records", "Charge"], rows))
    return console.file.getvalue()


def test_on_a_wide_terminal_a_row_is_a_line():
    lines = [line for line in printed(ROWS, width=120).splitlines() if ID in line]
    assert [line.split() for line in lines] == [
        ["teahouse-office", "rating.unknown_destination", "7", ID]
    ]


def test_on_a_narrow_one_nothing_that_somebody_may_copy_is_cut():
    text = printed(ROWS, width=60)
    assert "Charge        " + ID in text
    assert "Reason        rating.unknown_destination" in text
    assert "Records       1,234" in text
    assert text.count("Reason") == 1, "what a row has nothing of has no line"
    assert "…" not in text


def test_words_alone_are_wrapped_in_their_column():
    rows = [["a long text that goes on and on and on and on", "b", 7, "c"]]
    text = printed(rows, width=60)
    assert text.count("Subscription") == 1
    assert "─" in text


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (2000, "2,000 files")])
def test_what_is_counted_is_one_or_many(count, text):
    assert counted(count, "file") == text
