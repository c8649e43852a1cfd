"""A proxy of our own between a client and a server: it delays, cuts, goes silent, is narrow.

Frames of Kafka pass through it one by one where somebody listens (`Tap`), so that a commit can be
stopped on its way, or its answer lost on the way back.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from tests.chaos.services import LOOPBACK

Direction = Literal["up", "down"]
_CHUNK = 64 * 1024
_END_TRANSACTION = 26
_LEAST_TO_CUT = 16  # bytes: a chunk that can be cut in the middle of a frame


class Request(NamedTuple):
    """The head of a request of Kafka."""

    api_key: int
    correlation: int
    client_id: str
    body: bytes

    @property
    def is_commit(self) -> bool:
        """Return whether it asks for the commit of a transaction, not for its end without one."""
        return self.api_key == _END_TRANSACTION and self.body[-1:] == b"\x01"


def read_request(frame: bytes) -> Request:
    """Return the head of a frame, and what comes behind it."""
    api_key, _version, correlation, length = struct.unpack_from(">hhih", frame)
    start = 10 + max(0, length)
    return Request(api_key, correlation, frame[10:start].decode(errors="replace"), frame[start:])


class Tap(Protocol):
    """Sees the frames of Kafka; what it does not let through is lost, and the connection cut."""

    async def request(self, link: Link, request: Request) -> bool:
        """Return whether a request goes on to the broker."""
        ...

    async def response(self, link: Link, correlation: int) -> bool:
        """Return whether an answer goes on to the client."""
        ...


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    silent: bool = False  # neither end hears the other any more, and neither is told

    @property
    def client_port(self) -> int:
        """Return the port by which the client's process can be found."""
        return int(self.client[1].get_extra_info("peername")[1])

    def cut(self) -> None:
        """End it at both sides at once, with a reset."""
        for _, writer in (self.client, self.server):
            writer.transport.abort()


@dataclass
class Proxy:
    """Listens on one port of loopback and passes on to another."""

    port: int
    target: int
    frames: bool = False  # read frame by frame, so that a tap may be set at any time
    delay_s: float = 0.0
    bytes_per_s: int | None = None
    tap: Tap | None = None
    links: set[Link] = field(default_factory=set)
    passed: int = 0  # bytes
    cut_in_frame: int = 0  # connections that were cut in the middle of one
    _cut_next: Direction | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was cut is closed by then

    def cut_all(self) -> int:
        """Cut every connection now; return how many there were."""
        links = list(self.links)
        for link in links:
            link.cut()
        return len(links)

    def cut_next(self, direction: Direction) -> None:
        """Cut the connection that carries the next bytes of a direction, half-way through them."""
        self._cut_next = direction

    def go_silent(self) -> list[Link]:
        """Let every connection of now carry nothing any more; new ones work."""
        links = list(self.links)
        for link in links:
            link.silent = True
        return links

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server = await asyncio.open_connection(LOOPBACK, self.target)
        except BaseException as error:
            writer.transport.abort()
            self._tasks.discard(task)
            if isinstance(error, OSError):
                return  # the server is away: so is the way to it
            raise
        link = Link((reader, writer), server)
        self.links.add(link)
        pumps = [
            asyncio.create_task(self._pump(link, "up")),
            asyncio.create_task(self._pump(link, "down")),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            link.cut()
            self.links.discard(link)
            self._tasks.discard(task)

    async def _pump(self, link: Link, direction: Direction) -> None:
        """Pass on until one side ends; a silent connection only swallows."""
        source, sink = (link.client[0], link.server[1]), (link.server[0], link.client[1])
        reader, writer = source if direction == "up" else sink
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                chunk = await self._next(link, reader, direction)
                if not chunk:
                    if link.silent:
                        await asyncio.Event().wait()
                    return
                if link.silent:
                    continue
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self._cut_next == direction and len(chunk) >= _LEAST_TO_CUT:
                    self._cut_next = None
                    self.cut_in_frame += 1
                    writer.write(chunk[: len(chunk) // 2])
                    await writer.drain()
                    return
                await self._write(writer, chunk)
                self.passed += len(chunk)

    async def _next(self, link: Link, reader: asyncio.StreamReader, direction: Direction) -> bytes:
        """Return the next bytes; whole frames where a tap looks at them; nothing to cut it off."""
        if not self.frames:
            return await reader.read(_CHUNK)
        size = await reader.readexactly(4)
        frame = await reader.readexactly(int.from_bytes(size, "big"))
        if self.tap is None:
            return size + frame
        if direction == "up":
            goes_on = await self.tap.request(link, read_request(frame))
        else:
            goes_on = await self.tap.response(link, int.from_bytes(frame[:4], "big", signed=True))
        return size + frame if goes_on else b""

    async def _write(self, writer: asyncio.StreamWriter, chunk: bytes) -> None:
        if self.bytes_per_s is None:
            writer.write(chunk)
            await writer.drain()
            return
        step = max(256, self.bytes_per_s // 20)
        for start in range(0, len(chunk), step):
            writer.write(chunk[start : start + step])
            await writer.drain()
            if self.bytes_per_s is not None:
                await asyncio.sleep(step / self.bytes_per_s)
