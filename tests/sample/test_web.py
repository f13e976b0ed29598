"""If these fail, planted pages are not what they claim to be: a charset case tests nothing, a PDF is none."""

import gzip
import io
import zlib
from dataclasses import replace
from random import Random

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from lab.crawl.records import Record, read_records
from lab.crawl.scan import scan
from lab.sample.dress import dress
from lab.sample.planted.responses import pdf, png
from lab.sample.warc_writer import compress, damaged, digest, records, warcinfo
from lab.sample.web_page import Delivery, WebPage, capture

DATE = "2024-05-06T07:08:09Z"
BODY = "<p>The naïve visitor at the Café Zürich pays twice for the crème brûlée.</p>"
PAGE = WebPage("https://shop.example/a b?x=1&y=é".replace(" ", "%20").replace("é", "%C3%A9"), "Café <Zürich>", BODY)


def archive(*pages: WebPage, damage: str | None = None) -> bytes:
    """A WARC with these pages; with `damage`, the first one's response broken."""
    about, opening = warcinfo(DATE, "test.warc.gz", [("software", "test")])
    out = compress(opening)
    for number, page in enumerate(pages):
        for kind, record in records(capture(page, dress(page, 1), DATE), about):
            broken = damage and not number and kind == "response"
            out += damaged(record, damage) if broken else compress(record)
    return out


def read_back(tmp_path, *pages: WebPage, damage: str | None = None) -> tuple[list[Record], list[str]]:
    """What the pipeline reads from such a file, and the reasons for what it lost."""
    path, lost = tmp_path / "test.warc.gz", []
    path.write_bytes(archive(*pages, damage=damage))
    rows = list(scan(str(path), lost.append))
    return [record for _, record in read_records(str(path), [(row["offset"], row["inner"]) for row in rows])], lost


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "latin-1", "utf-16-le"])
@pytest.mark.parametrize(("zipped", "chunked"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_body_comes_back_as_it_was_however_it_travelled(tmp_path, codec: str, zipped: bool, chunked: bool):
    how = Delivery(codec=codec, content_type=f"text/html; charset={codec}", gzip=zipped, chunked=chunked)
    (record,), lost = read_back(tmp_path, replace(PAGE, delivery=how))
    assert not lost and record.charset == codec
    assert "naïve visitor at the Café Zürich" in record.body.decode(codec)


def test_a_character_that_the_charset_lacks_becomes_a_reference(tmp_path):
    page = replace(PAGE, body="<p>Ω and é</p>", delivery=Delivery(codec="latin-1"))
    (record,), _ = read_back(tmp_path, page)
    assert "&#937; and é" in record.body.decode("latin-1")


def test_a_cut_page_ends_where_the_connection_broke(tmp_path):
    page = replace(PAGE, delivery=Delivery(cut_after="Café Zürich pays"))
    (record,), _ = read_back(tmp_path, page)
    assert record.body.decode().endswith("Café Zürich pays")


@pytest.mark.parametrize("damage", ["deflate", "torn", "header"])
def test_a_damaged_record_is_lost_alone(tmp_path, damage: str):
    others = [replace(PAGE, url=f"https://shop.example/{number}") for number in range(3)]
    read, lost = read_back(tmp_path, PAGE, *others, damage=damage)
    assert len(read) == 3 and len(lost) == 1


@given(st.binary(max_size=3000))
def test_the_same_data_give_the_same_member_without_a_time(data: bytes):
    member = compress(data)
    assert member == compress(data) and gzip.decompress(member) == data
    assert member[4:8] == bytes(4)


def test_records_follow_the_format(tmp_path):
    read = list(ArchiveIterator(io.BytesIO(archive(PAGE)), record_types=WarcRecordType.any_type, parse_http=False))
    assert [record.headers["WARC-Type"] for record in read] == ["warcinfo", "request", "response", "metadata"]
    info, request, response, metadata = (dict(record.headers) for record in read)
    assert info["WARC-Filename"] == "test.warc.gz" and "WARC-Target-URI" not in info
    assert len({headers["WARC-Record-ID"] for headers in (info, request, response, metadata)}) == 4
    assert request["WARC-Concurrent-To"] == metadata["WARC-Refers-To"] == response["WARC-Record-ID"]
    assert {headers["WARC-Warcinfo-ID"] for headers in (request, response, metadata)} == {info["WARC-Record-ID"]}
    assert request["Content-Type"] == "application/http; msgtype=request"
    assert response["WARC-IP-Address"].startswith(("192.0.2.", "198.51.100.", "203.0.113."))
    assert zlib.decompress(archive(PAGE), 31).startswith(b"WARC/1.1\r\nWARC-Type: warcinfo\r\n")


def test_the_request_asks_for_the_path_and_the_answer_dates_itself_by_the_crawl():
    fetched = capture(PAGE, dress(PAGE, 1), DATE)
    assert fetched.request.startswith(b"GET /a%20b?x=1&y=%C3%A9 HTTP/1.1\r\nHost: shop.example\r\n")
    assert b"\r\nDate: Mon, 06 May 2024 07:08:09 GMT\r\n" in fetched.head and fetched.head.endswith(b"\r\n\r\n")
    assert f"Content-Length: {len(fetched.body)}\r\n".encode() in fetched.head


def test_a_digest_is_sha1_in_base_32():
    assert digest(b"") == "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"  # RFC 3174 and RFC 4648, as crawlers write it


def test_a_dressed_page_is_the_same_each_time_and_escapes_its_title():
    html = dress(PAGE, 1)
    assert html == dress(PAGE, 1) and html != dress(PAGE, 2)
    assert "Café &lt;Zürich&gt;" in html and "<Zürich>" not in html and BODY in html
    mirror = replace(PAGE, url="https://mirror.example/", dressed_as=PAGE.url)
    assert dress(mirror, 1).count("mirror.example") >= 1 and BODY in dress(mirror, 1)


def test_media_are_what_they_say():
    assert png(Random(1)).startswith(b"\x89PNG\r\n\x1a\n") and png(Random(1)) == png(Random(1))
    document = pdf("Notice number 1")
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document.startswith(b"%PDF-1.4") and document[start:].startswith(b"xref\n")
