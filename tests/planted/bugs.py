"""Bugs to plant: what each breaks, where, and which suite is to catch it first.

An edit must fit exactly once in its file; one that does not fit any more fails the run, so a bug
moves along with the code that it spoils.
"""

from __future__ import annotations

from typing import NamedTuple

SIMULATION = "simulation"
"""The seeds of `tests/simulation`; every other suite is a path for pytest."""


class Edit(NamedTuple):
    """A piece of a file, and what stands there instead."""

    file: str
    old: str
    new: str


class Bug(NamedTuple):
    """A small mistake that somebody could make."""

    name: str
    what: str
    edits: tuple[Edit, ...]
    suites: tuple[str, ...]  # in this order, until one fails: what fails first goes first
    seed: int = 0  # the simulation begins with it: one that caught the bug goes first


def needs_services(bug: Bug) -> bool:
    """Return whether one of the bug's suites asks for a Kafka and a PostgreSQL."""
    return any(suite.startswith("tests/integration") for suite in bug.suites)


def bug(
    name: str, what: str, *edits: tuple[str, str, str], suites: str = SIMULATION, seed: int = 0
) -> Bug:
    return Bug(name, what, tuple(Edit(*edit) for edit in edits), tuple(suites.split()), seed)


_MONTHS = "tests/property/test_rate_month_laws.py"
_ROLL_OVER = "tests/property/test_roll_over_laws.py"
_CORRECTIONS = "tests/property/test_correction_laws.py"
_SINGLE_CORRECTIONS = "tests/property/test_single_corrections.py"
_OTHER_RATINGS = "tests/property/test_other_ratings_laws.py"
_OTHERS_CORRECTED = "tests/property/test_other_ratings_corrected.py"
_CLOSED = f"{_MONTHS}::test_a_closed_month_comes_to_what_it_was_closed_at_or_to_what_its_usage_costs {_MONTHS}"
_LEAST = (
    f"{_MONTHS}::test_a_closed_month_comes_to_its_least_and_no_more_before_usage_does {_MONTHS}"
)
_STAGE = "pipeline/stage.py"
_TRANSACTION = "pipeline/transaction.py"

