"""Names, labels and documentation of every metric; what is told of a partition and when it goes."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.clock import ManualClock
from pipeline.health import Health, holds
from pipeline.metrics import MetricName, StageMetrics, build_info, unaccounted
from pipeline.watching.metrics import SourceMetrics
from pipeline.watching.sources import SourceView
from schemas.proof import Cumulative, Proof, ReadSoFar
from tests.promtool import run_promtool

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
START = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
START_MS = int(START.timestamp() * 1000)
# Of each label: how many values an installation can have. What is not here is not bounded.
BOUNDED = {
    *("stage", "partition", "outcome", "reason", "error", "result", "table", "work", "version"),
    *("consumergroup", "topic"),
    "source",  # `watching.sources.MOST_SOURCES`
}

SOURCE = SourceView(
    source="gate",
    records_per_minute=7,
    records=20,
    refusals=5,
    last_at_ms=START_MS,
    missed=3,
)


def proof(**fields: object) -> Proof:
    usual = {"source_topic": "one.usage.raw.v1", "source_partition": 0, "batch": 1}
    words = {"stage": "normalise", "installation": "one", "genesis_id": "g", "cluster_id": "c"}
    return Proof(**(words | usual | {"first": 0, "next": 9} | fields))


class World:
    """A stage that has told everything that there is to tell."""

    def __init__(self, stage: str = "normalise") -> None:
        self.clock = ManualClock(START)
        self.registry = CollectorRegistry()
        self.health = Health(self.clock)
        self.metrics = StageMetrics(
            stage,
            self.registry,
            health=self.health,
            clock=self.clock,
            group=f"one.{stage}",
            source_topic="one.usage.raw.v1",
        )

    def everything(self) -> None:
        metrics = self.metrics
        build_info(self.registry, version="1")
        metrics.assigned(1)
        metrics.owned(0)
        metrics.restored(0, 12)
        told = proof(
            records=9,
            items=9,
            outcomes={"normalised": 8, "suspended": 1},
            refusals={"mediation.not_json": 1},
            handed_on={"0": Cumulative(5), "1": Cumulative(3)},
            read={"0": ReadSoFar(1, Cumulative(4), 0, Cumulative())},
        )
        metrics.working(0, told)
        metrics.batch(0, told, behind=3, appended_at_ms=START_MS, event_time_ms=START_MS)
        metrics.loaded("one.usage.rated.v1/0", records=1, rows={"rated_usage": 1}, seconds=0.1)
        metrics.doubt(0, "KafkaError")
        metrics.snapshot(0, "taken")
        metrics.invoiced(1)
        metrics.side_work_failed("invoices", "InvoiceMismatch")
        metrics.database(None)
        SourceMetrics(self.registry).tell([SOURCE])

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def page(self) -> str:
        return generate_latest(self.registry).decode()


@pytest.fixture
def told() -> World:
    world = World()
    world.everything()
    return world


def families(world: World) -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of every metric that is shown, by the name that the code gives it."""
    found = {}
    for family in world.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return found


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def test_the_list_of_names_is_what_is_shown(told):
    assert set(families(told)) == set(get_args(MetricName))


def test_the_document_has_every_metric_with_its_type_and_labels(told):
    assert documented() == families(told)


def test_every_label_is_one_that_has_few_values(told):
    assert {label for _, labels in families(told).values() for label in labels} <= BOUNDED


def test_names_have_the_usual_endings_and_texts(told):
    for family in told.registry.collect():
        assert family.documentation.endswith("."), family.name
        assert not re.search(r"(milli|micro|_ms\b|_count$|_sum$|_bucket$)", family.name)
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples)
        else:
            assert not family.name.endswith("_total")


def test_the_page_can_be_read_back(told):
    names = {family.name for family in text_string_to_metric_families(told.page())}
    assert {"ratemill_items", "kafka_consumergroup_lag", "ratemill_batch_seconds"} <= names


