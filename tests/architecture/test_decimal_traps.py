"""The traps set in conftest.py are on; without them the money tests would prove less."""

import asyncio
import decimal
from decimal import Decimal

import pytest


def divide():
    return Decimal(1) / 3


def test_a_rounding_outside_round_money_fails():
    with pytest.raises(decimal.Inexact):
        divide()


def test_a_float_next_to_a_decimal_fails():
    with pytest.raises(decimal.FloatOperation):
        assert Decimal(1) < 1.5


async def test_they_hold_in_a_task_and_in_a_thread():
    async def in_a_task():
        return divide()

    for trapped in (in_a_task(), asyncio.to_thread(divide)):
        with pytest.raises(decimal.Inexact):
            await asyncio.create_task(trapped)


@pytest.mark.parametrize("turn", ["switches them off", "finds them on again"])
def test_one_test_cannot_switch_them_off_for_the_next(turn):
    with pytest.raises(decimal.Inexact):
        divide()
    decimal.getcontext().traps[decimal.Inexact] = False
