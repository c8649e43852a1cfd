"""What proofs make of sources: rates, shares, silence; batches read twice, missed, of another genesis."""

from __future__ import annotations

from msgspec import structs

from pipeline.watching.numbers import LATE_WITHIN_MS
from pipeline.watching.sources import (
    MINUTE_MS,
    MOST_SOURCES,
    REST,
    SHARE_OVER,
    SourceView,
    Watch,
)
from schemas.proof import Proof, SourceTally

AT = 1_000 * MINUTE_MS


def proof(batch: int, genesis: str = "g", **sources: SourceTally) -> Proof:
    return Proof(
        stage="normalise",
        installation="one",
        genesis_id=genesis,
        cluster_id="c",
        source_topic="one.usage.raw.v1",
        source_partition=0,
        batch=batch,
        first=0,
        next=1,
        sources=sources,
    )


def only(watch: Watch, at_ms: int) -> SourceView:
    (view,) = watch.view(at_ms=at_ms)
    return view


def test_the_rate_is_that_of_the_last_whole_minute():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(4, 0)), partition=0, at_ms=AT)
    watch.fold(proof(2, gate=SourceTally(3, 0)), partition=0, at_ms=AT + MINUTE_MS - 1)
    watch.fold(proof(3, gate=SourceTally(9, 0)), partition=0, at_ms=AT + MINUTE_MS)
    assert only(watch, AT + MINUTE_MS - 1).records_per_minute == 0
    assert only(watch, AT + MINUTE_MS).records_per_minute == 7
    assert only(watch, AT + 2 * MINUTE_MS).records_per_minute == 9
    assert only(watch, AT + 3 * MINUTE_MS).records_per_minute == 0


def test_the_share_of_refusals_is_over_a_quarter_of_an_hour():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(4, 2)), partition=0, at_ms=AT)
    watch.fold(proof(2, gate=SourceTally(4, 0)), partition=0, at_ms=AT + MINUTE_MS)
    assert only(watch, AT + MINUTE_MS).refused_ratio == 0.25
    assert only(watch, AT + SHARE_OVER * MINUTE_MS).refused_ratio == 0
    assert only(watch, AT + (SHARE_OVER + 1) * MINUTE_MS).refused_ratio is None


def test_a_source_of_several_partitions_is_one():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(1, 1, 1, 1)), partition=0, at_ms=AT)
    watch.fold(proof(1, gate=SourceTally(3, 0, 3, 3)), partition=1, at_ms=AT + 5)
    watch.fold(proof(2, gate=SourceTally(4, 0, 2, 2)), partition=0, at_ms=AT + 2)
    view = only(watch, AT + LATE_WITHIN_MS * 2)
    assert (view.records, view.refusals, view.last_at_ms, view.missed) == (8, 1, AT + 5, 0)


def test_a_proof_that_is_read_again_changes_nothing():
    watch = Watch()
    told = proof(1, gate=SourceTally(4, 2, 1, 1))
    watch.fold(told, partition=0, at_ms=AT)
    before = watch.view(at_ms=AT)
    assert watch.fold(told, partition=0, at_ms=AT + 1) == []
    assert watch.view(at_ms=AT) == before


def test_behind_proofs_that_nobody_has_read_the_numbers_begin_anew():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(1, 0, 1, 1)), partition=0, at_ms=AT)
    watch.fold(proof(3, gate=SourceTally(1, 0, 9, 9)), partition=0, at_ms=AT)
    watch.fold(proof(4, gate=SourceTally(1, 0, 11, 11)), partition=0, at_ms=AT)
    assert only(watch, AT + 2 * LATE_WITHIN_MS).missed == 1


def test_another_genesis_is_another_installation():
    watch = Watch()
    watch.fold(proof(7, gate=SourceTally(4, 2, 900, 900)), partition=0, at_ms=AT)
    watch.fold(proof(0, "new"), partition=0, at_ms=AT)
    assert watch.view(at_ms=AT) == ()
    watch.fold(proof(1, "new", gate=SourceTally(1, 0, 905, 905)), partition=0, at_ms=AT)
    view = only(watch, AT + 2 * LATE_WITHIN_MS)
    assert (view.records, view.missed) == (1, 0)


def test_what_is_restored_goes_on_where_it_was():
    watch, again = Watch(), Watch()
    (change,) = watch.fold(proof(1, gate=SourceTally(4, 2, 1, 1)), partition=0, at_ms=AT)
    again.restore(
        0,
        place=watch.place(0),
        kept={"gate": change.kept},
        windows=[("gate", AT // MINUTE_MS, change.window)],
    )
    for each in (watch, again):
        each.fold(proof(2, gate=SourceTally(1, 0, 3, 3)), partition=0, at_ms=AT + 1)
    at_ms = AT + 2 * LATE_WITHIN_MS
    assert again.view(at_ms=at_ms) == watch.view(at_ms=at_ms)
    assert only(again, at_ms).missed == 1


def test_of_two_partitions_the_newer_numbers_hold():
    watch, again = Watch(), Watch()
    (old,) = watch.fold(proof(1, gate=SourceTally(1, 0, 1, 1)), partition=0, at_ms=AT)
    (new,) = watch.fold(proof(1, gate=SourceTally(1, 0, 2, 2)), partition=1, at_ms=AT)
    for partition, one in ((1, new), (0, old)):
        again.restore(partition, place=None, kept={"gate": one.kept}, windows=[])
    again.fold(proof(2, gate=SourceTally(1, 0, 3, 3)), partition=0, at_ms=AT)
    assert only(again, AT + 2 * LATE_WITHIN_MS).missed == 0


def test_what_is_another_workers_now_is_not_shown():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(4, 2)), partition=0, at_ms=AT)
    watch.fold(proof(1, gate=SourceTally(1, 0), door=SourceTally(1, 0)), partition=1, at_ms=AT)
    watch.release(1)
    assert only(watch, AT).records == 4
    watch.release(1)
    watch.release(0)
    assert watch.view(at_ms=AT) == ()


