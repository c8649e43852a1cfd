"""Laws of conditions: the answer is that of plain Python, kept or not, and the first price wins."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rating.conditions.condition import Condition
from rating.conditions.words import ConditionError
from rating.rate import Holder
from schemas.refusal import Refused
from tests.rating_builders import Month, catalogue_of, event

TEXTS = ["", "A", "B", "gold"]
NAMES = {
    "account.vip": lambda usage, used, who: who.account.get("vip", ""),
    "account.id": lambda usage, used, who: who.account_id,
    "subscription.zone": lambda usage, used, who: who.subscription.get("zone", ""),
    "event.apn": lambda usage, used, who: usage.attributes.get("apn", ""),
    'event["b-c"]': lambda usage, used, who: usage.attributes.get("b-c", ""),
    "destination": lambda usage, used, who: usage.destination or "",
    "usage_kind": lambda usage, used, who: usage.usage_kind,
}
numbers = st.decimals(-3, 3, places=1).map(lambda number: number.normalize() + 0)


def shown(number):
    return format(number, "f")


@st.composite
def comparisons(draw):
    """A comparison, as it is written and as Python answers it."""
    if draw(st.booleans()):
        name, text = draw(st.sampled_from(sorted(NAMES))), draw(st.sampled_from(TEXTS))
        value = NAMES[name]
        match draw(st.sampled_from(["==", "!=", "in", "not in", "turned"])):
            case "==":
                return f'{name} == "{text}"', lambda *a: value(*a) == text
            case "!=":
                return f"{name} != '{text}'", lambda *a: value(*a) != text
            case "in":
                return f'{name} in ["{text}", "B"]', lambda *a: value(*a) in [text, "B"]
            case "not in":
                return f'{name} not in ["{text}"]', lambda *a: value(*a) not in [text]
            case _:
                return f'"{text}" == {name}', lambda *a: value(*a) == text
    bound = draw(numbers)
    sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
    compare = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
    }[sign]
    if draw(st.booleans()):
        return f"quantity {sign} {shown(bound)}", lambda u, used, w: compare(used, bound)
    return f"{shown(bound)} {sign} quantity", lambda u, used, w: compare(bound, used)


def joined(children):
    def with_not(one):
        return f"not ({one[0]})", lambda *a: not one[1](*a)

    def both(left, right):
        return f"({left[0]}) and ({right[0]})", lambda *a: left[1](*a) and right[1](*a)

    def either(left, right):
        return f"({left[0]}) or ({right[0]})", lambda *a: left[1](*a) or right[1](*a)

    return st.one_of(
        children.map(with_not),
        st.builds(both, children, children),
        st.builds(either, children, children),
    )


conditions = st.recursive(comparisons(), joined, max_leaves=5)
texts = st.sampled_from(TEXTS)
asked = st.tuples(
    st.builds(
        lambda apn, other, to: event(to=to or None, attributes={"apn": apn, "b-c": other}, s=1),
        texts,
        texts,
        texts,
    ),
    numbers,
    st.builds(
        lambda vip, zone, who: Holder(who, "s-1", {"vip": vip} if vip else {}, {"zone": zone}),
        texts,
        texts,
        texts,
    ),
)


@given(conditions, st.lists(asked, max_size=12))
def test_an_answer_is_that_of_python_and_the_kept_one_is_the_one_found_anew(written, asked_of):
    text, answer = written
    condition = Condition(text)
    for usage, used, who in [*asked_of, *asked_of]:
        wanted = answer(usage, used, who)
        assert condition.holds(usage, used, who) is wanted, text
        assert condition.evaluate(usage, used, who) is wanted, text


@given(st.text("abc.=!<>\"'()[], \n0123-$_", max_size=40) | st.text(max_size=20))
def test_whatever_is_written_it_is_a_condition_or_refused_within_it(text):
    found = None
    try:
        Condition(text)
    except ConditionError as error:
        found = error
    assert found is None or 1 <= found.column <= len(text) + 1
    assert found is None or (found.expected and found.found)


@given(st.lists(conditions, min_size=1, max_size=4, unique_by=lambda one: one[0]), asked)
def test_of_the_prices_of_a_product_the_first_that_holds_wins(written, asked_of):
    usage, _, who = asked_of
    prices = "".join(
        f"      x{number}:\n        product: voice\n        when: {quoted(text)}\n"
        f"        price: {{model: flat, amount: {number}}}\n"
        for number, (text, _) in enumerate(written)
    )
    catalogue = catalogue_of(f"plans:\n  p:\n    currency: EUR\n    prices:\n{prices}")
    rated = Month(catalogue, holder=who).rate(usage)
    used = Decimal(1)
    holding = [number for number, (_, answer) in enumerate(written) if answer(usage, used, who)]
    if holding:
        assert rated.price_id == f"p/x{holding[0]}"
    else:
        assert isinstance(rated, Refused)
        assert rated.reason == "rating.no_condition_holds"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"
