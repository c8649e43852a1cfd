"""What a price is, in words that are counted: so that nothing is left out unnoticed."""

MODELS = (
    *("per_unit", "flat", "percentage", "call", "rate_card", "matrix"),
    *("graduated", "volume", "package"),
    *("max", "latest", "unique", "time_weighted", "daily", "percentile"),
    *("discount_by_usage", "from_then", "commitment", "exchange"),
    *("rolls_over", "times", "members", "only_in", "allowance when", "valid_from", "valid_to"),
    *("also_rated", "extends"),
)
"""What has to be among a thousand pairs."""


def words_of(price, plan, others):
    """Return the models and steps that a charge had, as counted in `MODELS`."""
    found = {price["model"], *({"commitment", "exchange"} & price.keys())}
    aggregate = price.get("aggregate", "sum")
    found.add(aggregate if isinstance(aggregate, str) else "percentile")
    if "discount_by_usage" in price:
        is_then = price["discount_by_usage"].get("from_then") == "yes"
        found.add("from_then" if is_then else "discount_by_usage")
    names = price.get("allowance", [])
    for name in names if isinstance(names, list) else [names]:
        allowance = plan["allowances"][name]
        found |= {"rolls_over", "only_in", "valid_from", "valid_to"} & allowance.keys()
        if "when" in allowance:
            found.add("allowance when")
        if "times" in allowance:
            found.add("members" if allowance["times"] == "members" else "times")
    if others:
        found.add("also_rated")
    if "extends" in plan:
        found.add("extends")
    return found