def test_past_the_bound_the_rest_are_one_and_nothing_is_lost():
    watch = Watch()
    names = [REST, *(f"s{number:03}" for number in range(MOST_SOURCES + 2))]
    tallies = {name: SourceTally(2, 1) for name in names}
    watch.fold(proof(1, **tallies), partition=0, at_ms=AT)
    views = watch.view(at_ms=AT)
    assert len(views) == MOST_SOURCES + 1
    assert [view.source for view in views][-2:] == [f"s{MOST_SOURCES - 1:03}", REST]
    assert sum(view.records for view in views) == 2 * len(names)
    assert views[-1].records == 6, "a source of that name is among the rest"


def test_a_number_that_is_missing_within_a_batch_is_seen():
    watch = Watch()
    told = structs.replace(proof(1, gate=SourceTally(5, 0, 1, 9)), runs={"gate": ((1, 4), (7, 9))})
    watch.fold(told, partition=0, at_ms=AT)
    assert only(watch, AT + LATE_WITHIN_MS).missed == 2


def test_a_source_that_wraps_within_a_batch_misses_nothing():
    watch = Watch()
    watch.fold(proof(1, gate=SourceTally(1, 0, 9997, 9997)), partition=0, at_ms=AT)
    told = proof(2, gate=SourceTally(4, 0, 9998, 1))
    told = structs.replace(told, runs={"gate": ((0, 1), (9998, 9999))})
    watch.fold(told, partition=0, at_ms=AT)
    watch.fold(proof(3, gate=SourceTally(1, 0, 2, 2)), partition=0, at_ms=AT)
    assert only(watch, AT + LATE_WITHIN_MS).missed == 0


DAY_MS = 1440 * MINUTE_MS


def test_a_source_that_is_silent_for_too_long_is_forgotten_with_all_that_is_known_of_it():
    watch = Watch(forget_ms=2 * DAY_MS)
    watch.fold(proof(0, a=TALLY_5, b=TALLY_5), partition=0, at_ms=AT)
    assert watch.forget(0, at_ms=AT) == {}
    at_ms = AT + 2 * DAY_MS
    watch.fold(proof(1, b=TALLY_5), partition=0, at_ms=at_ms)
    assert watch.forget(0, at_ms=at_ms) == {}, "not at the bound"
    at_ms += 60 * MINUTE_MS
    assert watch.forget(0, at_ms=at_ms) == {"a": AT}
    assert only(watch, at_ms).source == "b"
    assert watch.forget(0, at_ms=at_ms) == {}
    (change,) = watch.fold(proof(2, a=tally(90, 90)), partition=0, at_ms=at_ms)
    assert (change.kept.numbers.missed, change.kept.numbers.holes) == (0, ()), "it is a new one"
    assert change.kept.change == 1


def test_a_source_that_another_partition_hears_of_is_not_forgotten():
    watch = Watch(forget_ms=2 * DAY_MS)
    watch.fold(proof(0, a=TALLY_5), partition=0, at_ms=AT)
    at_ms = AT + 3 * DAY_MS
    watch.fold(proof(0, a=tally(6, 6)), partition=1, at_ms=at_ms)
    assert watch.forget(0, at_ms=at_ms) == {}
    assert watch.forget(0, at_ms=at_ms + 3 * DAY_MS) == {"a": at_ms}
    assert only(watch, at_ms).last_at_ms == at_ms, "the other partition knows it still"
    assert watch.forget(1, at_ms=at_ms + 3 * DAY_MS) == {"a": at_ms}
    assert watch.view(at_ms=at_ms) == ()


def test_silent_sources_are_looked_for_once_an_hour_of_proofs():
    watch = Watch(forget_ms=60 * MINUTE_MS)
    watch.fold(proof(0, a=TALLY_5), partition=0, at_ms=AT)
    watch.forget(0, at_ms=AT + 59 * MINUTE_MS)
    assert watch.forget(0, at_ms=AT + 118 * MINUTE_MS) == {}
    assert watch.forget(0, at_ms=AT + 119 * MINUTE_MS) == {"a": AT}


def tally(first: int, last: int) -> SourceTally:
    return SourceTally(1, 0, first, last)


TALLY_5 = tally(5, 5)
