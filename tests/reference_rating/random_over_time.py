"""Random prices of what was there over a month: levels, and percentiles of samples."""

METHODS = ("discard_floor", "ceil_rank", "round_rank", "floor_rank", "linear")
DIRECTIONS = ("in", "out", "larger", "sum_per_sample", "max_per_sample")
PERCENTILES = ("95", "50", "100", "99.9", "33.3", "1", "90")


def over_time(prices, product, unit):
    """Return the keys of a price of a level or of samples."""
    model = prices.random.choice(("per_unit", "graduated", "graduated", "volume", "package"))
    keys = [key for key in getattr(prices, f"_{model}")(unit) if not key.startswith("connect_fee")]
    if product == "seats":
        keys = [key for key in keys if not key.startswith("increments")]
        keys.append(f"aggregate: {prices.random.choice(('time_weighted', 'daily'))}")
    else:
        keys.append(f"aggregate: {{{_percentile(prices)}}}")
    if prices.some(0.4):
        keys.append(f"rounding: {prices._rounding()}")
    if prices.some(0.2):
        keys.append(prices._commitment(unit))
    if product == "seats" and len(prices.others) > 1 and prices.some(0.15):
        keys.append(prices._usage_discount(product))
    keys += prices._bounds(True)
    if prices.some(0.25):
        keys.append(prices._discount(True))
    return [key for key in keys if key]


def _percentile(prices):
    random = prices.random
    keys = [f"percentile: {random.choice(PERCENTILES)}"]
    if prices.some(0.6):
        keys.append(f"method: {random.choice(METHODS)}")
    if prices.some(0.6):
        keys.append(f"interval: {random.choice(('1', '5', '15', '30', '60'))} min")
    if prices.some(0.3):
        keys.append(f"within: {random.choice(('sum', 'largest'))}")
    if prices.some(0.6):
        keys.append(f"direction_by: direction, directions: {random.choice(DIRECTIONS)}")
    if prices.some(0.3):
        keys.append(f"missing: {random.choice(('left_out', 'zero', 'zero'))}")
    if prices.some(0.3):
        keys.append(f"bill: {random.choice(('highest', 'rest'))}")
    return ", ".join(keys)
