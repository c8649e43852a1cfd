"""A normalise stage in memory: raw records in, events and suspense out, state in a dict."""

from pathlib import Path

from mediation.decode.mapping import load_decoder
from mediation.normalise import NormaliseStep
from schemas import raw, suspense, usage
from schemas.flow import Channel, SourceRecord
from schemas.proof import NORMALISE, Proof, proof_to_msgpack, sealed
from schemas.reference import Account, ReferenceData, Subscription

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "mediation"
TEXTS = {path.stem: path.read_text() for path in (ROOT / "mediation" / "mappings").glob("*.yaml")}
MAPPINGS = {name: load_decoder(text, f"{name}.yaml", extends=TEXTS) for name, text in TEXTS.items()}

DAY_MS = 86_400_000
NOON = 1_772_366_400_000  # 2026-03-01T12:00:00Z
PARTITION = 2
KEY = b"fleet"  # of partition 2, by `raw_partition_of` below

IDENTIFIERS = {
    "a-1": ("dev-1", "cust-1", "2001", "4930111", "37255501"),
    "a-2": ("dev-2", "meter-9", "37255502"),
}


def accounts(identifiers=IDENTIFIERS):
    return [
        Account(
            tenant="acme",
            account_id=account_id,
            name="",
            zone="Europe/Berlin",
            currency="EUR",
            subscriptions=tuple(
                Subscription(
                    subscription_id=f"s-{each}", identifier=each, plan="basic", valid_from_ms=0
                )
                for each in each_of
            ),
        )
        for account_id, each_of in identifiers.items()
    ]


def genesis():
    return sealed(
        Proof(
            stage=NORMALISE,
            installation="test",
            genesis_id="g",
            cluster_id="c",
            source_topic="test.usage.raw.v1",
            source_partition=PARTITION,
            batch=0,
            first=0,
            next=0,
        )
    )


def headers(**named):
    """The headers of a raw record; ``name=None`` leaves one out."""
    stated = {
        raw.TENANT: "acme",
        raw.SOURCE: "gate",
        raw.STREAM: "fleet",
        raw.FORMAT: "cloudevents-iot",
        raw.RECORD: "message",
    } | named
    return tuple((name, text.encode()) for name, text in stated.items() if text is not None)


def event_json(number=1, *, subject="dev-1", size=1, at="2026-03-01T12:00:00Z", source="gate"):
    return (
        f'{{"specversion":"1.0","type":"sensor.data","id":"{number}","source":"{source}",'
        f'"subject":"{subject}","time":"{at}","data":{{"bytes":{size}}}}}'
    ).encode()


class MemoryStage:
    """Keeps what the engine would: position, proof, state, and everything that was appended."""

    def __init__(self, *, mappings=MAPPINGS, **settings):
        self.reference = ReferenceData()
        self.reference.apply(accounts(), version=5)
        self.step = NormaliseStep(
            mappings=mappings,
            reference=self.reference,
            partition_of=lambda key: int(key[-1]),
            raw_partition_of=lambda key: PARTITION if key == KEY else PARTITION + 1,
            **({"horizon_ms": 62 * DAY_MS, "future_ms": DAY_MS} | settings),
        )
        self.proof = genesis()
        self.state = {}
        self.appends = []
        self.offset = 0

    def record(self, value, *, at=NOON, key=KEY, **named):
        record = SourceRecord(PARTITION, self.offset, at, key, value, headers(**named))
        self.offset += 1
        return record

    def batch(self, *records, internal_errors=frozenset()):
        """Decide a batch, check that its fold is its changes, keep it; return the decision."""
        prepared = self.step.prepare(records, internal_errors=internal_errors)
        known = {key: self.state[key] for key in prepared.state_keys if key in self.state}
        decided = self.step.decide(prepared, known, previous=self.proof)
        assert list(self.step.fold(proof_to_msgpack(decided.proof))) == decided.changes
        for key, value in decided.changes:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.proof = decided.proof
        self.appends += decided.appends
        return decided

    def send(self, value, **named):
        """Decide one record as a batch of its own; return the batch's outcomes."""
        return self.batch(self.record(value, **named)).proof.outcomes

    def events(self):
        return [
            usage.from_wire(append.value)
            for append in self.appends
            if append.channel is Channel.NORMALISED
        ]

    def suspense(self):
        return [
            suspense.from_wire(append.value)
            for append in self.appends
            if append.channel is Channel.SUSPENSE
        ]

    def reasons(self):
        return [record.reason or record.suspense_class.value for record in self.suspense()]
