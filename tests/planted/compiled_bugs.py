"""Bugs to plant in what is compiled, one or more in each module that decides what is charged.

Those of `bugs.py` are planted in Python, in copies where nothing is compiled; here the twin stays as it is, and
the law that holds both equal must fail.
"""

from __future__ import annotations

from tests.planted.bugs import bug

_EVENTS = "tests/property/test_native_rating_event.py"
_TERMS = "tests/property/test_native_terms.py"
_COUNTING = "tests/property/test_native_counting.py"
_CHARGE_AFTER = "tests/property/test_native_charge_after.py"
_DECIDING = "tests/property/test_native_deciding.py"
_ROWS = "tests/property/test_native_rows.py"
_CLOUDEVENTS = "tests/property/test_native_cloudevents.py"
_ORDINARY = "tests/property/test_native_ordinary.py"
_OWNERS = "tests/property/test_native_owners.py"
_MURMUR2 = "tests/property/test_native_murmur2.py"
_BATCH_WRITING = "tests/property/test_native_batch_writing.py"
_BATCH_READING = "tests/property/test_native_batch_reading.py"

COMPILED_BUGS = (
    bug(
        "compiled_terms_of_another_time",
        "terms that are kept are taken whether the subscription still has them or not",
        (
            "native/terms.pyx",
            "            kept = <Kept>found\n            if kept.from_ms <= event.started_at_ms < kept.to_ms:\n                return kept\n        else:",
            "            return <Kept>found\n        else:",
        ),
        suites=f"{_TERMS} {_EVENTS}",
    ),
    bug(
        "compiled_counters_of_last_month",
        "the counters of a subscription stay those of the month that was asked for first",
        (
            "native/terms.pyx",
            "        if counting is kept.counting and kept.named_from_ms <= at_ms < kept.named_to_ms:",
            "        if counting is kept.counting:",
        ),
        suites=_TERMS,
    ),
    bug(
        "compiled_limits_of_everyone",
        "an account's own limit is passed over",
        (
            "native/terms.pyx",
            "        kept.is_ordinary = not account.limits\n",
            "        kept.is_ordinary = True\n",
        ),
        suites=_TERMS,
    ),
    bug(
        "compiled_nothing_rolled_over",
        "what earlier months left of an allowance is not asked for",
        (
            "native/rating_event.pyx",
            "        return None if rule.months_rolled or rule.is_fitted else selected\n",
            "        return selected\n",
        ),
        suites=_EVENTS,
    ),
    bug(
        "compiled_reading_without_carry",
        "the sum of what was read loses what is carried from its lower half",
        (
            "native/rating_event.pyx",
            "        self.sum_high += whole_of(member) + (self.sum_low < low)\n",
            "        self.sum_high += whole_of(member)\n",
        ),
        suites=_EVENTS,
    ),
    bug(
        "compiled_increments_cut_off",
        "a started increment is not charged",
        (
            "native/rating_event.pyx",
            "                        (whole - price.first + price.following - 1) // price.following\n",
            "                        (whole - price.first) // price.following\n",
        ),
        suites=_EVENTS,
    ),
    bug(
        "compiled_hours_of_yesterday",
        "the offset of a zone is that of another hour which is kept in the same place",
        (
            "native/rating_event.pyx",
            "        if zone.hours[slot] != hour:\n",
            "        if zone.hours[slot] == <int64_t>1 << 62:\n",
        ),
        suites=_EVENTS,
    ),
    bug(
        "compiled_duplicates_of_a_batch",
        "an identity that came before in the same batch is handed on again",
        (
            "native/deciding.pyx",
            "        if PyDict_Contains(state, key) or PyDict_Contains(changed, key):\n",
            "        if PyDict_Contains(state, key):\n",
        ),
        suites=_DECIDING,
    ),
    bug(
        "compiled_rows_with_a_missing_part_of_their_id",
        "a row whose record id lacks a column is known by the other columns alone",
        (
            "native/rows.pyx",
            "                if text.length == 0:\n                    break\n",
            "                if text.length == 0:\n                    continue\n",
        ),
        suites=_ROWS,
    ),
    bug(
        "compiled_events_of_other_versions",
        "an event of another version of CloudEvents is taken for one that is known",
        (
            "native/cloudevents.pyx",
            '        if specversion.length != 3 or memcmp(specversion.at, "1.0", 3) != 0:\n',
            '        if specversion.length != 3 or memcmp(specversion.at, "1.", 2) != 0:\n',
        ),
        suites=_CLOUDEVENTS,
    ),
    bug(
        "compiled_owner_of_another_tenant",
        "usage is that of whoever holds its identifier, of whatever tenant",
        (
            "native/owners.pyx",
            "                    entry.tenant == tenant\n                    and entry.length",
            "                    entry.length",
        ),
        (
            "native/owners.pyx",
            "mixed(<uint64_t>tenant, <uint64_t>text.length)",
            "mixed(0, <uint64_t>text.length)",
        ),
        suites=_OWNERS,
    ),
    bug(
        "compiled_owner_of_the_day_after",
        "a number is still its former owner's at the instant at which it moves",
        (
            "native/owners.pyx",
            "            if owner.from_ms <= at_ms < owner.to_ms:\n",
            "            if owner.from_ms <= at_ms <= owner.to_ms:\n",
        ),
        suites=_OWNERS,
    ),
    bug(
        "compiled_owners_of_an_older_version",
        "whose usage it is stays what it was before the accounts changed",
        (
            "native/owners.pyx",
            "        self.tenants, self.keys = {}, []\n        self.count, self.mask = 0, FEWEST - 1\n        drop(&self.entries)\n",
            "        if self.slots != NULL:\n            return\n        self.tenants, self.keys = {}, []\n        self.count, self.mask = 0, FEWEST - 1\n        drop(&self.entries)\n",
        ),
        suites=f"{_OWNERS} {_ORDINARY}",
    ),
    bug(
        "compiled_offset_of_clocks_that_disagree",
        "the offset of a row's wall clock is told where its two times do not agree",
        (
            "native/rows.pyx",
            "        return -self.within_ms <= difference - to[0] <= self.within_ms\n",
            "        return 1\n",
        ),
        suites=_ROWS,
    ),
    bug(
        "compiled_sum_without_carry",
        "the sum of what was handed on loses what is carried from its lower half",
        (
            "native/deciding.pyx",
            "        high += whole_of(digest) + (low < more)\n",
            "        high += whole_of(digest)\n",
        ),
        suites=_DECIDING,
    ),
    bug(
        "compiled_partition_of_a_short_rest",
        "a key whose last bytes are three lies in another partition",
        (
            "native/murmur2.pyx",
            "    if left == 3:\n",
            "    if left > 3:\n",
        ),
        suites=_MURMUR2,
    ),
    bug(
        "compiled_usage_out_of_the_window",
        "usage of longer ago than identities are remembered for is taken",
        (
            "native/ordinary.pyx",
            "        if not self.oldest_ms <= at_ms <= self.newest_ms:\n",
            "        if at_ms > self.newest_ms:\n",
        ),
        suites=_ORDINARY,
    ),
    bug(
        "compiled_charge_in_a_closed_period",
        "usage of a closed period is billed in it, not in the first one that is open",
        (
            "native/counting.pyx",
            "        own.bill_period_ms = max(usage_period_ms, head.first_open_ms)\n",
            "        own.bill_period_ms = usage_period_ms\n",
        ),
        suites=_COUNTING,
    ),
    bug(
        "compiled_limit_of_one_more",
        "a limit of records is reached by the record after the one that reaches it",
        (
            "native/counting.pyx",
            "        if limit.by_records and records >= limit.records:\n",
            "        if limit.by_records and records > limit.records:\n",
        ),
        suites=_COUNTING,
    ),
    bug(
        "compiled_allowance_without_end",
        "of usage beyond what an allowance has left, all is free",
        (
            "native/charge_after.pyx",
            "        if is_enough:\n            given = rest[0]\n        else:\n            given = left\n",
            "        given = rest[0]\n",
        ),
        suites=_CHARGE_AFTER,
    ),
    bug(
        "compiled_tiers_from_the_first",
        "what the month costs is taken for what the event adds to it",
        (
            "native/charge_after.pyx",
            "        and scaled_difference(amount, &amount_after, &amount_before)\n",
            "        and scaled_difference(amount, &amount_after, &rule.zero)\n",
        ),
        suites=_CHARGE_AFTER,
    ),
    bug(
        "compiled_batch_too_full",
        "a batch takes a record more than aiokafka's, where it ends at the limit",
        (
            "native/batch_writing.pyx",
            "        if at > start and used + size >= batch_bytes:\n",
            "        if at > start and used + size > batch_bytes:\n",
        ),
        suites=_BATCH_WRITING,
    ),
    bug(
        "compiled_headers_of_the_record_before",
        "headers that are as long as those of the record before are taken for the same",
        (
            "native/batch_reading.pyx",
            "if headers_size != record_end - here.at or memcmp(headers_at, here.at, headers_size):",
            "if headers_size != record_end - here.at:",
        ),
        suites=_BATCH_READING,
    ),
    bug(
        "compiled_check_sum_of_the_head",
        "a batch is checked without its last byte",
        (
            "native/batch_reading.pyx",
            "crc32c(batch + ATTRIBUTES, end - start - ATTRIBUTES)",
            "crc32c(batch + ATTRIBUTES, end - start - ATTRIBUTES - 1)",
        ),
        suites=_BATCH_READING,
    ),
)
