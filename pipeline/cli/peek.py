"""`ratemill peek`: what lies in a topic, record by record, decoded."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import instant, results, tell, write_json
from pipeline.cli.running import BEFORE_THE_END, WATCHING_ENDED, run_to_end
from pipeline.cli.session import connect, require_topics, session_of
from schemas.period import from_ms

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from pipeline.peeked import Peeked
    from pipeline.settings import Settings
    from pipeline.topics import Topic, Topics

_SHORT = ("raw", "normalised", "rated", "suspense", "proofs", "reference", "catalogue")
_MOST_SHOWN = 300  # characters of a field, for people
_BEGINNING = "beginning"


class Asked(NamedTuple):
    """What of a topic is asked for."""

    where: tuple[tuple[str, str], ...]
    key: str | None
    partition: int | None
    since: dt.datetime | str | None
    limit: int
    follow: bool


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "ratemill peek rated --where kind=usage --where account_id=acme",
            "ratemill peek raw --from beginning --limit 5",
            "ratemill peek suspense --follow",
            "ratemill peek rated --from 2026-11-26T08:00Z --json --limit 100000 > rated.jsonl",
        ),
    )(peek)


def peek(
    context: typer.Context,
    topic: Annotated[
        str, typer.Argument(metavar="|".join(_SHORT), help="The topic; its full name too.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="Only records that say so; may be given several times. A field within another has "
            "a dot: proof.number=7.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only records of this key.")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Of this partition only.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="beginning|INSTANT",
            help="The first ones from here on, by the time at which the broker took them "
            "(default: the newest).",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write a JSON document a line, one for each record.")
    ] = False,
) -> None:
    """Show the newest records of a topic, decoded: what was committed, and nothing else.

    Nothing is changed by it, and no worker notices. Records may hold subscriber numbers; suspense
    and raw hold usage as it came.
    """
    settings = session_of(context).settings
    asked = Asked(
        tuple(_condition(each) for each in where or ()),
        key,
        partition,
        _start(since),
        limit,
        follow,
    )
    shown = run_to_end(
        _peek(settings, topic, asked, _write if as_json else _show),
        stopped=WATCHING_ENDED if follow else BEFORE_THE_END,
    )
    if not shown:
        tell("There is no such record.")


def _condition(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise typer.BadParameter(f"{text!r} is not such as account_id=acme", param_hint="--where")
    return field, value


def _start(text: str | None) -> dt.datetime | str | None:
    if text is None or text == _BEGINNING:
        return text
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is neither `beginning` nor an instant with its zone, such as "
            "2026-11-26T08:00Z",
            param_hint="--from",
        )
    return at


def _named(name: str, topics: Topics) -> Topic:
    found = {**dict(zip(_SHORT, topics.all(), strict=True)), **{t.name: t for t in topics.all()}}
    if name not in found:
        raise typer.BadParameter(
            f"{name!r} is no topic of this installation: {', '.join(_SHORT)}", param_hint="TOPIC"
        )
    return found[name]


async def _peek(settings: Settings, name: str, asked: Asked, show: Callable[[Peeked], None]) -> int:
    """Return how many records were shown."""
    from aiokafka import TopicPartition

    from pipeline.kafka import reading
    from pipeline.topics import topics_of

    topic = _named(name, topics_of(settings))
    if asked.partition is not None and asked.partition >= topic.partitions:
        raise typer.BadParameter(
            f"{topic.name} has the partitions 0 to {topic.partitions - 1}", param_hint="--partition"
        )
    bootstrap = (await connect(settings)).kafka_bootstrap
    await require_topics(settings, bootstrap=bootstrap)
    numbers = range(topic.partitions) if asked.partition is None else (asked.partition,)
    places = [TopicPartition(topic.name, number) for number in numbers]
    shown = 0
    async with reading(bootstrap, *places, client_id="ratemill.peek") as consumer:
        async for record in _records(consumer, places, topics_of(settings), topic.name, asked):
            show(record)
            shown += 1
    return shown


async def _records(
    consumer: AIOKafkaConsumer,
    places: Sequence[TopicPartition],
    topics: Topics,
    name: str,
    asked: Asked,
) -> AsyncIterator[Peeked]:
    from pipeline.peek import newest, onwards, positions_at
    from pipeline.peeked import look_for

    look = look_for(topics, name, where=asked.where, key=asked.key)
    if asked.since is None:
        for each in await newest(consumer, places, look, most=asked.limit):
            yield each
        if not asked.follow:
            return
        starts = {place: await consumer.position(place) for place in places}
    else:
        at = None if isinstance(asked.since, str) else asked.since
        starts = await positions_at(consumer, places, at)
    left = sys.maxsize if asked.follow else asked.limit
    async for each in onwards(consumer, starts, look, follow=asked.follow):
        yield each
        left -= 1
        if not left:
            return


def _write(record: Peeked) -> None:
    write_json(record._asdict())


def _show(record: Peeked) -> None:
    from rich.markup import escape

    at = instant(from_ms(record.appended_at_ms))
    where = f"{record.topic}/{record.partition} {record.offset}"
    results().print(f"[bold]{escape(record.kind)}[/]  {escape(f'{where}  {at}  key {record.key}')}")
    for field, value in record.fields.items():
        if value not in (None, "", [], {}):
            results().print(f"    {escape(field)}: {escape(_short(value))}{_instant(field, value)}")


def _instant(field: str, value: object) -> str:
    """Return a field of milliseconds since 1970 as an instant too."""
    if not field.endswith("_ms") or not isinstance(value, int):
        return ""
    try:
        return f"  ({instant(from_ms(value))})"
    except (OverflowError, ValueError):
        return ""


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.rstrip("\r\n").replace("\n", "\n      ")
    left = len(text) - _MOST_SHOWN
    return text if left <= 0 else f"{text[:_MOST_SHOWN]}... ({left:,} characters more; --json)"
