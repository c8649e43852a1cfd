"""Random plans around random prices: what they inherit, what else rates their usage."""


def plans(random, prices, products, units, allowances, lines, texts):
    """Return the section of plans: `p`, the plan that it may extend, and those that rate it too.

    ``lines``: of its prices; ``texts``: of its allowances, by code.
    """
    found = ""
    also = _also_rated(random, prices, products, units) if random.random() < 0.25 else ("", "")
    found += also[1]
    own, inherited = lines, []
    own_texts, inherited_texts = texts, {}
    if random.random() < 0.25:
        cut = random.randrange(len(lines))
        own, inherited = lines[:cut], lines[cut:]
        own_texts, inherited_texts = {}, texts
        if random.random() < 0.3:  # a price is stated once more
            place = random.randrange(len(inherited))
            code, _, _ = inherited[place].strip().partition(":")
            product = next(each for each in products if code.startswith(each))
            own = [*own, prices.line(code, product, units[product], allowances)]
        if texts and random.random() < 0.3:
            name = random.choice(list(texts))
            own_texts = {name: texts[name].replace("20 min", "3 min").replace("10 GB", "2 GB")}
    has_base = bool(inherited)
    if has_base:
        found += _plan("base", "currency: EUR\n", inherited, inherited_texts, also[0])
        again = random.random()
        mine = "    also_rated: {}\n" if again < 0.1 else ""
        return found + _plan("p", "extends: base\n", own, own_texts, mine)
    return found + _plan("p", "currency: EUR\n", own, own_texts, also[0])


def _plan(code, head, lines, texts, tail):
    text = f"  {code}:\n    {head}{tail}"
    if texts:
        text += "    allowances:\n"
        text += "".join(f"      {name}: {{{body}}}\n" for name, body in texts.items())
    return text + ("    prices:\n" + "".join(lines) if lines else "")


def _also_rated(random, prices, products, units):
    """Return what a plan says of other ratings, and the plans that it names."""
    names, text = [], ""
    for place in range(random.choice((1, 1, 2))):
        code = f"other{place}"
        is_foreign = random.random() < 0.3 and "sales" not in products
        mine = [random.choice(products)] if random.random() < 0.4 else products
        lines = [
            f"      {product}x: {{product: {product}, "
            f"{prices.alone(product, units[product], is_foreign=is_foreign)}}}\n"
            for product in mine
        ]
        text += _plan(code, f"currency: {'USD' if is_foreign else 'EUR'}\n", lines, {}, "")
        by_product = ", ".join(f"{product}: {code}" for product in mine)
        names.append(f"r{place}: {code}" if mine == products and random.random() < 0.6 else f"r{place}: {{{by_product}}}")  # fmt: skip
    return f"    also_rated: {{{', '.join(names)}}}\n", text
