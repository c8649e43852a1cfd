"""What to do about each reason, as `schemas/README.md` has it; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.refusal import RefusalReason

REMEDIES: Mapping[RefusalReason, str] = {
    RefusalReason.TOO_LARGE: (
        "have the source write smaller records; close old periods where the ledger record is meant"
    ),
    RefusalReason.UNKNOWN_FORMAT: (
        "load the mapping for the workers: set `RATEMILL_MAPPINGS`, `ratemill down`, `ratemill up "
        "--detach`, then `ratemill suspense recycle`; or correct the header `format`"
    ),
    RefusalReason.MISROUTED: (
        "set the producer's partitioner to murmur2 (`partitioner=murmur2_random` for librdkafka)"
    ),
    RefusalReason.MISSING_HEADER: "correct the producer",
    RefusalReason.INVALID_ENCODING: "correct the source, or `encoding` of the mapping",
    RefusalReason.NOT_JSON: "correct the source",
    RefusalReason.NOT_BER: "fetch the file again; else have the network element's files looked at",
    RefusalReason.UNKNOWN_RECORD: "add it to the mapping, under `records` or under `ignore`",
    RefusalReason.WRONG_COLUMN_COUNT: "correct the source, or the mapping's columns",
    RefusalReason.NOT_BER: (
        "fetch the file again; else have the network element's files looked at"
    ),
    RefusalReason.UNKNOWN_RECORD: "add it to the mapping, under `records` or under `ignore`",
    RefusalReason.MISSING_FIELD: "correct the source, or choose another field in the mapping",
    RefusalReason.INVALID_FIELD: "correct the source, or the mapping",
    RefusalReason.NEGATIVE_QUANTITY: (
        "correct the source; where it sends corrections, `below_zero: keep` in its mapping"
    ),
    RefusalReason.INVALID_TIME: "correct the source, or `times` of the mapping",
    RefusalReason.TIME_WITHOUT_ZONE: "give `--zone` when ingesting, or `zone` in the mapping",
    RefusalReason.AMBIGUOUS_LOCAL_TIME: "have the source write UTC or an offset",
    RefusalReason.TOO_FAR_IN_FUTURE: "set the source's clock right",
    RefusalReason.OLDER_THAN_DEDUP_HORIZON: "find out by hand whether it was charged; a longer horizon takes it",
    RefusalReason.CONFLICT: "ask the source which one holds; the first one is charged",
    RefusalReason.UNKNOWN_SUBSCRIBER: "load the reference data that has it",
    RefusalReason.FILE_INCOMPLETE: "ingest the file again (`--again`); what is there already is recognised",
    RefusalReason.INVALID_COMMAND: "correct it and send it again",
    RefusalReason.UNKNOWN_SUBSCRIPTION: "load the reference data that has it",
    RefusalReason.UNKNOWN_PLAN: "publish a catalogue that has it, or correct the subscription",
    RefusalReason.NO_TARIFF_IN_FORCE: "publish the version",
    RefusalReason.UNKNOWN_PRODUCT: "publish a price, or correct the mapping",
    RefusalReason.UNKNOWN_DESTINATION: "add the prefix to the card and publish",
    RefusalReason.NO_CONDITION_HOLDS: (
        "add a last price without a condition, or correct the attributes of account or subscription"
    ),
    RefusalReason.NO_MATCHING_ROW: "add a row to the matrix and publish, or correct the mapping",
    RefusalReason.MISSING_QUANTITY: "correct the product's unit, or the mapping",
    RefusalReason.MISSING_ATTRIBUTE: "correct the price, the mapping, or the reference data",
    RefusalReason.BELOW_ZERO: "correct the mapping, or give the product `below_zero: mirror`",
    RefusalReason.CURRENCY_MISMATCH: "correct the plan of the subscription, or close the periods",
    RefusalReason.STALE_CORRECTION: (
        "run `ratemill correct reverse` or `rerate` again, while no usage of the account comes in"
    ),
    RefusalReason.INTERNAL_ERROR: "report it with the trace from the worker's log",
}
