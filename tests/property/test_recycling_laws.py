"""Laws of suspense: whatever comes back, in whatever order and however often, is charged once or waits."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.recycling import Back, back
from schemas.flow import Channel
from schemas.suspense import Suspended, SuspenseClass
from schemas.usage import to_wire
from tests.mediation_world import DAY_MS, NOON, MemoryStage, accounts, event_json
from tests.recycling_world import raw_partition_of, sent_back, waiting_of, written_off

IDENTITIES = 3
KNOWN = ("dev-1", "dev-8", "dev-9")  # the first at once, each of the others once it is loaded

# Small ranges, so that copies, second refusals and both decisions about one record are frequent.
sends = st.tuples(st.just("send"), st.integers(1, IDENTITIES), st.sampled_from(KNOWN[:2]))
others = st.tuples(
    st.sampled_from(
        ["recycle", "recycle", "write off", "again", "break", "know", "rate refuses", "wait"]
    ),
    st.integers(0, 5),
    st.just(""),
)
programs = st.lists(sends | others, max_size=18)


class Run:
    """A stage, what it has put into suspense, and a rate that refuses what it is told to."""

    def __init__(self, cuts):
        self.stage = MemoryStage()
        self.cuts = cuts
        self.batch = []
        self.sent = []  # what the relay may publish again
        self.waiting = {}  # by suspense id
        self.settled = {}
        self.refused_by_rate = set()  # places of events
        self.charged = []
        self.identities = set()
        self.given_up = set()
        self.known = 1
        self.at = NOON
        self.steps = 0

    def take(self, program):
        for what, number, subject in program:
            self.steps += 1
            if what == "send":
                self.put(self.stage.record(event_json(number, subject=subject), at=self.at))
            elif what == "know":
                self.flush()
                self.known = min(self.known + 1, len(KNOWN))
                self.stage.reference.apply(
                    accounts({"a-1": KNOWN[: self.known]}), version=self.stage.reference.version + 1
                )
            elif what == "wait":
                self.at += 40 * DAY_MS
            elif what == "again" and self.sent:
                record = self.sent[number % len(self.sent)]
                self.put(record._replace(offset=self.offset(), appended_at_ms=self.at))
            else:
                self.of_suspense(what, number)
        self.flush()

    def of_suspense(self, what, number):
        self.flush()
        if what == "rate refuses":
            if self.charged:
                self.refuse(self.charged.pop(number % len(self.charged)))
            return
        if not self.waiting:
            return
        record = list(self.waiting.values())[number % len(self.waiting)]
        if what == "write off":
            made = written_off(self.stage, record, at=self.at)
        elif not comes_back(record):
            return
        else:
            made = sent_back(self.stage, record, at=self.at)
            if what == "break":  # a mapping that cannot read it any more, for one try
                made = made._replace(value=b"nothing")
        self.sent.append(made)
        self.put(made)

    def refuse(self, event):
        """What rate appends where it refuses an event; the next id is of another place."""
        self.refused_by_rate.add(len(self.refused_by_rate))
        place = len(self.refused_by_rate)
        suspense_id = f"{place:032x}"
        self.waiting[suspense_id] = Suspended(
            suspense_id=suspense_id,
            suspense_class=SuspenseClass.SUSPENDED,
            stage="rate",
            tenant=event.tenant,
            source=event.source,
            format=event.provenance.format,
            reason="rating.unknown_product",
            detail="",
            raw=to_wire(event),
            raw_headers=(),
            topic="t",
            partition=0,
            offset=place,
            index=0,
            appended_at_ms=self.at,
            identity=event.identity.hex(),
        )

    def offset(self):
        self.stage.offset += 1
        return self.stage.offset - 1

    def put(self, record):
        self.batch.append(record)
        if self.steps in self.cuts:
            self.flush()

    def flush(self):
        if not self.batch:
            return
        suspended, events = len(self.stage.suspense()), len(self.stage.events())
        decided = self.stage.batch(*self.batch)
        self.batch = []
        changed = dict(decided.changes)
        settled = {key[1:].hex(): value[0] for key, value in changed.items() if key[:1] == b"s"}
        assert sum((decided.proof.settled or {}).values()) == len(settled)
        for suspense_id, how in settled.items():
            assert suspense_id not in self.settled, "settled twice"
            self.settled[suspense_id] = how
        for record in self.stage.suspense()[suspended:]:
            if record.suspense_class is SuspenseClass.SUSPENDED:
                self.waiting[record.suspense_id] = record
        for suspense_id, how in settled.items():
            record = self.waiting.pop(suspense_id)
            if how == 2 and record.identity:
                self.given_up.add(record.identity)
        self.charged += self.stage.events()[events:]


@given(programs, st.frozensets(st.integers(0, 18)))
def test_an_identity_is_charged_at_most_once(program, cuts):
    run = Run(cuts)
    run.take(program)
    charged = [event.identity for event in run.charged]
    assert len(set(charged)) == len(charged)


@given(programs, st.frozensets(st.integers(0, 18)))
@settings(deadline=None)
def test_nothing_is_lost_once_its_cause_is_gone(program, cuts):
    """All that waits is sent back until nothing does: each identity is charged then, unless it was
    given up, conflicts with what was, or is too old for anybody to know."""
    run = Run(cuts)
    run.take(program)
    run.take([("know", 0, "")] * len(KNOWN))
    for _ in range(4):
        for record in list(run.waiting.values()):
            if comes_back(record):
                made = sent_back(run.stage, record, at=run.at)
                if made.value == b"nothing":  # the mapping reads it again
                    (number, subject) = next(
                        (n, s)
                        for n in range(1, IDENTITIES + 1)
                        for s in KNOWN
                        if identity_of(n, s) == record.identity
                    )
                    made = made._replace(value=event_json(number, subject=subject))
                run.put(made)
        run.flush()
    charged = {event.identity.hex() for event in run.charged}
    stays = {record.reason for record in run.waiting.values()}
    assert stays <= {"mediation.conflict", "mediation.older_than_dedup_horizon"}
    sent = {identity_of(n, "dev-1") for w, n, _ in program if w == "send"}
    too_old = {r.identity for r in run.waiting.values() if r.reason.endswith("horizon")}
    assert sent <= charged | run.given_up | too_old


@given(programs, st.frozensets(st.integers(0, 18)))
def test_where_a_batch_ends_changes_nothing(program, cuts):
    whole, parts = Run(frozenset()), Run(cuts)
    whole.take(program)
    parts.take(program)
    assert whole.settled == parts.settled
    assert whole.stage.suspense() == parts.stage.suspense()

    def events(run):
        return [msgspec.structs.replace(event, batch=0) for event in run.stage.events()]

    assert events(whole) == events(parts)


@given(programs)
def test_refused_are_those_that_wait_and_those_that_are_settled(program):
    run = Run(frozenset())
    run.take(program)
    refused = {
        record.suspense_id
        for record in run.stage.suspense()
        if record.suspense_class is SuspenseClass.SUSPENDED
    }
    by_rate = {f"{place + 1:032x}" for place in run.refused_by_rate}
    assert refused | by_rate == set(run.waiting) | set(run.settled)
    assert not set(run.waiting) & set(run.settled)
    handed_on = [a for a in run.stage.appends if a.channel is Channel.NORMALISED]
    assert len(handed_on) == len(run.charged) + len(by_rate)


def comes_back(record):
    return isinstance(back(waiting_of(record), raw_partition_of=raw_partition_of), Back)


def identity_of(number, subject):
    """The identity of an event is that of its id; the subject only decides whose it is."""
    stage = MemoryStage()
    stage.reference.apply(accounts({"a-1": KNOWN}), version=6)
    stage.send(event_json(number, subject=subject))
    return stage.events()[0].identity.hex()
