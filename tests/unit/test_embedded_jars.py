"""Jars come whole or not at all, from a repository on loopback that counts what it is asked."""

import asyncio
import hashlib
import http.server
import threading

import pytest

from pipeline.embedded import download, jars
from pipeline.embedded.errors import DownloadFailed
from pipeline.embedded.jars import Jar, ensure_jars

CONTENT = {f"lib{number}": f"jar {number}".encode() * 1000 for number in range(12)}


def jar(artifact, content):
    return Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest())


LIST = tuple(jar(artifact, content) for artifact, content in CONTENT.items())


class Repository(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, content = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64  # all connections at once; one that is turned away waits a second


@pytest.fixture
def repository(monkeypatch):
    monkeypatch.setattr(download, "_PAUSE_S", 0)
    server = Server(("127.0.0.1", 0), Repository)
    server.asked = []
    server.answer = lambda path: (200, CONTENT[path.split("/")[3]])
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def ensure(repository, cache, told=None):
    on_progress = told.append if told is not None else lambda _: None
    return await ensure_jars(LIST, cache, repository=repository.url, on_progress=on_progress)


async def test_all_are_fetched_with_progress_and_in_the_order_of_the_list(repository, tmp_path):
    told = []
    paths = await ensure(repository, tmp_path, told)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert told[-1] == "fetched 12 of 12 Kafka jars"
    assert repository.asked[0].startswith("/org/example/lib")


async def test_a_full_cache_asks_nobody(repository, tmp_path):
    await ensure(repository, tmp_path)
    repository.asked.clear()
    await ensure(repository, tmp_path)
    assert repository.asked == []


@pytest.mark.parametrize("damage", [b"", b"jar 3"], ids=["empty", "half"])
async def test_only_a_damaged_jar_is_fetched_again(repository, tmp_path, damage):
    paths = await ensure(repository, tmp_path)
    repository.asked.clear()
    paths[3].write_bytes(damage)
    await ensure(repository, tmp_path)
    assert repository.asked == ["/org/example/lib3/1.0/lib3-1.0.jar"]
    assert paths[3].read_bytes() == CONTENT["lib3"]


async def test_two_starts_at_once_fetch_once(repository, tmp_path):
    await asyncio.gather(ensure(repository, tmp_path), ensure(repository, tmp_path))
    assert len(repository.asked) == len(LIST)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((200, b"another jar"), "sha256 differs"),
        ((404, b""), "answered 404"),
        ((503, b""), "answered 503"),
    ],
    ids=["other bytes", "not there", "server in trouble"],
)
async def test_a_repository_that_cannot_give_it_leaves_nothing(repository, tmp_path, answer, says):
    repository.answer = lambda _: answer
    with pytest.raises(DownloadFailed, match=says) as failure:
        await ensure(repository, tmp_path)
    assert "Operator action:" in str(failure.value)
    assert list((tmp_path / "jars").iterdir()) == []


async def test_a_moment_of_trouble_is_tried_again(repository, tmp_path):
    good = repository.answer
    repository.answer = lambda path: (503, b"") if repository.asked.count(path) < 3 else good(path)
    assert len(await ensure(repository, tmp_path)) == len(LIST)


async def test_without_a_network_the_error_says_what_to_do(tmp_path, repository):
    repository.url = "http://127.0.0.1:1"  # nobody listens on that port
    with pytest.raises(DownloadFailed, match="RATEMILL_MAVEN_REPOSITORY"):
        await ensure(repository, tmp_path)


def test_the_list_of_the_product_is_complete_and_exact():
    listed = jars.read_list()
    assert len({one.path for one in listed}) == len(listed)
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= {one.artifact for one in listed}
    assert all(len(one.sha256) == 64 for one in listed)
