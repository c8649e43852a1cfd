"""The measured block of docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.bench.compare import changes, differences
from pipeline.bench.compared import read_compared
from pipeline.bench.judged import judged, number, reasons_by_name
from pipeline.bench.markdown import UNKNOWN, figure, md_table, section
from pipeline.bench.result import FIRST_FORMATS, BenchResult, Figures, rounded

_COMPARED = (  # of all figures, those that a reader of the document follows
    "_us_per_",
    "events_per_s",
    "latency_",
    "restore_",
    "memory_",
    "catalogue_",
)
_POINTS = 8  # of the lag that are shown


def performance_text(result: BenchResult, earlier: BenchResult | None) -> str:
    """Return the block; a part that was not measured has no section."""
    sections = [
        _setting(result),
        _targets(result),
        _stages(result.figures),
        _end_to_end(result),
        _latency(result.figures),
        _restore(result.figures),
        _catalogue(result.figures),
        _memory(result.figures),
        _ratios(result.figures),
        "" if earlier is None or earlier == result else _changes(earlier, result),
    ]
    return "\n".join(one for one in sections if one)


def _setting(result: BenchResult) -> str:
    hardware, workload = result.hardware, result.workload
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    exact = {
        True: "Reconciled: no record lost, doubled or changed.",
        False: "It did NOT reconcile.",
        None: "",
    }[result.exact]
    return section(
        "Where",
        f"{result.measured_at}, on {hardware['processor']}, {hardware['cores']} cores, "
        f"{hardware['memory']}, {hardware['system']}; broker, database and all workers on it. "
        f"{versions}.",
        f"Workload: {workload['events']:,} events (seed {workload['seed']}, from "
        f"{workload['start']}), {workload['accounts']:,} accounts with "
        f"{workload['subscriptions']:,} subscriptions, {workload['prefixes']:,} prefixes, "
        f"{workload['duplicates']:,} duplicates, {workload['broken']:,} broken; "
        f"{workload['raw_records']:,} raw records of {workload['raw_bytes']:,} bytes, "
        f"over {workload.get('partitions', '?')} partitions of raw and of rated usage each. "
        f"{_formats(workload)}{exact}",
        "\n".join(["```text", *result.command.split("; "), "```"]),
    )


def _formats(workload: Mapping[str, int | str]) -> str:
    if "formats" not in workload:
        return f"{FIRST_FORMATS}: measured before there were charging files in the workload. "
    return f"{workload['formats']}, these in {workload['charging_files']:,} files. "


def _targets(result: BenchResult) -> str:
    rows = judged(result, reasons_by_name(), read_compared())
    return section(
        "Against what must be reached",
        md_table(["", ">measured", ">must", ">aim", "", "why"], [list(row) for row in rows]),
    )


def _stages(figures: Figures) -> str:
    rows = [
        [
            title,
            figure(figures, f"{name}_us_per_{per}"),
            figure(figures, f"{name}_{per}s_per_core_s"),
            figure(figures, memory, "MB") if memory else "",
        ]
        for title, name, per, memory in (
            ("normalise, nothing asked of RocksDB", "normalise_without_dedup", "event", ""),
            ("normalise with dedup", "normalise", "event", "memory_normalise_mb"),
            ("rate", "rate", "event", "memory_rate_mb"),
            ("load, with the driver", "load", "row", ""),
        )
        if f"{name}_us_per_{per}" in figures
    ]
    if not rows:
        return ""
    return section(
        "Each stage alone",
        "A process that runs the stage's own step over the workload, with its RocksDB and without "
        "Kafka: decoding, deciding, encoding, proof. Load: batches of the ledger over one "
        "connection.",
        md_table(["", ">us CPU per event", ">a second and core", ">resident"], rows),
        f"Load wrote {figure(figures, 'load_rows_per_s')} rows/s; the database took "
        f"{figure(figures, 'load_postgres_us_per_row')} us of CPU for each.",
        _by_format(figures),
    )


def _by_format(figures: Figures) -> str:
    rows = [
        [
            title,
            figure(figures, f"normalise_{name}_without_dedup_us_per_event"),
            figure(figures, f"normalise_{name}_us_per_event"),
        ]
        for name, title in (
            ("rows", "calls as CSV rows"),
            ("cloudevents", "CloudEvents"),
            ("charging", "calls as records in charging files"),
        )
        if f"normalise_{name}_us_per_event" in figures
    ]
    if not rows:
        return ""
    return (
        "Normalise by format, the events of each by themselves, us CPU per event:\n\n"
        + md_table(["", ">nothing asked of RocksDB", ">with dedup"], rows)
    )


def _end_to_end(result: BenchResult) -> str:
    figures = result.figures
    if "end_to_end_events_per_s" not in figures:
        return ""
    processes = [
        [
            name,
            figure(figures, f"cpu_{name}_us_per_event"),
            _a_core(figures, f"cpu_{name}_us_per_event"),
            figure(figures, f"memory_{name}_process_mb", "MB"),
            figure(figures, f"transactions_{name}_per_million_events"),
            figure(figures, f"idle_{name}_core_percent", "%"),
        ]
        for name in ("normalise", "rate", "load", "kafka", "postgres")
    ]
    return section(
        "End to end",
        f"All events are put into the raw topic at once, with idle workers waiting for them: "
        f"{figure(figures, 'end_to_end_events_per_s')} events/s from the first one sent to the "
        f"last commit in Postgres, {figure(figures, 'end_to_end_s', 's')}; "
        f"{figure(figures, 'end_to_end_cores_busy')} cores busy; "
        f"{figure(figures, 'end_to_end_invoices')} invoices were built on the way, the last "
        f"{figure(figures, 'end_to_end_invoices_after_s', 's')} later.",
        md_table(
            [
                "process",
                ">us CPU per event",
                ">a second and core",
                ">resident",
                ">transactions per million",
                ">of a core when idle",
            ],
            processes,
        ),
        f"Ours {figure(figures, 'cpu_ours_us_per_event')} us, all "
        f"{figure(figures, 'cpu_all_us_per_event')} us. Putting the events in took "
        f"{figure(figures, 'cpu_feeder_us_per_event')} us more.",
        _lag(result),
    )


def _a_core(figures: Figures, name: str) -> str:
    """Return how many events a second one core would do at that cost."""
    cost_us = figures.get(name)
    return number(rounded(1e6 / cost_us)) if cost_us else UNKNOWN


def _lag(result: BenchResult) -> str:
    series = result.series.get("end_to_end", [])
    if not series:
        return ""
    step = max(1, len(series) // _POINTS)
    shown = [*series[:-1:step], series[-1]]
    return "Behind over time:\n\n" + md_table(
        [">s", ">normalised", ">raw behind", ">rated", ">events behind", ">loaded", ">rows behind"],
        [[f"{point[0]:.0f}", *(number(value) for value in point[1:])] for point in shown],
    )


def _latency(figures: Figures) -> str:
    rows = [
        [
            figure(figures, f"latency_{name}_rate_per_s"),
            *(figure(figures, f"latency_{name}_p{share}_ms") for share in (50, 95, 99)),
            figure(figures, f"latency_{name}_max_ms"),
            figure(figures, f"latency_{name}_records"),
        ]
        for name in ("low", "offered")
        if f"latency_{name}_p50_ms" in figures
    ]
    if not rows:
        return ""
    cpu = [
        f"{name} {figure(figures, f'latency_offered_cpu_{name}_us_per_event')}"
        for name in ("normalise", "rate", "load", "kafka", "postgres", "feeder")
        if f"latency_offered_cpu_{name}_us_per_event" in figures
    ]
    transactions = [
        f"{name} {figure(figures, f'latency_offered_transactions_{name}_per_s')}"
        for name in ("normalise", "rate", "load")
    ]
    return section(
        "Latency",
        "Each event a raw record of its own, sent when it is due whatever became of those before; "
        "from that moment to the commit in Postgres, in ms. Postgres is asked every 10 ms, which is "
        "in the figures.",
        md_table([">offered /s", ">p50", ">p95", ">p99", ">most", ">records"], rows),
        f"A small write takes {figure(figures, 'disk_fsync_p50_ms', 'ms')} until the disk has it "
        f"(p99 {figure(figures, 'disk_fsync_p99_ms', 'ms')}); a record waits for several."
        if "disk_fsync_p50_ms" in figures
        else "",
        f"At the offered rate: us of CPU per event {', '.join(cpu)}; transactions a second "
        f"{', '.join(transactions)}."
        if cpu
        else "",
    )


def _restore(figures: Figures) -> str:
    if "restore_rate_s" not in figures:
        return ""
    return section(
        "Restore",
        "Empty RocksDB folders, folded from the topics, partition after partition in one process.",
        md_table(
            ["", ">records or keys", ">s", ">a second", ">us CPU each"],
            [
                [
                    "rate, from the ledger",
                    figure(figures, "restore_rate_ledger_records"),
                    figure(figures, "restore_rate_s"),
                    figure(figures, "restore_rate_ledger_records_per_s"),
                    figure(figures, "restore_rate_us_per_ledger_record"),
                ],
                [
                    "normalise, identities from its proofs",
                    figure(figures, "restore_normalise_keys"),
                    figure(figures, "restore_normalise_s"),
                    figure(figures, "restore_normalise_keys_per_s"),
                    figure(figures, "restore_normalise_us_per_key"),
                ],
            ],
        ),
    )


def _catalogue(figures: Figures) -> str:
    if "catalogue_load_s" not in figures:
        return ""
    return section(
        "Catalogue",
        f"{figure(figures, 'catalogue_check_s', 's')} to check the files, "
        f"{figure(figures, 'catalogue_load_s', 's')} in a worker to load and compile "
        f"{figure(figures, 'catalogue_bytes')} bytes, which then take "
        f"{figure(figures, 'catalogue_memory_mb', 'MB')}; a look-up of a number takes "
        f"{figure(figures, 'catalogue_look_up_us', 'us')}." + _call_tariff(figures),
    )


def _call_tariff(figures: Figures) -> str:
    if "call_tariff_us_per_record" not in figures:
        return ""
    return (
        f" A call whose first minute, further minutes, hours and fee have prices of their own takes "
        f"{figure(figures, 'call_tariff_us_per_record', 'us')} from its event to its amount and the "
        f"explanation, one of the card {figure(figures, 'card_tariff_us_per_record', 'us')}."
    )


def _memory(figures: Figures) -> str:
    rows = [
        [title, figure(figures, name, "MB")]
        for title, name in (
            ("normalise, worker after the run", "memory_normalise_process_mb"),
            ("normalise alone, 1 million identities", "memory_normalise_at_1m_identities_mb"),
            ("rate, worker after the run", "memory_rate_process_mb"),
            ("rate alone", "memory_rate_mb"),
            ("load, worker after the run", "memory_load_process_mb"),
            ("Kafka", "memory_kafka_process_mb"),
        )
        if name in figures
    ]
    return section("Memory", md_table(["", ">resident"], rows)) if rows else ""


def _ratios(figures: Figures) -> str:
    rows = []
    if "pass_through_us_per_event" in figures:
        rows.append(
            [
                "aiokafka alone: the normalised events into another topic, untouched",
                figure(figures, "pass_through_us_per_event"),
                f"ours is {figure(figures, 'ours_times_pass_through')} times that",
            ]
        )
    if "faust_agent_us_per_event" in figures:
        rows.append(
            [
                "the same work as a stock Faust application (`benchmarks/faust_agent/`)",
                figure(figures, "faust_agent_us_per_event"),
                f"{figure(figures, 'faust_agent_times_our_cpu')} times normalise and rate",
            ]
        )
    if not rows:
        return ""
    return section(
        "In the same run",
        "Ratios hold on a noisy machine too. The Faust application comes to the same charges; what "
        "it does not do is in its docstring.",
        md_table(["", ">us CPU per event", ""], rows),
    )


def _changes(before: BenchResult, now: BenchResult) -> str:
    rows = [
        [
            f"`{one.name}`",
            number(one.before),
            number(one.now),
            "" if one.percent is None else f"{one.percent:+.0f} %",
        ]
        for one in changes(before, now)
        if any(part in one.name for part in _COMPARED)
    ]
    notes = [f"Not the same: {difference}." for difference in differences(before, now)]
    return section(
        f"Before and after: against {before.measured_at}",
        md_table(["figure", ">before", ">now", ">change"], rows),
        " ".join(notes),
    )
