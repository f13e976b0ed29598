"""Index and random access: without these a broken record ends a run, or goes missing without being counted."""

import gzip
import zlib
from collections import Counter
from pathlib import Path

import pytest

from lab.crawl.records import read_records
from lab.crawl.scan import scan
from lab.crawl.warc import manifest
from lab.documents import LONGEST_DETAIL, Reason
from lab.errors import InputError
from lab.sample import warc_writer


def scanned(path: Path) -> tuple[list[dict], Counter]:
    lost = Counter()
    return list(scan(str(path), lambda reason: lost.update([reason]))), lost


def test_missing_files_and_files_that_are_no_warc_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.warc\.gz"):
        manifest([str(tmp_path / "none.warc.gz")])
    (tmp_path / "page.html").write_text("<html>no archive</html>")
    with pytest.raises(InputError, match=r"page\.html"):
        scanned(tmp_path / "page.html")


@pytest.mark.parametrize(("name", "rows"), [("warcfile", 16), ("clueweb-quirk", 29), ("block-sized-records", 0)])
def test_every_response_of_hard_archives_is_found(shared: Path, name: str, rows: int):
    assert [len(part) for part in scanned(shared / f"warc-hard/{name}.warc.gz")] == [rows, 0]


def test_a_cut_record_is_counted_not_kept(shared: Path):
    assert scanned(shared / "warc-hard/clipped.warc.gz") == ([], {"truncated": 1})


def test_a_broken_record_costs_only_itself(shared: Path, tmp_path: Path):
    source = shared / "warc-hard/warcfile.warc.gz"
    rows, _ = scanned(source)
    data = bytearray(source.read_bytes())
    at = rows[5]["offset"]
    data[at + 300 : at + 330] = b"\xff" * 30
    (tmp_path / "x.warc.gz").write_bytes(data)
    found, lost = scanned(tmp_path / "x.warc.gz")
    assert [row["offset"] for row in found] == [row["offset"] for row in rows if row is not rows[5]]
    assert sum(lost.values()) == 1
    (broken,) = [record for _, record in read_records(str(tmp_path / "x.warc.gz"), [(at, 0)])]
    assert broken == "broken_record" and isinstance(broken, Reason)


PAGE = b"<html><body><p>" + "Größe ist wichtig. ".encode() * 50 + b"</p></body></html>"


def response(path: Path, body: bytes, *headers: str) -> Path:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/html", *headers, "", ""]).encode()
    path.write_bytes(warc_writer.record("response", "2024-01-01T00:00:00Z", [
        ("Content-Type", "application/http; msgtype=response")], head + body, url="http://x.de/"))  # fmt: skip
    return path


def body_of(path: Path, **limit: int) -> bytes | Reason:
    ((_, record),) = read_records(str(path), [(0, 0)], **limit)
    return record if isinstance(record, Reason) else record.body


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "none", "UTF-8", "text/html", "x-gzip"])
def test_a_page_is_read_though_its_header_names_a_coding_that_it_is_not_in(tmp_path: Path, coding: str):
    assert body_of(response(tmp_path / "x.warc", PAGE, f"Content-Encoding: {coding}")) == PAGE
    assert body_of(response(tmp_path / "x.warc", PAGE, f"Content-Encoding: {coding}", "Transfer-Encoding: chunked"))


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: br",
                                    "Content-Encoding: zstd", "Transfer-Encoding: chunked"])  # fmt: skip
@pytest.mark.parametrize("body", [
    b"Click here, <b>cheap</b> words. " * 20, b"the Click . Click here", b"\xef\xbb\xbf" + PAGE,
    "größe ".encode("latin-1") * 50, PAGE.decode().encode("utf-16")])  # fmt: skip
def test_a_page_that_begins_with_text_is_read_under_a_head_that_does_not_fit(tmp_path: Path, body: bytes, header: str):
    """Archives keep decoded bodies under the old head (warcio #75, pywb #584)."""
    assert body_of(response(tmp_path / "x.warc", body, header)) == body


def test_codings_under_other_names_and_chunks_that_are_gone(tmp_path: Path):
    bare = zlib.compress(PAGE)[2:-4]
    for body, header in (
        (gzip.compress(PAGE), "Content-Encoding: x-gzip"),
        (bare, "Content-Encoding: deflate"),
        (PAGE, "Transfer-Encoding: chunked"),
    ):
        assert body_of(response(tmp_path / "x.warc", body, header)) == PAGE


def test_a_broken_body_is_broken_and_its_error_quotes_no_page(tmp_path: Path):
    for body, header in (
        (gzip.compress(PAGE)[:10] + b"\xff" * 30, "Content-Encoding: gzip"),
        (b"\x01Wort " * 1_000_000, "Transfer-Encoding: chunked"),
        (b"\x1b" + PAGE[1:], "Content-Encoding: br"),
    ):
        found = body_of(response(tmp_path / "x.warc", body, header))
        assert found == "broken_record" and len(found.detail) <= LONGEST_DETAIL


@pytest.mark.parametrize(("coding", "bits"), [("gzip", 31), ("x-gzip", 31), ("deflate", -15)])
def test_what_a_record_unpacks_to_is_read_no_further_than_is_wanted(tmp_path: Path, coding: str, bits: int):
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    bomb = packer.compress(b"<p>" + b"a" * 50_000_000) + packer.flush()
    found = body_of(response(tmp_path / "x.warc", bomb, f"Content-Encoding: {coding}"), max_bytes=1000)
    assert found == b"<p>" + b"a" * 998


def test_a_whole_record_before_a_broken_header_is_kept(shared: Path, tmp_path: Path):
    source = shared / "warc-hard/warcfile.warc.gz"
    rows, _ = scanned(source)
    data = bytearray(source.read_bytes())
    end = rows[5]["offset"] + rows[5]["length"]
    data[end : end + 12] = b"\xff" * 12
    (tmp_path / "x.warc.gz").write_bytes(data)
    found, lost = scanned(tmp_path / "x.warc.gz")
    assert rows[5]["offset"] in [row["offset"] for row in found] and sum(lost.values()) == 1
