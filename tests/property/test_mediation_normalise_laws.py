"""Laws of normalise: nothing is lost, nothing depends on where a batch ends, a replay is equal."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas import suspense, usage
from schemas.flow import Channel
from schemas.proof import proof_to_msgpack
from schemas.raw import ClosePeriodCommand, FileEnd, command_to_json, file_end_to_json
from tests.mediation_world import DATA, DAY_MS, NOON, MemoryStage, event_json

# Small ranges, so that copies, conflicts and unknown subscribers are frequent.
events = st.builds(
    event_json,
    st.integers(1, 4),
    subject=st.sampled_from(["dev-1", "dev-2", "dev-9"]),
    size=st.sampled_from([1, 2, -1]),
    at=st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2025-12-30T12:00:00Z"]),
)
batches = st.lists(events, max_size=4).map(lambda each: b"[" + b",".join(each) + b"]")
closes = st.builds(
    ClosePeriodCommand,
    tenant=st.just("acme"),
    account_id=st.sampled_from(["a-1", "a-9"]),
    period_start_ms=st.just(0),
    period_end_ms=st.sampled_from([1, 2]),
)
ends = st.builds(
    FileEnd,
    blocks=st.integers(0, 2),
    items=st.integers(0, 3),
    bytes=st.integers(0, 3),
    digest=st.just("0" * 32),
)
file_ids = st.sampled_from(["f", "g"])
named = st.fixed_dictionaries(
    {},
    optional={
        "at": st.sampled_from([NOON, NOON + DAY_MS, NOON + 70 * DAY_MS]),
        "source": st.sampled_from(["gate", "other", None]),
        "key": st.sampled_from([b"fleet", b"astray", None]),
        "format": st.sampled_from(["asterisk", "telepathy", "cloudevents-iot@1"]),
        "source_sequence": st.sampled_from(["1", "7", "x"]),
    },
)
records = st.one_of(
    st.tuples(events | batches | st.binary(max_size=8), named),
    st.tuples(events, st.just({})),
    st.tuples(
        closes.map(command_to_json),
        st.fixed_dictionaries(
            {"record": st.just("command"), "command_id": st.sampled_from(["1", "2"])}
        ),
    ),
    st.tuples(
        batches | st.just(b""),
        st.fixed_dictionaries(
            {
                "record": st.just("block"),
                "file_id": file_ids,
                "block": st.sampled_from(["0", "1", "2"]),
            }
        ),
    ),
    st.tuples(
        ends.map(file_end_to_json) | st.just(b"{"),
        st.fixed_dictionaries({"record": st.just("end"), "file_id": file_ids}),
    ),
)
streams = st.lists(records, max_size=12)


def run(stream, cuts=frozenset()):
    """A stage after the records, in batches that end at ``cuts`` and at the end."""
    stage = MemoryStage()
    totals = {}
    batch = []
    for position, (value, about) in enumerate(stream):
        batch.append(stage.record(value, **about))
        if position in cuts or position == len(stream) - 1:
            for outcome, count in stage.batch(*batch).proof.outcomes.items():
                totals[outcome] = totals.get(outcome, 0) + count
            batch = []
    return stage, totals


def without_batch_numbers(stage):
    events = [msgspec.structs.replace(event, batch=0) for event in stage.events()]
    return (
        events,
        stage.suspense(),
        {key: value for key, value in stage.state.items() if not key.startswith(b"t")},
    )


@given(streams)
def test_items_in_are_the_sum_of_the_outcomes(stream):
    stage, totals = run(stream)
    proof = stage.proof
    assert proof.items == sum(totals.values())
    assert proof.records == len(stream)
    assert totals.get("normalised", 0) == sum(
        isinstance(e, usage.UsageEvent) for e in stage.events()
    )
    classes = [record.suspense_class for record in stage.suspense()]
    assert classes.count("duplicate") == totals.get("duplicate", 0)
    assert classes.count("suspended") == totals.get("suspended", 0) == sum(proof.refusals.values())
    assert sum(so_far.count for so_far in proof.handed_on.values()) == len(stage.events())


@given(streams, st.frozensets(st.integers(0, 12)))
def test_where_a_batch_ends_changes_nothing_but_batch_numbers(stream, cuts):
    whole, whole_totals = run(stream)
    parts, part_totals = run(stream, cuts)
    assert part_totals == whole_totals
    assert without_batch_numbers(parts) == without_batch_numbers(whole)
    assert parts.proof.handed_on == whole.proof.handed_on
    indexed = [
        sorted(
            v[i : i + 16] for k, v in s.state.items() if k[:1] == b"t" for i in range(0, len(v), 16)
        )
        for s in (whole, parts)
    ]
    assert set(indexed[0]) == set(indexed[1])


@given(streams, st.frozensets(st.integers(0, 12)))
def test_a_replay_gives_equal_bytes(stream, cuts):
    (one, _), (two, _) = run(stream, cuts), run(stream, cuts)
    assert one.appends == two.appends
    assert proof_to_msgpack(one.proof) == proof_to_msgpack(two.proof)
    assert one.state == two.state


@given(streams)
def test_the_state_is_the_fold_of_the_proofs(stream):
    """`MemoryStage.batch` compares every proof's fold with the changes; here from the beginning."""
    stage, folded = MemoryStage(), {}
    for value, about in stream:
        decided = stage.batch(stage.record(value, **about))
        for key, change in stage.step.fold(proof_to_msgpack(decided.proof)):
            if change is None:
                folded.pop(key, None)
            else:
                folded[key] = change
    assert folded == stage.state


@given(st.lists(events, max_size=6))
def test_a_duplicate_changes_nothing(stream):
    stage, _ = run([(value, {}) for value in stream])
    state, events_before = dict(stage.state), stage.events()
    for value in stream:
        stage.send(value)
    assert stage.state == state
    assert stage.events() == events_before


HEADER_NAMES = ["tenant", "source", "format", "record", "file_id", "block", "command_id", "zone"]
HEADER_NAMES += ["oversize_bytes", "oversize_digest", "source_sequence", "content_type"]
TEXTS = ["acme", "gate", "asterisk", "cloudevents-iot", "message", "block", "end", "command", "0"]


@given(
    st.binary(max_size=40)
    | st.sampled_from([(DATA / "asterisk.csv").read_bytes(), event_json(), b"[[[[", b"{}"]),
    st.dictionaries(st.sampled_from(HEADER_NAMES), st.sampled_from(TEXTS) | st.text(max_size=5)),
)
def test_arbitrary_records_never_raise_and_are_never_lost(value, about):
    stage = MemoryStage()
    decided = stage.batch(stage.record(value, **about))
    assert decided.proof.items >= 1
    for append in decided.appends:
        if append.channel is Channel.SUSPENSE:
            assert suspense.from_wire(append.value).offset == 0
