"""`ratemill topics`: the topics of an installation, as declared and as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.prepare import Prepared
    from pipeline.settings import Settings

topics = typer.Typer(no_args_is_help=True, help="The topics of an installation: create, list.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(topics, name="topics", rich_help_panel="Set up")


@topics.command(epilog=examples("ratemill topics apply", "ratemill --installation eu topics apply"))
def apply(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Create what is missing: topics, their genesis proofs, tables in Postgres.

    Safe to repeat. Refuses to change a number of partitions, since keys would then go elsewhere
    and copies of a record would no longer meet: choose RATEMILL_RAW_PARTITIONS and
    RATEMILL_RATING_PARTITIONS for growth. `ratemill up` does the same.
    """
    settings = session_of(context).settings
    prepared = run_to_end(_apply(settings))
    if as_json:
        write_json(prepared)
        return
    if prepared.created:
        tell(f"Created {len(prepared.created)} topics of {settings.installation}.")
    else:
        tell(f"All topics of {settings.installation} are there already.")


async def _apply(settings: Settings) -> Prepared:
    from pipeline.cli.prepare import prepare

    return await prepare(settings, await connect(settings), tell=tell)


@topics.command("list", epilog=examples("ratemill topics list --json"))
def list_topics(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """List the topics: what they carry, how they must be set, whether they are there."""
    rows = run_to_end(_list(session_of(context).settings))
    if as_json:
        write_json(rows)
        return
    columns = ["Topic", ">Partitions", "On the broker", "Carries"]
    shown = [
        [row["name"], row["partitions"], _state(row["partitions"], row["found"]), row["about"]]
        for row in rows
    ]
    results().print(table(None, columns, shown))
    if any(row["found"] == 0 for row in rows):
        tell("To create what is missing: ratemill topics apply")


def _state(declared: object, found: object) -> str:
    if not found:
        return "missing"
    return "as declared" if found == declared else f"{found} partitions"


async def _list(settings: Settings) -> list[dict[str, object]]:
    from pipeline.kafka import admin_client
    from pipeline.topics import topics_of

    bootstrap = settings.kafka_bootstrap or (await connect(settings)).kafka_bootstrap
    declared = topics_of(settings).all()
    async with admin_client(bootstrap) as admin:
        there = set(await admin.list_topics())
        names = [topic.name for topic in declared if topic.name in there]
        described = await admin.describe_topics(names) if names else []
    found = {one["topic"]: len(one["partitions"]) for one in described}
    return [
        {
            "name": topic.name,
            "partitions": topic.partitions,
            "found": found.get(topic.name, 0),
            "about": topic.about,
            "configs": topic.configs,
        }
        for topic in declared
    ]