BUGS = (
    bug(
        "appends_not_awaited",
        "only the answer to the proof's append is awaited; a refused output is committed around",
        (
            _TRANSACTION,
            "within(_APPEND_S, _answers([future for future, _ in sent]))",
            "within(_APPEND_S, _answers([sent[-1][0]]))",
        ),
        seed=14,
    ),
    bug(
        "records_before_partitions",
        "records are sent before the transaction has their partitions",
        (
            "pipeline/partitions_first.py",
            "        if self.partitions_to_add():\n",
            "        if False:\n",
        ),
        suites="tests/integration/test_transaction_partitions.py",
    ),
    bug(
        "refusals_not_looked_at",
        "the answers are awaited, what they say is not looked at",
        (_TRANSACTION, "    for answer in answers:\n", "    for answer in answers[-1:]:\n"),
        seed=5,
    ),
    bug(
        "commit_before_append",
        "the outputs are committed before the proof is appended",
        (
            _TRANSACTION,
            "            offset = await self._append(appends, last)\n",
            "            if appends:\n"
            "                await self._append(appends[:-1], appends[-1])\n"
            "                await within(_COMMIT_S, self._producer.commit_transaction())\n"
            "            offset = await self._append((), last)\n",
        ),
    ),
    bug(
        "state_before_commit",
        "RocksDB has the changes of a batch before the batch is committed",
        (
            _STAGE,
            "                offset = await transaction.write(\n",
            "                if store.folded is not None:\n"
            "                    state.write(changes, store.folded)\n"
            "                offset = await transaction.write(\n",
        ),
    ),
    bug(
        "position_before_fence",
        "the last proof is read before the earlier owner is fenced",
        (
            _STAGE,
            "        transaction = await Transaction.fence(  # 1\n",
            "        last = await self._last_proof()\n"
            "        transaction = await Transaction.fence(  # 1\n",
        ),
        (_STAGE, "            last = await self._last_proof()  # 2\n", ""),
        seed=24,
    ),
    bug(
        "random_transactional_id",
        "each owner has a transactional id of its own, so none fences the one before",
        (
            _STAGE,
            "            transactional_id=self._name,\n",
            '            transactional_id=f"{self._name}.{id(self)}",\n',
        ),
        seed=6,
    ),
    bug(
        "fenced_owner_never_returns",
        "an owner that was in doubt leaves its partition to nobody",
        (_STAGE, "                await backoff.wait()\n", "                return\n"),
        (
            "pipeline/ownership.py",
            "        for partition, (owner, task) in list(self._running.items()):\n            if (",
            "        for partition, (owner, task) in ():\n            if (",
        ),
    ),
    bug(
        "ownership_not_asked",
        "a fenced owner fences back without asking the group",
        (
            _STAGE,
            "                if in_doubt and not await self._ownership.prove(\n",
            "                if False and not await self._ownership.prove(\n",
        ),
        suites="tests/unit/test_stage_run.py",
    ),
    bug(
        "empty_poll_is_the_end",
        "the search for the last proof ends at the first poll that brings nothing",
        (
            "pipeline/proofs.py",
            "        fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)\n"
            "        for record in fetched.get(partition, ()):\n"
            "            if record.offset < end:\n",
            "        fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)\n"
            "        if not fetched:\n"
            "            break\n"
            "        for record in fetched.get(partition, ()):\n"
            "            if record.offset < end:\n",
        ),
        seed=23,
    ),
    bug(
        "first_poll_is_all",
        "the search for the last proof takes the last record of the first poll",
        (
            "pipeline/proofs.py",
            "        if loop.time() > deadline:\n            raise Halted(\n"
            '                f"{partition.topic}/{partition.partition}: no record',
            "        if last is not None:\n            break\n"
            "        if loop.time() > deadline:\n            raise Halted(\n"
            '                f"{partition.topic}/{partition.partition}: no record',
        ),
        seed=1,
    ),
    bug(
        "producer_used_again",
        "after an error the batch is written once more by the same producer",
        (
            _TRANSACTION,
            "            offset = await self._append(appends, last)\n"
            "            await within(_COMMIT_S, self._producer.commit_transaction())\n",
            "            try:\n"
            "                offset = await self._append(appends, last)\n"
            "            except AppendRefused:\n"
            "                await self.abort()\n"
            "                offset = await self._append(appends, last)\n"
            "            await within(_COMMIT_S, self._producer.commit_transaction())\n",
        ),
    ),
    bug(
        "unknown_commit_taken_for_done",
        "a commit whose answer did not come is taken for a commit",
        (
            _TRANSACTION,
            "            await within(_COMMIT_S, self._producer.commit_transaction())\n",
            "            with contextlib.suppress(Exception):\n"
            "                await within(_COMMIT_S, self._producer.commit_transaction())\n",
        ),
        seed=1,
    ),
    bug(
        "uncommitted_is_read",
        "the source is read with what was aborted",
        (
            "pipeline/kafka.py",
            '        isolation_level="read_committed" if committed else "read_uncommitted",\n',
            '        isolation_level="read_uncommitted",\n',
        ),
    ),
    bug(
        "last_record_again",
        "a stage that starts reads the last record of the batch before once more",
        (
            _STAGE,
            "            consumer.seek(source, previous.next)\n",
            "            consumer.seek(source, max(0, previous.next - 1))\n",
        ),
    ),
    bug(
        "state_not_caught_up",
        "a state that lags behind its changelog is taken as it is",
        (
            "pipeline/restore.py",
            "        if folded.next_offset > upto.offset:\n            return\n",
            "        if folded.next_offset > 0:\n            return\n",
        ),
    ),
    bug(
        "position_says_more_than_state",
        "the state's position is of the record behind the last folded one",
        (
            _STAGE,
            "                        next_offset=offset + 1,\n",
            "                        next_offset=offset + 2,\n",
        ),
    ),
    bug(
        "missing_genesis_is_zero",
        "a changelog without a proof is taken for one whose batches begin at 0",
        (
            "pipeline/proofs.py",
            "            if start == begin:\n                raise MissingGenesis(",
            "            if start == begin:\n"
            "                from schemas.proof import sealed\n\n"
            '                name = partition.topic.partition(".")[0]\n'
            "                made_up = Proof('normalise', name, '', '', '', 0, 0, 0, 0)\n"
            "                return LastProof(sealed(made_up), -1)\n"
            "                raise MissingGenesis(",
        ),
        suites="tests/integration/test_stage_guards.py",
    ),
    bug(
        "load_keeps_its_position",
        "a loader in doubt goes on from the position that it remembers",
        (
            "pipeline/load_partition.py",
            "        progress = await read_progress(\n",
            "        progress = getattr(self, '_kept', None) or await read_progress(\n",
        ),
        (
            "pipeline/load_partition.py",
            "        self._metrics.working(self._label)\n        gathering",
            "        self._metrics.working(self._label)\n"
            "        self._kept = progress\n"
            "        gathering",
        ),
    ),
    bug(
        "compare_and_set_always_wins",
        "a loader that lost the row writes all the same",
        ("sinks/progress.py", "    if done:\n        return\n", "    return\n"),
        suites="tests/integration/test_postgres_load.py",
    ),
    bug(
        "compare_and_set_last",
        "a loader writes its rows before it has the position",
        (
            "sinks/load.py",
            "        await move_on(connection, after, position)\n"
            "        repeats = await insert_charges(connection, staged=staged)\n",
            "        repeats = await insert_charges(connection, staged=staged)\n",
        ),
        (
            "sinks/load.py",
            "        await insert_proofs(connection, [(batch.proof_offset, batch.proof) "
            "for batch in batches])\n",
            "        await insert_proofs(connection, [(batch.proof_offset, batch.proof) "
            "for batch in batches])\n"
            "        await move_on(connection, after, position)\n",
        ),
        suites="tests/integration/test_postgres_load.py",
    ),
    bug(
        "missing_progress_is_zero",
        "a partition without a row of progress is loaded from the beginning",
        (
            "sinks/progress.py",
            "    if row is None:\n        raise _missing(installation, topic, partition)\n",
            "    if row is None:\n"
            "        return Progress(installation, topic, partition, '', 0, 0, '', 0)\n",
        ),
        suites="tests/integration/test_postgres_load.py",
    ),
    bug(
        "limit_reset_not_folded",
        "a restore leaves out what a reached limit has reset",
        (
            "counters/state.py",
            "    if isinstance(record, _Proof):\n        return\n",
            "    if isinstance(record, (_Proof, _LimitReached)):\n        return\n",
        ),
        seed=1,
    ),
    bug(
        "close_not_folded",
        "a restore leaves out that a period was closed",
        (
            "counters/state.py",
            "    if isinstance(record, _Proof):\n        return\n",
            "    if isinstance(record, (_Proof, _PeriodClosed)):\n        return\n",
        ),
    ),
    bug(
        "drop_on_error",
        "an item that cannot be read is left out in silence",
        (
            "mediation/outcomes.py",
            "    if isinstance(outcome, Refused):\n"
            "        return decision.suspend(received, item, outcome)\n",
            "    if isinstance(outcome, Refused):\n        return NormaliseOutcome.IGNORED\n",
        ),
    ),
    bug(
        "duplicates_within_a_batch",
        "what the batch itself has marked is not asked",
        (
            "mediation/outcomes.py",
            "        elif item.key in state or item.key in changed:\n",
            "        elif item.key in state:\n",
        ),
        seed=1,
    ),
    bug(
        "mark_without_its_effect",
        "an event is handed on and not marked",
        ("mediation/outcomes.py", "            changed[item.key] = item.mark\n", ""),
    ),
    bug(
        "conflict_taken_for_duplicate",
        "the same id with other content counts as a copy",
        (
            "mediation/dedup.py",
            "        return Seen.CONFLICT\n    return Seen.DUPLICATE\n",
            "        return Seen.DUPLICATE\n    return Seen.DUPLICATE\n",
        ),
        seed=1,
    ),
    bug(
        "float_money",
        "a price is divided in binary",
        (
            "schemas/money.py",
            "    quotient = _divide(amount, divide_by)\n",
            "    quotient = Decimal(str(float(str(amount)) / float(str(divide_by))))\n",
        ),
        suites="tests/golden/test_rating_charges.py tests/golden",
    ),
    bug(
        "ties_to_even",
        "a tie is rounded to the even digit",
        (
            "schemas/money.py",
            "    return quotient.quantize(_LAST_PLACE[decimal_places], rounding, _DIVISION)\n",
            "    return quotient.quantize(_LAST_PLACE[decimal_places], ROUND_HALF_EVEN, _DIVISION)\n",
        ),
        suites="tests/unit/test_rating_vectors.py",
    ),
    bug(
        "wrong_tier_bound",
        "a tier has room for one unit more than it says",
        (
            "rating/price/graduated.py",
            "        if units <= following.from_units:\n",
            "        if units <= following.from_units + 1:\n",
        ),
    ),
    bug(
        "increment_not_rounded_up",
        "a started increment is not billed",
        (
            "rating/price/increments.py",
            "    return Decimal(first - (first - units) // following * following)",
            "    return Decimal(first + (units - first) // following * following)",
        ),
    ),
    bug(
        "earlier_charges_stay",
        "a volume price restates nothing of what was charged before",
        ("pipeline/rate_step.py", "        if charged.restated:\n", "        if False:\n"),
        suites=f"{_MONTHS}::test_the_charges_of_a_month_are_its_volume_price {_MONTHS}",
    ),
    bug(
        "adjustment_is_a_record",
        "what restates others counts as a record of its own",
        (
            "pipeline/rate_adjust.py",
            "        records=0,\n",
            "        records=1,\n",
        ),
        suites=_MONTHS,
    ),
    bug(
        "close_asks_for_nothing",
        "the least of a month is not charged at its close",
        ("rating/closing.py", "    if not missing:\n", "    if missing <= due:\n"),
        suites=_LEAST,
    ),
    bug(
        "close_that_asks_for_nothing_is_forgotten",
        "late usage takes a month below what it was closed at, where the close asked for nothing",
        (
            "rating/closing.py",
            "        if not (due and rule.keeps_closed):\n",
            "        if due or not rule.keeps_closed:\n",
        ),
        suites=_CLOSED,
    ),
    bug(
        "discount_by_usage_looks_ahead_only",
        "what a month was charged before another product's usage reached a discount stays as it was",
        (
            "rating/usage_discount.py",
            "    was = left(discount, listed, percent_before)\n",
            "    was = left(discount, listed, percent)\n",
        ),
        suites=_CLOSED,
    ),
    bug(
        "late_usage_is_charged_beside_its_close",
        "usage of a closed month is charged although the close asked for the month's least",
        ("rating/charging.py", "        if least:\n", "        if least is None:\n"),
        suites=_LEAST,
    ),
    bug(
        "rolled_over_and_still_there",
        "what later months take of a month is not gone for usage of that month that comes late",
        (
            "rating/roll_over.py",
            "            counts[place] = (given.taken, None)\n",
            "            counts[place] = None if back else (given.taken, None)\n",
        ),
        suites=_ROLL_OVER,
    ),
    bug(
        "stale_correction_is_obeyed",
        "a correction takes effect although its month has other charges by now",
        (
            "pipeline/rate_correcting.py",
            "    if [_figures_of(state.bucket(key)) for key in asked.keys] != expected:\n",
            "    if len(asked.keys) != len(expected):\n",
        ),
        suites=f"{_CORRECTIONS}::test_a_correction_of_a_month_that_has_changed_takes_no_effect {_CORRECTIONS}",
    ),
    bug(
        "correction_leaves_tiers",
        "usage that is taken back stays in the tiers and allowances of its month",
        (
            "pipeline/rate_correcting.py",
            "            others.append(_stated(counter, after[place]))\n",
            "            del after[place]\n",
        ),
        suites=_CORRECTIONS,
    ),
    bug(
        "rerated_alone_and_forgotten",
        "a charge that was rated anew by itself counts under its old versions in the next correction",
        (
            "pipeline/correcting/history.py",
            "            row.charge_id: alone.get(row.charge_id) or _under(",
            "            row.charge_id: _under(",
        ),
        suites=_SINGLE_CORRECTIONS,
    ),
    bug(
        "limit_reached_above",
        "a limit of records is reached by the record behind the one that reaches it",
        (
            "counters/limits.py",
            "            if records >= limit.records:\n",
            "            if records > limit.records:\n",
        ),
    ),
    bug(
        "no_reset_at_a_limit",
        "what a reached limit invoices stays unbilled",
        (
            "counters/limits.py",
            "        if scope.holds(entry.product, entry.product_type):\n"
            "            taken.append(entry)\n"
            "        else:\n"
            "            left.append(entry)\n",
            "        if scope.holds(entry.product, entry.product_type):\n"
            "            taken.append(entry)\n"
            "            left.append(entry)\n"
            "            amounts_left.append(amount)\n"
            "        else:\n"
            "            left.append(entry)\n",
        ),
    ),
    bug(
        "late_usage_in_its_own_period",
        "usage of a closed period is billed in that period",
        (
            "counters/period.py",
            "    head = Head(head.sequence + 1, end_ms, left)\n",
            "    head = Head(head.sequence + 1, command.period_start_ms, left)\n",
        ),
    ),
    bug(
        "months_in_utc",
        "the month of usage is that of UTC, not of the account's zone",
        (
            "schemas/period.py",
            "    local = dt.datetime(year, month, 1, tzinfo=zone_info(zone))\n",
            '    local = dt.datetime(year, month, 1, tzinfo=zone_info("UTC"))\n',
        ),
    ),
    bug(
        "longest_prefix_missed",
        "a number is priced by the shortest prefix that fits",
        (
            "rating/price/rate_card.py",
            "            found = tuple(sorted(own | shorter, reverse=True))\n",
            "            found = tuple(sorted(own | shorter))\n",
        ),
    ),
    bug(
        "commands_to_another_partition",
        "the close of a period goes where its account's counters are not",
        (
            "mediation/decision.py",
            "        partition = self._partition_of(key)\n",
            "        partition = self._partition_of(key[::-1])\n",
        ),
    ),
    bug(
        "taken_back_but_paid_for",
        "a charge is taken back, and what its usage costs is not",
        (
            "pipeline/rate_correcting.py",
            "        other_ratings=charge.other_ratings or UNSET,\n",
            "        other_ratings=UNSET,\n",
        ),
        suites=_OTHERS_CORRECTED,
    ),
    bug(
        "costs_nothing_where_it_is_unknown",
        "usage that a plan it is also rated under has no price for is charged without that cost",
        (
            "rating/other_ratings.py",
            "        if isinstance(rating, Refused):\n            return rating\n",
            "        if isinstance(rating, Refused):\n            continue\n",
        ),
        suites=_OTHER_RATINGS,
    ),
    bug(
        "invoice_of_one_product",
        "a limit resets all that it should invoice, and names the first product of it",
        (
            "counters/limits.py",
            "        invoiced=tuple(taken),\n",
            "        invoiced=tuple(taken[:1]),\n",
        ),
        seed=1,
    ),
)
