"""Downloads: without these a user gets half a WARC, loses what came, or is not told what is wrong."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab import download
from lab.crawl import commoncrawl
from lab.crawl.scan import scan
from lab.errors import InputError
from lab.files import read_json
from lab.params import CrawlParams, EngineParams

DUMP, NAME = "CC-MAIN-2024-10", "crawl-data/CC-MAIN-2024-10/segments/1/warc/a.warc.gz"


def member(number: int) -> bytes:
    # Bodies that do not compress away, so that the file is larger than what the server hands out at once.
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"".join(
        b"%x" % (number * 7919**n) for n in range(40)
    )
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
    head += f"Content-Type: application/http;msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
    return gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0)


MEMBERS = [member(number) for number in range(5, 15)]
FILE = b"".join(MEMBERS)


@pytest.fixture
def server():
    served = {f"/crawl-data/{DUMP}/warc.paths.gz": gzip.compress(NAME.encode()), f"/{NAME}": FILE}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            data = served.get(self.path)
            if data is None:
                return self.send_error(404)
            asked = self.headers.get("Range")
            state["requests"].append(asked)
            first, last = 0, len(data) - 1
            if asked and state["ranges"]:
                first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            body = data[first : last + 1]
            self.wfile.write(body[: state["cut"]] if asked else body)

    state = {"requests": [], "cut": None, "ranges": True}
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    state["url"] = f"http://127.0.0.1:{web.server_port}"
    yield state
    web.shutdown()
    web.server_close()


def params(server: dict, **more) -> CrawlParams:
    return CrawlParams(source="commoncrawl", base_url=server["url"], dump=DUMP, **more)


def crawl(out: Path, params: CrawlParams) -> dict:
    return commoncrawl.crawl(out, params, EngineParams())


def test_a_broken_connection_is_resumed_and_a_whole_file_is_not_fetched_again(server, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    server["cut"] = len(FILE) // 3
    metrics = crawl(tmp_path, params(server))
    assert metrics == {"source": "commoncrawl", "files": 1, "bytes": len(FILE)}
    assert (tmp_path / "warc/a.warc.gz").read_bytes() == FILE
    starts = [int(asked[6:].split("-")[0]) for asked in server["requests"][2:]]
    assert len(starts) > 2 and starts == sorted(set(starts))
    server["requests"].clear()
    crawl(tmp_path, params(server))
    assert server["requests"] == [None, "bytes=0-0"]


def test_max_bytes_cuts_at_a_whole_record(server, tmp_path: Path):
    limit = len(b"".join(MEMBERS[:4])) + 20
    crawl(tmp_path, params(server, max_bytes=limit))
    (file,) = read_json(tmp_path / "manifest.json")["files"]
    assert Path(file["path"]).read_bytes() == b"".join(MEMBERS[:4])
    assert len(list(scan(file["path"], lambda reason: pytest.fail(reason)))) == 4


def test_errors_say_what_is_wrong(server, tmp_path: Path):
    with pytest.raises(InputError, match="no dump 'CC-NONE'"):
        crawl(tmp_path, params(server).model_copy(update={"dump": "CC-NONE"}))
    with pytest.raises(InputError, match="network"):
        crawl(tmp_path, params(server).model_copy(update={"base_url": "http://127.0.0.1:1"}))
    server["ranges"] = False
    with pytest.raises(InputError, match="range request"):
        crawl(tmp_path, params(server))
