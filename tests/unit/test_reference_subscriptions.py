import msgspec
import pytest

from schemas.reference import Account, ReferenceData, Subscription

JUNE, JULY = 1_780_272_000_000, 1_782_864_000_000


def entry(plan, *, valid_from_ms=0, valid_to_ms=None, subscription_id="s-1"):
    return Subscription(
        subscription_id=subscription_id,
        identifier="4930",
        plan=plan,
        valid_from_ms=valid_from_ms,
        valid_to_ms=valid_to_ms,
    )


ACCOUNT = Account(
    tenant="acme",
    account_id="a-1",
    name="A",
    zone="UTC",
    currency="EUR",
    subscriptions=(
        entry("old", valid_from_ms=JUNE, valid_to_ms=JULY),
        entry("new", valid_from_ms=JULY),
    ),
)


def plan_at(reference, at_ms, *, account_id="a-1", subscription_id="s-1"):
    found = reference.subscription(
        account_id=account_id, subscription_id=subscription_id, at_ms=at_ms
    )
    return found and found[1].plan


def test_a_subscription_has_the_plan_of_the_time_of_the_usage():
    reference = ReferenceData()
    reference.apply([ACCOUNT], version=1)
    plans = [plan_at(reference, at) for at in (JUNE - 1, JUNE, JULY - 1, JULY)]
    assert plans == [None, "old", "old", "new"]


def test_a_subscription_is_that_of_its_account_only():
    reference = ReferenceData()
    reference.apply([ACCOUNT, msgspec.structs.replace(ACCOUNT, account_id="a-2")], version=1)
    assert plan_at(reference, JULY, account_id="a-2") == "new"
    assert plan_at(reference, JULY, account_id="a-3") is None
    assert plan_at(reference, JULY, subscription_id="s-2") is None


@pytest.mark.parametrize("devices", [0, 62, 63, 1_000])
def test_a_subscription_is_found_among_few_and_among_many(devices):
    first, second = ACCOUNT.subscriptions

    def with_devices(plan):
        many = [entry(plan, subscription_id=f"d-{number}") for number in range(devices)]
        return msgspec.structs.replace(ACCOUNT, subscriptions=(first, *many, second))

    reference = ReferenceData()
    for version, plan in enumerate(("small", "large")):
        reference.apply([with_devices(plan)], version=version)
        plans = [plan_at(reference, at) for at in (JUNE - 1, JUNE, JULY - 1, JULY)]
        assert plans == [None, "old", "old", "new"]
        assert reference.entries(account_id="a-1", subscription_id="s-1") == [first, second]
        assert plan_at(reference, JULY, subscription_id="d-0") == (plan if devices else None)


def test_an_account_is_replaced_whole():
    """A subscription that the new version does not have is gone."""
    reference = ReferenceData()
    reference.apply([ACCOUNT], version=1)
    moved = msgspec.structs.replace(ACCOUNT, subscriptions=(entry("other", subscription_id="s-2"),))
    reference.apply([moved], version=2)
    assert plan_at(reference, JULY) is None
    assert plan_at(reference, JULY, subscription_id="s-2") == "other"


def test_an_identifier_of_two_accounts_is_found_in_the_order_of_their_coming():
    reference = ReferenceData()
    other = msgspec.structs.replace(ACCOUNT, account_id="a-2")
    reference.apply([ACCOUNT, other], version=1)
    assert holders(reference) == ["a-1", "a-1", "a-2", "a-2"]
    reference.apply([ACCOUNT], version=2)  # replaced: the last to come
    assert holders(reference) == ["a-2", "a-2", "a-1", "a-1"]
    reference.apply([msgspec.structs.replace(other, subscriptions=())], version=3)
    assert holders(reference) == ["a-1", "a-1"]


def test_it_is_all_one_whether_it_was_asked_before_or_not():
    """What is looked up by is made at the first question, and kept from then on."""
    other = msgspec.structs.replace(ACCOUNT, account_id="a-2")
    moved = msgspec.structs.replace(ACCOUNT, subscriptions=(entry("third"),))
    asked, unasked = ReferenceData(), ReferenceData()
    for version, accounts in enumerate(([ACCOUNT], [other], [moved, other], [])):
        for reference in (asked, unasked):
            reference.apply(accounts, version=version)
        holders(asked)
        plan_at(asked, JULY)
    assert holders(asked) == holders(unasked) == ["a-1", "a-2", "a-2"]
    assert plan_at(asked, JULY) == plan_at(unasked, JULY) == "third"


def holders(reference):
    found = reference.holders(tenant="acme", identifier="4930")
    return [account.account_id for account, _ in found]
