"""The proxy: what goes through it, and that each of its faults is the one that it says."""

import asyncio
import contextlib
import os
import struct

import pytest

from tests.chaos.faults.commit import process_at
from tests.chaos.proxy import Proxy, read_request

COMMIT, PRODUCE = 26, 0


def frame(api_key, *, correlation=7, client_id=b"inst.rate.topic.2", body=b""):
    head = struct.pack(">hhih", api_key, 1, correlation, len(client_id)) + client_id
    return head + body


def sized(content):
    return len(content).to_bytes(4, "big") + content


def answer(correlation):
    return sized(struct.pack(">ih", correlation, 0))


async def all_closed():
    """Return when nobody serves any more; connections end with their tasks."""
    while len(asyncio.all_tasks()) > 1:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def echoing(**options):
    """Yield a proxy before a server that sends back what it gets, and a connection through it."""
    heard = []

    async def serve(reader, writer):
        with contextlib.suppress(OSError), contextlib.closing(writer.transport):
            while chunk := await reader.read(1 << 16):
                heard.append(chunk)
                writer.write(chunk)
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Proxy(port=0, target=port, **options) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield proxy, reader, writer, heard
        finally:
            writer.transport.abort()
    await all_closed()


async def test_what_is_sent_comes_through_and_back():
    async with echoing() as (_, reader, writer, _heard):
        writer.write(b"x" * 300_000)
        assert await reader.readexactly(300_000) == b"x" * 300_000


async def test_a_cut_in_the_middle_loses_the_second_half_and_the_connection():
    async with echoing() as (proxy, reader, writer, heard):
        proxy.cut_next("up")
        writer.write(b"x" * 100)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(100)
        assert sum(map(len, heard)) <= 50
        assert proxy.cut_in_frame == 1


async def test_all_connections_are_cut_and_a_new_one_works():
    async with echoing() as (proxy, reader, writer, _heard):
        writer.write(b"abc")
        await reader.readexactly(3)
        assert proxy.cut_all() == 1
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        second = await asyncio.open_connection("127.0.0.1", proxy.port)
        second[1].write(b"abc")
        assert await second[0].readexactly(3) == b"abc"
        second[1].transport.abort()


async def test_a_silent_connection_stays_open_and_carries_nothing():
    async with echoing() as (proxy, reader, writer, heard):
        writer.write(b"abc")
        await reader.readexactly(3)
        proxy.go_silent()
        writer.write(b"lost")
        second = await asyncio.open_connection("127.0.0.1", proxy.port)
        second[1].write(b"abc")
        assert await second[0].readexactly(3) == b"abc"  # later than the lost one, and there
        second[1].transport.abort()
        assert b"lost" not in b"".join(heard)
        assert not reader.at_eof()


async def test_frames_come_through_whole():
    async with echoing(frames=True) as (_, reader, writer, _heard):
        sent = sized(frame(PRODUCE, body=b"y" * 100_000)) + sized(frame(COMMIT, body=b"\x01"))
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent


class Deaf:
    """Lets no commit through, or no answer to one."""

    def __init__(self, when):
        self.when = when
        self.correlation = None
        self.seen = []

    async def request(self, link, request):
        self.seen.append(request.api_key)
        if request.is_commit:
            self.correlation = request.correlation
        return not (request.is_commit and self.when == "before")

    async def response(self, link, correlation):
        return not (correlation == self.correlation and self.when == "after")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_or_the_answer_to_it_is_lost(when):
    heard = []

    async def broker(reader, writer):
        with (
            contextlib.suppress(OSError, asyncio.IncompleteReadError),
            contextlib.closing(writer.transport),
        ):
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                request = read_request(await reader.readexactly(size))
                heard.append(request.api_key)
                writer.write(answer(request.correlation))

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tap = Deaf(when)
    async with server, Proxy(port=0, target=port, frames=True, tap=tap) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(sized(frame(PRODUCE, correlation=1, body=b"\x01")))
        assert await reader.readexactly(10) == answer(1)
        writer.write(sized(frame(COMMIT, correlation=2, body=b"id\x01")))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert tap.seen == [PRODUCE, COMMIT]
        assert heard == ([PRODUCE] if when == "before" else [PRODUCE, COMMIT])
        writer.transport.abort()
    await all_closed()


def test_the_end_of_a_transaction_without_commit_is_none():
    assert read_request(frame(COMMIT, body=b"id\x01")).is_commit
    assert not read_request(frame(COMMIT, body=b"id\x00")).is_commit
    assert read_request(frame(COMMIT)).client_id == "inst.rate.topic.2"


async def test_the_process_of_a_connection_is_found_by_its_port():
    async with echoing() as (_, _reader, writer, _heard):
        port = writer.get_extra_info("sockname")[1]
        assert process_at(port, {1 << 22: "nobody", os.getpid(): "me"}) == os.getpid()
        assert process_at(port, {1 << 22: "nobody"}) is None
