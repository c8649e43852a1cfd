"""Why a record was refused: every reason the product knows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

# How a detail ends that says what to correct: a correction is for what comes after it.
STAYS = "then `ratemill suspense recycle` brings back what was refused until then."


@unique
class RefusalReason(StrEnum):
    """``room.reason``. Values go on the wire and into reports: add, never rename."""

    # What the bytes are.
    TOO_LARGE = "mediation.too_large"
    UNKNOWN_FORMAT = "mediation.unknown_format"
    MISROUTED = "mediation.misrouted"
    MISSING_HEADER = "mediation.missing_header"
    INVALID_ENCODING = "mediation.invalid_encoding"
    NOT_JSON = "mediation.not_json"
    WRONG_COLUMN_COUNT = "mediation.wrong_column_count"
    NOT_BER = "mediation.not_ber"
    UNKNOWN_RECORD = "mediation.unknown_record"
    # What the fields say.
    MISSING_FIELD = "mediation.missing_field"
    INVALID_FIELD = "mediation.invalid_field"
    NEGATIVE_QUANTITY = "mediation.negative_quantity"
    INVALID_TIME = "mediation.invalid_time"
    TIME_WITHOUT_ZONE = "mediation.time_without_zone"
    AMBIGUOUS_LOCAL_TIME = "mediation.ambiguous_local_time"
    TOO_FAR_IN_FUTURE = "mediation.too_far_in_future"
    OLDER_THAN_DEDUP_HORIZON = "mediation.older_than_dedup_horizon"
    # What is known about it.
    CONFLICT = "mediation.conflict"
    UNKNOWN_SUBSCRIBER = "mediation.unknown_subscriber"
    FILE_INCOMPLETE = "mediation.file_incomplete"
    INVALID_COMMAND = "mediation.invalid_command"
    # What it costs.
    UNKNOWN_SUBSCRIPTION = "rating.unknown_subscription"
    UNKNOWN_PLAN = "rating.unknown_plan"
    NO_TARIFF_IN_FORCE = "rating.no_tariff_in_force"
    UNKNOWN_PRODUCT = "rating.unknown_product"
    UNKNOWN_DESTINATION = "rating.unknown_destination"
    NO_CONDITION_HOLDS = "rating.no_condition_holds"
    NO_MATCHING_ROW = "rating.no_matching_row"
    MISSING_QUANTITY = "rating.missing_quantity"
    MISSING_ATTRIBUTE = "rating.missing_attribute"
    BELOW_ZERO = "rating.below_zero"
    CURRENCY_MISMATCH = "rating.currency_mismatch"
    STALE_CORRECTION = "rating.stale_correction"
    # What we got wrong.
    INTERNAL_ERROR = "pipeline.internal_error"


@dataclass(frozen=True, slots=True)
class Refused:
    """A record on its way to suspense; ``detail`` is for a human and is never parsed.

    ``detail`` holds no subscriber number: it is shown in places that raw bytes are not.
    """

    reason: RefusalReason
    detail: str
