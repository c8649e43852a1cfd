"""Plans that extend others, written out: their own prices first, what is stated again in its place."""


def written_out(plans, code):
    """Return a plan with all that it inherits."""
    own = {"allowances": {}, "also_rated": {}, "prices": {}, **plans[code]}
    if "extends" not in own:
        return own
    other = written_out(plans, own["extends"])
    if "also_rated" not in plans[code]:
        own["also_rated"] = other["also_rated"]
    for section in ("prices", "allowances"):
        new = {name: each for name, each in own[section].items() if name not in other[section]}
        kept = {name: own[section].get(name, each) for name, each in other[section].items()}
        own[section] = {**new, **kept}
    return {**own, "currency": other["currency"]}
