"""The network between worker and broker, or between loader and Postgres: slow, cut, silent, narrow."""

from __future__ import annotations

import asyncio
from typing import Literal

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.proxy import Direction, Proxy
from tests.chaos.watch import Moving

Way = Literal["broker", "postgres"]


async def _at_work(play: Play, way: Way) -> tuple[str, Moving]:
    """Return a stage that uses this way, and a worker of it that moves records."""
    stage = "load" if way == "postgres" else play.random.choice(["normalise", "rate"])
    return stage, await play.at_work(stage)


def delay(proxy: Proxy, way: Way, *, delay_s: float, seconds: float) -> Fault:
    """Return the fault: everything takes so much longer on its way, for a while."""

    async def strike(play: Play) -> Hit:
        _, moving = await _at_work(play, way)
        proxy.delay_s, before = delay_s, proxy.passed
        await asyncio.sleep(seconds)  # the fault itself
        proxy.delay_s = 0.0
        play.hits.facts[f"bytes that {way} got late"] += proxy.passed - before
        return Hit(f"delay to {way}", moving=moving.partitions, note=f"{delay_s} s")

    return strike


def cut_in_frame(proxy: Proxy, way: Way, direction: Direction) -> Fault:
    """Return the fault: a connection ends half-way through what it carries."""

    async def strike(play: Play) -> Hit:
        stage, moving = await _at_work(play, way)
        before = proxy.cut_in_frame
        proxy.cut_next(direction)
        async with asyncio.timeout(30):
            while proxy.cut_in_frame == before:  # noqa: ASYNC110  (the proxy sets no event)
                await asyncio.sleep(0.01)
        play.hits.facts[f"connections to {way} that were cut in the middle of a frame"] += 1
        open_ = await play.left_open(stage, moving)
        return Hit(f"cut {direction} {way}", moving=moving.partitions, open=open_)

    return strike


def cut_all(proxy: Proxy, way: Way) -> Fault:
    """Return the fault: every connection ends at once."""

    async def strike(play: Play) -> Hit:
        stage, moving = await _at_work(play, way)
        play.hits.facts[f"connections to {way} that were cut"] += proxy.cut_all()
        open_ = await play.left_open(stage, moving)
        return Hit(f"cut all to {way}", moving=moving.partitions, open=open_)

    return strike


def half_open(proxy: Proxy, way: Way, *, seconds: float) -> Fault:
    """Return the fault: connections stay open and carry nothing, until they are reset."""

    async def strike(play: Play) -> Hit:
        stage, moving = await _at_work(play, way)
        links = proxy.go_silent()
        open_ = await play.left_open(stage, moving)
        play.hits.facts[f"connections to {way} that went silent"] += len(links)
        await asyncio.sleep(seconds)  # the fault itself
        for link in links:
            link.cut()
        return Hit(
            f"half-open to {way}",
            moving=moving.partitions,
            open=open_,
            note=f"{seconds:.0f} s",
        )

    return strike


def narrow(proxy: Proxy, way: Way, *, bytes_per_s: int, seconds: float) -> Fault:
    """Return the fault: each connection carries no more than so much, for a while."""

    async def strike(play: Play) -> Hit:
        _, moving = await _at_work(play, way)
        proxy.bytes_per_s, before = bytes_per_s, proxy.passed
        await asyncio.sleep(seconds)  # the fault itself
        proxy.bytes_per_s = None
        play.hits.facts[f"bytes that {way} got slowly"] += proxy.passed - before
        return Hit(f"narrow to {way}", moving=moving.partitions, note=f"{bytes_per_s:,} B/s")

    return strike
