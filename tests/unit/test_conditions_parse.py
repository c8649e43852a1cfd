"""What a condition may say, and what is said of one that it may not."""

from decimal import Decimal

import pytest

from rating.conditions.condition import Condition
from rating.conditions.names import Holder
from rating.conditions.parse import parse
from rating.conditions.words import MAX_LENGTH, ConditionError
from tests.rating_builders import event

HOLDER = Holder("a-1", "s-1", {"vip": "gold", "length": "3"}, {"zone": "B"})
USAGE = event(to="4930", attributes={"caller-id": "7", "apn": "iot"}, s=120)


def holds(text):
    return Condition(text).holds(USAGE, Decimal(120), HOLDER)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('account.vip == "gold"', True),
        ("account.vip != 'gold'", False),
        ('"gold" == account.vip', True),
        ('account.vip in ["silver", "gold"]', True),
        ('account.vip not in ["silver", "gold"]', False),
        ('account.none == ""', True),
        ('event.none != ""', False),
        ('event.apn == "iot" and subscription.zone == "B"', True),
        ('event.apn == "web" or not subscription.zone == "A"', True),
        ('not (event.apn == "iot" and subscription.zone == "B")', False),
        ("event['caller-id'] == '7'", True),
        ('account.id == "a-1" and subscription.id == "s-1"', True),
        ('account.length == "3"', True),
        ("quantity > 119.5 and quantity <= 120", True),
        ("quantity < -1", False),
        ("quantity in [60, 120.0]", True),
        ('destination == "4930" and origin == "" and service_class == ""', True),
        ('usage_kind == "voice"', True),
        ("account.vip\n  == 'gold'", True),
        ('account.vip == "geld" or account.vip == "gold" and quantity == 1', False),
    ],
)
def test_a_condition_is_answered(text, answer):
    assert holds(text) is answer


