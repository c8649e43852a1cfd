"""The same work as a stock Faust application, for the comparison that `ratemill bench` makes.

Two agents, as the framework's documentation builds such a thing: `normalise` decodes a record,
asks a table whether it was seen, finds the account, and publishes the event under the account's
key; `rate` prices the event, counts it in a table, and publishes the charge. Decoders, identities,
reference data and prices are Ratemill's own functions, so that both come to the same charges; the
benchmark compares count and sum. Tables are in RocksDB with changelog topics, the defaults.

What it does not do, and Ratemill does for the CPU time that it is compared with: exactly once (it
is at_least_once, the default), proofs and set hashes, charge limits and unbilled totals, conflicts
of content, suspense records (refused ones are counted), the explanation of a charge in its record,
blocks of many items. It is given one record per event. Nothing of it is Postgres, so it is
compared with normalise and rate, and not with load.

    python agent.py TASK.json

writes FIGURES as the task says and ends. It is run by `pipeline/bench/faust_part.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from decimal import Decimal
from pathlib import Path

import faust
import msgspec

from benchmarks.counted import counted
from mediation.decode.item import DecodedItem
from mediation.identity import event_identity
from pipeline.bench.task import FaustTask
from pipeline.bench.workload import TENANT, Workload
from pipeline.cli.arithmetic import trap_inexact_money
from pipeline.cli.catalogue import catalogue_files
from pipeline.clock import process_cpu_ns
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from rating.catalogue import check
from rating.catalogue import compile as compile_catalogue
from rating.rate import Selected, charge, select
from schemas.period import month_start_of
from schemas.reference import ReferenceData
from schemas.usage import Provenance, UsageEvent, from_wire, to_wire
from sources.reference.accounts import read_accounts

END = b"end"


class _App(faust.App):
    async def _on_agent_error(self, agent: object, error: BaseException) -> None:
        """End the process: the framework would take up the record again, for ever."""
        traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(1)


def build_app(task: FaustTask) -> faust.App:
    """Return the application; nothing is started yet."""
    app = _App(
        id=task.name,
        broker=f"kafka://{task.bootstrap}",
        store="rocksdb://?driver=rocksdict",
        datadir=task.scratch,
        topic_partitions=1,
        web_enabled=False,
    )
    decoders = load_mappings(Settings())
    workload = Workload(Path(task.workload))
    document = check(catalogue_files(workload.catalogue)).document
    assert document is not None
    catalogue = compile_catalogue(document, 1)
    reference = ReferenceData()
    lines = workload.accounts.read_bytes()
    reference.apply(read_accounts({"accounts.jsonl": lines}, tenant=TENANT).accounts, version=1)

    raw = app.topic(f"{task.name}.raw", key_type=bytes, value_type=bytes, value_serializer="raw")
    events = app.topic(
        f"{task.name}.events", key_type=bytes, value_type=bytes, value_serializer="raw"
    )
    charges = app.topic(
        f"{task.name}.charges", key_type=bytes, value_type=bytes, value_serializer="raw"
    )
    seen = app.Table("seen", default=int, partitions=1)
    counters = app.Table("counters", default=str, partitions=1)
    done = _Done(task)

    @app.agent(raw)
    async def normalise(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            done.read()
            value = event.value
            if value == END:
                await events.send(key=END, value=END)
                continue
            headers = dict(event.headers)
            decoder = decoders[headers["format"].decode()]
            ((_, _, item),) = decoder.decode(value, headers)
            if not isinstance(item, DecodedItem):
                done.refused += 1
                continue
            source = headers["source"].decode()
            identity = event_identity(tenant=TENANT, source=source, record_id=item.record_id)
            mark = identity.hex()
            if seen[mark]:
                done.duplicates += 1
                continue
            seen[mark] = 1
            at_ms = item.started_at_ms or task.now_ms
            if not task.now_ms - task.horizon_ms <= at_ms <= task.now_ms + task.future_ms:
                done.refused += 1
                continue
            found = None
            for identifier in item.identifiers:
                found = reference.find(tenant=TENANT, identifier=identifier, at_ms=at_ms)
                if found is not None:
                    break
            if found is None:
                done.refused += 1
                continue
            account, subscription = found
            usage = UsageEvent(
                tenant=TENANT,
                identity=identity,
                content_hash=b"",
                run="retail",
                rating_key=account.rating_key,
                source=source,
                record_id=item.record_id,
                account_id=account.account_id,
                subscription_id=subscription.subscription_id,
                product=item.product,
                usage_kind=item.usage_kind,
                started_at_ms=at_ms,
                ended_at_ms=item.ended_at_ms,
                zone=account.zone,
                quantities=item.quantities,
                origin=item.origin,
                destination=item.destination,
                service_class=item.service_class,
                attributes=item.attributes,
                provenance=Provenance(0, event.message.offset, 0, decoder.name, task.now_ms),
                batch=0,
            )
            await events.send(key=account.rating_key.encode(), value=to_wire(usage))

    @app.agent(events)
    async def rate(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            if event.value == END:
                await app.producer.flush()
                done.write()
                continue
            usage = from_wire(event.value)
            found = reference.subscription(
                account_id=usage.account_id,
                subscription_id=usage.subscription_id,
                at_ms=usage.started_at_ms,
            )
            account, subscription = found
            selected = select(catalogue, usage, subscription.plan, account.currency)
            if not isinstance(selected, Selected):
                done.refused += 1
                continue
            period_ms = month_start_of(usage.started_at_ms, zone=usage.zone)
            names = {name: f"{usage.rating_key}/{name}/{period_ms}" for name in selected.counters}
            before = {name: counted(counters[key]) for name, key in names.items()}
            rated = charge(selected, before)
            for name, quantity, amount in rated.counted:
                counters[names[name]] = before[name].text_with(quantity, amount)
            total = f"{usage.rating_key}/{rated.product}/{period_ms}"
            records, quantity, amount = (counters[total] or "0 0 0").split()
            counters[total] = (
                f"{int(records) + 1} {Decimal(quantity) + rated.used} "
                f"{Decimal(amount) + rated.amount}"
            )
            value = msgspec.json.encode(
                {
                    "charge_id": usage.identity.hex(),
                    "account_id": usage.account_id,
                    "product": usage.product,
                    "used": rated.used,
                    "billed": rated.billed,
                    "free": rated.free,
                    "unit": rated.unit,
                    "amount": rated.amount,
                    "currency": rated.currency,
                    "price_id": rated.price_id,
                    "started_at_ms": usage.started_at_ms,
                    "counter_after": counters[total],
                }
            )
            await charges.send(key=event.key, value=value)
            done.charges += 1
            done.amount += rated.amount

    return app


class _Done:
    """What was done, and the CPU time from the first record on."""

    def __init__(self, task: FaustTask) -> None:
        self._task = task
        self._started_ns = self._started_at_s = 0
        self._read = self.charges = self.duplicates = self.refused = 0
        self.amount = Decimal(0)

    def read(self) -> None:
        if not self._read:
            self._started_ns = process_cpu_ns()
            self._started_at_s = asyncio.get_running_loop().time()
        self._read += 1

    def write(self) -> None:
        events = self._read - 1  # the end is none
        took_s = asyncio.get_running_loop().time() - self._started_at_s
        figures = {
            "events": events,
            "cpu_us_per_event": (process_cpu_ns() - self._started_ns) / 1e3 / events,
            "events_per_s": events / took_s,
            "charges": self.charges,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "amount": str(self.amount),
        }
        unfinished = Path(self._task.figures).with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(figures))
        unfinished.rename(self._task.figures)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    trap_inexact_money()
    described = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=FaustTask)
    faust.Worker(
        build_app(described),
        loglevel="WARN",
        redirect_stdouts=False,
        quiet=True,
    ).execute_from_commandline()
