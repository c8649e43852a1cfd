"""What is left between charges and what their usage costs, summed for people."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rating.margins import CHARGED, MarginSum
from schemas.ledger import REVERSAL, WITHOUT_USAGE
from sinks.connection import Pool
from sinks.errors import classified
from sinks.partitions import Month
from sinks.queries import NO_RECORDS, RECORDS


class By(StrEnum):
    """What margins are summed by."""

    PRODUCT = "product"
    ACCOUNT = "account"
    DESTINATION = "destination"


class NotRatedOtherwise(NamedTuple):
    """All charges of one thing that have no other rating, of usage or without."""

    of: str
    kind: str  # "usage", or one of those of charges that are for no usage of their own
    currency: str
    charges: int
    amount: Decimal


class Margins(NamedTuple):
    """A month's charges, each in one of the two; those with several ratings in several sums."""

    sums: list[MarginSum]
    others: list[NotRatedOtherwise]


_OF = {
    By.PRODUCT: "u.product",
    By.ACCOUNT: "u.account_id",
    # As the card or the matrix of the charge's own price calls it.
    By.DESTINATION: "coalesce((SELECT step ->> 2 FROM json_array_elements(u.explanation) step "
    "WHERE step ->> 0 IN ('prefix', 'matrix') LIMIT 1), '')",
}
# No charge of a month is billed before it: so older partitions are not looked at.
_OF_MONTH = "u.usage_period >= $1 AND u.usage_period < $2 AND u.bill_period >= $1"


# A month may get its other ratings by a correction: what its usage was charged before is what these are
# paid from.
_PRICES = (
    "prices AS (SELECT u.rating_key, u.subscription_id, u.price_id, u.usage_period, "
    "(array_agg(u.other_ratings -> 0 ->> 'name' ORDER BY u.sequence DESC))[1] AS name "
    f"FROM rated_usage u WHERE {_OF_MONTH} AND u.other_ratings IS NOT NULL GROUP BY 1, 2, 3, 4)"
)
_THEIR_PRICE = (
    "LEFT JOIN prices p ON (p.rating_key, p.subscription_id, p.price_id, p.usage_period) = "
    "(u.rating_key, u.subscription_id, u.price_id, u.usage_period)"
)
_IS_RATED = (
    f"u.other_ratings IS NOT NULL OR (p.name IS NOT NULL AND u.usage_kind NOT IN ({NO_RECORDS}))"
)


async def margin_sums(pool: Pool, month: Month, by: By) -> Margins:
    """Return the sums of a month of usage, each account's in its own zone; exact."""
    of = _OF[by]
    bounds = (month.starts_at, month.next().starts_at)
    with classified():
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rated = await connection.fetch(
                f"WITH {_PRICES} SELECT {of} AS of, coalesce(r.paid_from, $3) AS paid_from, r.name, "
                f"u.currency, {RECORDS}, sum(coalesce(r.before, u.amount)), sum(r.amount) "
                f"FROM rated_usage u {_THEIR_PRICE} CROSS JOIN LATERAL (SELECT place, e ->> 'name' "
                "AS name, (e ->> 'amount')::numeric AS amount, lag(e ->> 'name') OVER w AS paid_from, "
                "lag((e ->> 'amount')::numeric) OVER w AS before "
                "FROM json_array_elements(u.other_ratings) WITH ORDINALITY AS one (e, place) "
                "WINDOW w AS (ORDER BY place) "
                "UNION ALL SELECT 1, p.name, 0, NULL, NULL WHERE u.other_ratings IS NULL) r "
                f"WHERE {_OF_MONTH} AND ({_IS_RATED}) "
                "GROUP BY 1, 2, 3, 4 ORDER BY 1, 4, min(r.place), 2, 3",
                *(*bounds, CHARGED),
            )
            others = await connection.fetch(
                f"WITH {_PRICES} SELECT {of} AS of, CASE WHEN u.usage_kind = ANY($3::text[]) "
                "THEN u.usage_kind ELSE 'usage' END AS kind, u.currency, count(*), sum(u.amount) "
                f"FROM rated_usage u {_THEIR_PRICE} WHERE {_OF_MONTH} AND NOT ({_IS_RATED}) "
                "GROUP BY 1, 2, 3 ORDER BY 1, 3, 2 DESC",
                *(*bounds, [*WITHOUT_USAGE, REVERSAL]),
            )
    return Margins(
        [MarginSum(*row) for row in rated],
        [NotRatedOtherwise(*row) for row in others],
    )
