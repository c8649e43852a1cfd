"""From an error to what the user reads and to the exit code."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from pipeline.cli.exits import Exit

_ACTION = "Operator action"


class Failure(NamedTuple):
    """An error as it is told."""

    code: Exit
    text: str


def failure_of(error: BaseException) -> Failure:
    """Return the exit code of an error and its text; an unknown one is a bug of ours."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    code = _code_of(error)
    if code is Exit.INTERNAL:
        return Failure(
            code,
            f"{type(error).__name__}: {error}. Operator action: run the command again with --debug "
            "and report what it prints; nothing that was committed is in doubt.",
        )
    if code is Exit.USAGE and hasattr(error, "errors"):
        return Failure(code, _of_settings(error.errors(), of=getattr(error, "title", "")))
    if code is Exit.UNREACHABLE and _ACTION not in str(error):
        return Failure(
            code,
            f"{type(error).__name__}: {error}. Operator action: check that the broker and the "
            "database run, and RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN.",
        )
    return Failure(code, str(error))


def block_of(failure: Failure) -> str:
    """Return one readable block: what is wrong, and what to do on a line of its own."""
    what, action, todo = failure.text.partition(_ACTION)
    lines = what.rstrip().splitlines() or [""]
    shown = [f"Error: {lines[0]}", *(f"  {line}" for line in lines[1:])]
    if action:
        # A condition may stand before the colon, such as "if it stays".
        condition, _, rest = todo.partition(":")
        rest = rest.strip()
        shown.append(f"To do{condition}: {rest[:1].upper()}{rest[1:]}")
    return "\n".join(
        textwrap.fill(
            line,
            100,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        for line in shown
    )


def _code_of(error: BaseException) -> Exit:
    for code, kinds in _kinds():
        if isinstance(error, kinds):
            return code
    return Exit.INTERNAL


def _kinds() -> tuple[tuple[Exit, tuple[type[BaseException], ...]], ...]:
    """Return the errors of each code, the first that fits counts; imported when one has come."""
    from aiokafka.errors import KafkaError
    from pydantic import ValidationError

    from pipeline.bench.refusals import BenchRefused
    from pipeline.cli.session import NothingRuns
    from pipeline.embedded import EmbeddedError
    from pipeline.errors import (
        BrokerUnavailable,
        CannotCorrect,
        CannotSettle,
        MissingGenesis,
        RatemillError,
        SettingsError,
        WrongInstallation,
    )
    from sinks.errors import (
        InstallationMismatch,
        ProgressMissing,
        SinkError,
        SinkMisconfigured,
        SinkUnavailable,
    )
    from sources.errors import SourceFileError

    return (
        (Exit.USAGE, (SettingsError, ValidationError)),
        (
            Exit.UNREACHABLE,
            (BrokerUnavailable, NothingRuns, EmbeddedError, SinkUnavailable, KafkaError),
        ),
        (
            Exit.REFUSED,
            (
                BenchRefused,
                CannotCorrect,
                CannotSettle,
                WrongInstallation,
                MissingGenesis,
                InstallationMismatch,
                ProgressMissing,
                SinkMisconfigured,
                SourceFileError,
            ),
        ),
        (Exit.FAILED, (RatemillError, SinkError)),
        (Exit.UNREACHABLE, (ConnectionError, TimeoutError)),
    )


def _of_settings(errors: list[dict[str, object]], *, of: str) -> str:
    prefix = "RATEMILL_KAFKA_" if of == "KafkaSecurity" else "RATEMILL_"
    wrong = []
    for one in errors:
        location = one.get("loc")
        names = location if isinstance(location, tuple) else ()
        name = prefix + "_".join(str(part) for part in names).upper()
        message = str(one.get("msg", "")).removeprefix("Value error, ")
        wrong.append(f"{name} is {one.get('input')!r}: {message}")
    return (
        "; ".join(wrong) + ". Operator action: correct the setting; options override the "
        "environment."
    )