@pytest.mark.parametrize(
    ("text", "column", "expected", "found"),
    [
        ("", 1, "a condition such as", "nothing"),
        ('acount.vip == "x"', 1, "one of the names event.<attribute>", "'acount.vip'"),
        ('quantity > 1 and vip == "x"', 18, "one of the names", "'vip'"),
        ('account.vip.length == "x"', 1, "one of the names", "'account.vip.length'"),
        ('account.VIP == "x"', 1, "one of the names", "'account.VIP'"),
        ('event["A b"] == "x"', 1, "an attribute of the event", "'A b'"),
        (
            "account.vip == 5",
            16,
            'a text between quotes, as account.vip is, such as account.vip == "gold"',
            "5",
        ),
        ('quantity > "5"', 12, "a number, as quantity is, such as quantity == 100", '"5"'),
        ('account.vip in ["a", 1]', 22, "a text between quotes", "1"),
        ("quantity == account.vip", 13, "a number, as quantity is", "account.vip"),
        ("account.vip", 1, 'a comparison such as account.vip == "gold"', "account.vip alone"),
        ('account.vip and origin == ""', 1, "a comparison such as", "account.vip alone"),
        ("not quantity", 5, "a comparison such as quantity == 1", "quantity alone"),
        (
            'account.vip > "a"',
            1,
            "only quantity and subscription_month are less or more",
            'account.vip "a"',
        ),
        ("quantity == quantity", 13, "something else than quantity", "quantity"),
        ("1 == 1", 1, "a name, as in", "none"),
        ('1 == 1 or account.vip == "a"', 1, "a comparison with a name", "1, which decides nothing"),
        ('account.vip == "a" or "a" in ["b"]', 23, "a comparison with a name", '"a", which'),
        ('account.vip in "gold"', 16, "a list such as", '"gold"'),
        ("account.vip in account.list", 16, "a list such as", "account.list"),
        ('account.vip in ["a", account.b]', 22, "texts or numbers in a list", "account.b"),
        ("account.vip in []", 1, "in a list of at least one", "[]"),
        ('(origin == "a") == (origin == "b")', 2, "a name, a text or a number", "origin"),
        ('account.vip ["x"] == "y"', 1, "a name, a text or a number", "account.vip"),
        ('account.vip ("x")', 1, "a comparison such as", "account.vip alone"),
        ("origin == []", 12, "a name, a text or a number", "]"),
        ('account.vip == "gold', 16, "a text between quotes", "'\"gold'"),
        (
            'account.vip == "go\\x41"',
            16,
            "a text between quotes, on one line and without a backslash",
            "",
        ),
        ('account.vip = "gold"', 13, "names, texts, numbers", "'= "),
        ('account.vip == "a" account.b', 20, "a condition such as", "'account.b'"),
        ('account.vip == "a" and', 23, "more, as in", "the end of the condition"),
        ('(account.vip == "a"', 20, "more, as in", "the end"),
        ('account.vip == "a")', 19, "a condition such as", "')'"),
        ("quantity > 1e5", 12, "names, texts, numbers", "'1e5'"),
        ("quantity > 0x10", 12, "names, texts, numbers", "'0x10'"),
        ("quantity > .5", 12, "names, texts, numbers", "'.5'"),
        ("quantity > 5 -3", 14, "no arithmetic", "-3"),
        ("quantity > 1234567890123456789012345", 12, "a number of at most 24", "1234"),
        ("quantity * 2 > 5", 10, "names, texts, numbers", "'* 2"),
        ("quantity ** 9 > 5", 10, "names, texts, numbers", "'** 9"),
        ('5 in "abc" or origin == "x"', 1, "a condition such as", "data type mismatch"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_column(text, column, expected, found):
    with pytest.raises(ConditionError) as caught:
        parse(text)
    error = caught.value
    assert (error.column, expected in error.expected, found in error.found) == (
        column,
        True,
        True,
    ), error


@pytest.mark.parametrize(
    "text",
    [
        "$now > 5",
        '$today == "x"',
        'account.vip =~ "(a+)+$"',
        'account.vip =~~ "(a+)+$"',
        'account.vip !~ "a"',
        'destination.starts_with("49")',
        "destination.length > 3",
        "len(destination) > 3",
        'd"2026-01-01" == d"2026-01-01" or origin == ""',
        'r"a" == origin',
        'account.vip == "a" ? quantity : 1',
        '[x for x in ["a"]] == origin',
        'origin ?? "a" == "a"',
        'origin == "a" # why',
        "account.vip == null",
        "account.vip == true",
        '{"a"} == origin',
        "quantity == inf",
        "quantity == nan",
        "quantity & 1 == 1",
        "quantity << 9 == 1",
        "account&.vip == 'a'",
        'import == "os"',
        '__import__("os") == origin',
        'account.__class__ == "x"',
    ],
)
def test_what_the_library_could_do_besides_is_no_word_of_a_condition(text):
    """Clocks, regular expressions, functions, arithmetic and what Python has below them."""
    with pytest.raises(ConditionError):
        parse(text)


def test_a_long_condition_is_refused_and_the_longest_ones_are_answered():
    with pytest.raises(ConditionError, match=f"column {MAX_LENGTH + 1}: expected at most"):
        parse('origin == "' + "x" * MAX_LENGTH + '"')
    deep = "not " * 121 + 'origin == ""'
    assert len(deep) <= MAX_LENGTH
    assert holds(deep) is False
    assert holds("(" * 240 + 'origin==""' + ")" * 240) is True
    many = " or ".join(['origin=="b"'] * 33)
    assert holds(many) is False


def test_numbers_are_decimals():
    condition = Condition("quantity > 0.1")
    assert parse("quantity in [0.1, -2, 3.50]").thresholds == (
        Decimal("-2"),
        Decimal("0.1"),
        Decimal("3.50"),
    )
    assert not condition.holds(USAGE, Decimal("0.1000"), HOLDER)
    assert condition.holds(USAGE, Decimal("0.1000000000000000000000000001"), HOLDER)


def test_an_attribute_of_every_name_is_only_an_attribute():
    """The library has attributes of its own, such as the length of a text, or of a table."""
    for name in (
        "length",
        "keys",
        "values",
        "is_empty",
        "in",
        "and",
        "for",
        "if",
        "true",
        "__class__",
    ):
        assert Condition(f'event["{name}"] == "mine"').holds(
            event(attributes={name: "mine"}, s=1), Decimal(1), HOLDER
        )
