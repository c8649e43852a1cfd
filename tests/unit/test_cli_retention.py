"""The table of `ratemill retention`: what is held back by the same is one row."""

from __future__ import annotations

from pipeline.cli.retention import _rows
from pipeline.retention import PartitionPlan


def plan(topic, partition, *, trim_to, why, action=""):
    return PartitionPlan(
        topic=topic,
        partition=partition,
        begins=100,
        ends=1_200,
        trim_to=trim_to,
        why=why,
        action=action,
    )


def test_partitions_of_a_topic_that_are_held_back_by_the_same_are_one_row():
    load, snapshots = "load has read up to here", "0 of 2 snapshots"
    assert _rows(
        [
            plan("raw", 0, trim_to=1_100, why=load),
            plan("raw", 1, trim_to=600, why=load),
            plan("raw", 2, trim_to=100, why=snapshots, action="let the workers run"),
            plan("ledger", 0, trim_to=100, why=load),
        ]
    ) == [
        ["raw", "0, 1", "2,200", "1,500", load, ""],
        ["raw", "2", "1,100", "0", snapshots, "let the workers run"],
        ["ledger", "0", "1,100", "0", load, ""],
    ]
