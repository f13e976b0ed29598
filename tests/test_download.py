"""If these fail, a user gets half a file, waits for ever, or is not told what is wrong with a server."""

import hashlib
import re
import socket
import struct
import threading
import time
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab import download as module
from lab.download import RemoteFile, download, probe, read
from lab.errors import InputError

DATA = bytes(range(256)) * 4000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def url(tmp_path):
    """A file on a server that serves no ranges; tests/crawl/test_commoncrawl.py has one that does."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "model.ftz").write_bytes(bytes(range(256)) * 10_000)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/model.ftz"
        web.shutdown()


def test_a_file_is_downloaded_from_a_server_without_ranges(tmp_path, url):
    target = tmp_path / "cache" / "model.ftz"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "model.ftz.part").write_bytes(b"left by a run that was killed")
    download(url, target)
    assert target.read_bytes() == (tmp_path / "web" / "model.ftz").read_bytes()
    assert names(target.parent) == ["model.ftz"]


def test_another_file_than_the_one_wanted_is_not_kept(tmp_path, url):
    target = tmp_path / "cache" / "model.ftz"

    def refuse(part):
        raise InputError(f"{part.stat().st_size} bytes are no model")

    for wanted in ({"sha256": "0" * 64}, {"check": refuse}):
        with pytest.raises(InputError, match=r"SHA-256|2560000 bytes are no model"):
            download(url, target, **wanted)
        assert names(target.parent) == []
    with pytest.raises(InputError, match="answers 404"):
        download(f"{url}.bin", target)
    download(url, target, sha256=hashlib.sha256((tmp_path / "web" / "model.ftz").read_bytes()).hexdigest())
    assert names(target.parent) == ["model.ftz"]


class Server(ThreadingHTTPServer):
    """Serves DATA in ranges; `answers` are faults for the first requests that are no probe, `probes` for those."""

    daemon_threads = True

    def __init__(self):
        self.answers: list[str] = []
        self.probes: list[str] = []
        self.log: list[str | None] = []
        self.data, self.tag = DATA, '"v1"'
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"

    def handle_error(self, *_) -> None: ...


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_) -> None: ...

    def answer(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.log.append(asked)
        data = self.server.data
        start, end = 0, len(data)
        if match := re.match(r"bytes=(\d+)-(\d+)", asked or ""):
            start, end = int(match[1]), int(match[2]) + 1
        queue = self.server.probes if asked == "bytes=0-0" else self.server.answers
        fault = queue.pop(0) if queue else ""
        kind, _, value = fault.partition(" ")
        body = data[start:end]
        headers = {"Content_Range": f"bytes {start}-{end - 1}/{len(data)}", "ETag": self.server.tag}
        if kind.isdigit():
            self.answer(int(kind), b"", **({"Retry_After": value} if value else {}))
        elif kind == "reset":
            self.reset()
        elif kind == "part":
            self.answer(206, body[: int(value)], len(body), **headers)
            time.sleep(0.1)
            self.reset()
        elif kind == "stall":
            self.answer(206, body[:1000], len(body), **headers)
            time.sleep(5)
        elif kind == "whole":
            self.answer(200, data)
        elif kind == "other":
            self.answer(206, body, Content_Range=f"bytes {start + 1}-{end}/{len(data)}")
        elif kind == "redirect":
            self.answer(302, b"", Location=self.path)
        elif asked:
            self.answer(206, body, **headers)
        else:
            self.answer(200, data, ETag=self.server.tag)


@pytest.fixture
def server(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    web = Server()
    web.waits = waits
    yield web
    web.shutdown()
    web.server_close()


MENDED = [
    ["part 300000", "part 1000", ""],
    ["503 2", "429 7", "500"],
    ["reset", "reset", "reset"],
    ["part 0", "part 0"],
    ["part 300000", "whole"],
    ["whole"],
    *[["part 1000"] * 30],
]


@pytest.mark.parametrize("answers", MENDED, ids=lambda answers: ",".join(answers)[:40])
def test_what_another_attempt_mends_is_mended(server, tmp_path, answers):
    server.answers = list(answers)
    download(server.url, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == DATA and names(tmp_path) == ["file.bin"]


def test_a_busy_server_is_given_the_time_that_it_asks_for(server, tmp_path):
    server.probes = ["503 3", "429 " + formatdate(time.time() + 20, usegmt=True)]
    server.answers = ["500", "502", "part 1000", "504 1000000"]
    download(server.url, tmp_path / "file.bin")
    assert server.waits[0] == 3 and 15 < server.waits[1] <= 21
    assert server.waits[2] < server.waits[3] * 4 and server.waits[-1] == module.LONGEST_WAIT


FINAL = [
    (["503"] * 50, "answers 503"),
    (["reset"] * 50, "connection broke"),
    (["part 0"] * 50, "connection"),
    (["403"], "answers 403: no access"),
    (["404"], "no such file"),
    (["other"], "asked for bytes 0-"),
    (["redirect"] * 50, "redirects"),
]


@pytest.mark.parametrize(("answers", "message"), FINAL)
def test_what_no_attempt_mends_is_one_clear_line(server, tmp_path, answers, message):
    server.answers = list(answers)
    with pytest.raises(InputError, match=message) as error:
        download(server.url, tmp_path / "file.bin")
    assert server.url in str(error.value) and len(server.log) < 20
    assert not (tmp_path / "file.bin").exists()


def test_a_server_that_hardly_sends_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ_SECONDS", 1)
    server.answers = ["stall"] * 3
    download(server.url, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == DATA


def test_another_run_goes_on_unless_the_file_has_changed(server, tmp_path):
    for tag, resumed in (('"v1"', True), ('"v2"', False)):
        server.tag, server.answers = '"v1"', ["part 300000", *["reset"] * 50]
        with pytest.raises(InputError):
            download(server.url, tmp_path / "file.bin")
        server.tag, server.answers, server.data = tag, [], DATA if resumed else DATA[::-1]
        server.log.clear()
        download(server.url, tmp_path / "file.bin")
        assert (tmp_path / "file.bin").read_bytes() == server.data
        assert server.log[1].startswith("bytes=0-") is not resumed


def test_small_files_are_read_whole_or_not_at_all(server):
    server.answers = ["reset", "503"]
    assert read(server.url, len(DATA)) == DATA
    with pytest.raises(InputError, match="more bytes than such a file can have"):
        read(server.url, 1000)


def test_a_remote_file_is_read_like_a_local_one(server):
    server.answers = ["reset", "part 10", "503 1"]
    file = RemoteFile(server.url, block=1000)
    assert file.seek(0, 2) == len(DATA) and file.read(10) == b""
    for place, size in ((0, 10), (500, 700), (5, 3000), (len(DATA) - 5, 100)):
        file.seek(place)
        assert file.read(size) == DATA[place : place + size] and file.tell() == min(place + size, len(DATA))
    server.answers = ["404"]
    file.seek(0)
    with pytest.raises(InputError, match="404"):
        file.read(10)


def test_a_probe_tells_size_and_version(server):
    assert (probe(server.url).size, probe(server.url).tag) == (len(DATA), '"v1"')


ODD_HEADS = [
    ("200 OK\r\nContent-Length: 5, 5", b"hello"),
    ("200 OK\r\nContent-Length: five", b"hello"),
    ("206 Partial Content\r\nContent-Range: bytes 0-0/\xb2", b"hello"),
    ("206 Partial Content\r\nContent-Range: bytes 0-0/" + "9" * 5000, b"hello"),
    ("503 Busy\r\nRetry-After: Fri, 31 Dec 99999 23:59:59 GMT", None),
    ("503 Busy\r\nRetry-After: " + "9" * 5000, None),
]


@pytest.mark.parametrize(("head", "content"), ODD_HEADS)
def test_numbers_that_are_none_are_no_traceback(head: str, content: bytes | None):
    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.sendall(f"HTTP/1.1 {head}\r\n\r\nhello".encode("latin-1"))
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        if content is None:
            for ask in (lambda: read(url, 100, 1), lambda: probe(url, 1)):
                with pytest.raises(InputError, match="503"):
                    ask()
        else:
            assert read(url, 100, 1) == content and probe(url, 1).size is None