def test_promtool_finds_nothing_to_say_about_the_page(told):
    said = run_promtool("check", "metrics", given=told.page())
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_promtool_finds_a_name_that_is_not_usual():
    given = "# HELP lag_milliseconds Lag.\n# TYPE lag_milliseconds counter\nlag_milliseconds 1\n"
    assert run_promtool("check", "metrics", given=given).returncode != 0


def test_what_is_known_of_a_partition_goes_with_it_and_what_was_counted_stays(told):
    told.metrics.released(0)
    page = told.page()
    for name in (
        "ratemill_partition_working",
        "kafka_consumergroup_lag",
        "ratemill_lag_seconds",
        "ratemill_event_timestamp_seconds",
        "ratemill_last_commit_timestamp_seconds",
        "ratemill_events_handed_on",
        "ratemill_events_read",
    ):
        assert f"\n{name}{{" not in page, name
    assert told.value("ratemill_items_total", stage="normalise", partition="0") == 9


def test_a_partition_that_is_released_twice_or_was_never_owned_breaks_nothing():
    world = World()
    world.metrics.released(0)
    world.metrics.released("a/1")


def test_the_lag_has_the_usual_labels_also_where_the_partition_names_its_topic():
    world = World("load")
    world.metrics.owned("one.usage.rated.v1/3")
    world.metrics.caught_up("one.usage.rated.v1/3", behind=7)
    labels = {"consumergroup": "one.load", "topic": "one.usage.rated.v1", "partition": "3"}
    assert world.value("kafka_consumergroup_lag", **labels) == 7


def test_the_lag_in_seconds_grows_while_records_wait_and_nothing_is_committed():
    world = World()
    world.metrics.owned(0)
    world.metrics.batch(0, proof(), behind=1, appended_at_ms=START_MS - 2_000)
    labels = {"stage": "normalise", "partition": "0"}
    assert world.value("ratemill_lag_seconds", **labels) == 2
    world.clock.advance(dt.timedelta(seconds=30))
    assert world.value("ratemill_lag_seconds", **labels) == 32
    world.metrics.caught_up(0, behind=0)
    assert world.value("ratemill_lag_seconds", **labels) == 0


def test_a_broker_whose_clock_is_ahead_gives_no_negative_lag():
    world = World()
    world.metrics.owned(0)
    world.metrics.batch(0, proof(), behind=1, appended_at_ms=START_MS + 5_000)
    assert world.value("ratemill_lag_seconds", stage="normalise", partition="0") == 0


@pytest.mark.parametrize(
    ("outcomes", "refusals", "missing"),
    [
        ({"normalised": 3, "suspended": 1}, {"mediation.not_json": 1}, 0),
        ({"normalised": 3}, {}, 1),
        ({"normalised": 5}, {}, 1),
        ({"normalised": 3, "suspended": 1}, {}, 1),
        ({"normalised": 2}, {"mediation.not_json": 1}, 3),
    ],
)
def test_an_item_without_exactly_one_outcome_is_counted(outcomes, refusals, missing):
    told = proof(items=4, outcomes=outcomes, refusals=refusals)
    assert unaccounted(told) == missing
    world = World()
    world.metrics.owned(0)
    labels = {"stage": "normalise", "partition": "0"}
    assert world.value("ratemill_unaccounted_total", **labels) == 0, "there before it grows"
    world.metrics.batch(0, told, behind=0)
    assert world.value("ratemill_unaccounted_total", **labels) == missing


def test_what_was_handed_on_goes_on_from_the_last_proof():
    world = World()
    world.metrics.owned(0)
    world.metrics.working(0, proof(handed_on={"0": Cumulative(5), "3": Cumulative(2)}))
    assert world.value("ratemill_events_handed_on", partition="0") == 7


def test_a_partition_in_doubt_is_not_at_work_and_not_ready():
    world = World()
    world.metrics.assigned(1)
    world.metrics.owned(0)
    world.metrics.working(0)
    assert holds(world.health.ready())
    world.metrics.doubt(0, "AppendRefused")
    assert world.value("ratemill_partition_working", stage="normalise", partition="0") == 0
    assert not holds(world.health.ready())
    world.metrics.released(0)
    assert holds(world.health.ready())
