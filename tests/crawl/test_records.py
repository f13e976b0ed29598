"""If these fail, a URL gets another page's text, or pages go missing without being counted."""

import gzip
import json
import time
import zlib
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.crawl import http, index
from lab.crawl.records import Record, read_records
from lab.crawl.scan import scan
from lab.crawl.warc import manifest
from lab.curate.extract import stage as extract
from lab.documents import read_documents, read_rows, shards
from lab.files import write_json
from lab.params import EngineParams, ExtractParams, IndexParams

NAMES = "alpha bravo charlie delta echo foxtrot golf hotel india juliett".split()


def page(name: str) -> bytes:
    return f"<html><body><p>{name} chapter {' '.join([name] * 60)}.</p></body></html>".encode()


def response(name: str, *, length: int = 0, kind: bytes = b"response", head: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    """A record whose Content-Length is off by `length`."""
    block = head + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page(name)
    headers = [
        b"WARC/1.0",
        b"WARC-Type: " + kind,
        b"WARC-Target-URI: https://x.example/" + name.encode(),
        b"WARC-Date: 2026-01-01T00:00:00Z",
        b"Content-Type: application/http; msgtype=response",
        b"Content-Length: %d" % (len(block) + length),
    ]
    return b"\r\n".join([*headers, b"", block, b"", b""])


def read(path: Path) -> tuple[dict[str, str], Counter]:
    """What a file's URLs get as text, and the reasons for what is no row."""
    lost: Counter = Counter()
    rows = list(scan(str(path), lambda reason: lost.update([reason])))
    records = read_records(str(path), [(row["offset"], row["inner"]) for row in rows])
    texts = {}
    for row, (_, record) in zip(rows, records, strict=True):
        assert isinstance(record, Record), record
        texts[row["url"].rpartition("/")[2]] = record.body.decode().partition("<p>")[2].partition(" ")[0]
    return texts, lost


def pack(kind: str, data: bytes) -> bytes:
    return {"gzip": gzip.compress, "zstd": zstandard.compress, "plain": bytes}[kind](data)


SHARED = [
    ("pairs", 10), ("whole_gzip", 3), ("whole_gzip_responses", 3), ("empty_member", 3), ("lf_http", 2),
    ("crlf_head_lf_end_page_with_blank_line", 1), ("crlf_lf_mixed", 1), ("continue100", 1), ("two_spaces", 1),
    ("lowercase_http", 1), ("no_record_ct", 1), ("record_ct_case", 1), ("chunked_gzip_dechunked", 1),
    ("chunked_named_gzip_gone", 1), ("chunked_ext", 1), ("chunked_cut", 1), ("lower_names_warc", 3),
    ("lf_warc_headers", 3), ("dict", 3), ("resource_html", 1), ("m_nosemi", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows"), SHARED)
def test_files_that_public_reports_tell_of(shared: Path, name: str, rows: int):
    path = shared.parent / f"cases/curation/{name}.warc.{'zst' if name == 'dict' else 'gz'}"
    lost: Counter = Counter()
    found = list(scan(str(path), lambda reason: lost.update([reason])))
    assert len(found) == rows and not lost
    assert {(row["status"], row["mime"]) for row in found} == {(200, "text/html")}
    records = [record for _, record in read_records(str(path), [(row["offset"], row["inner"]) for row in found])]
    bodies = [record.body for record in records]
    assert len(set(bodies)) == rows or name == "lf_http" or all(b"Paragraph number" in body for body in bodies)
    for body in bodies:
        assert b"<!DOCTYPE html>" in body[:40] and (body.endswith(b"</html>") or name == "chunked_cut")


def test_one_wrong_length_costs_one_record(shared: Path):
    lost: Counter = Counter()
    path = shared.parent / "cases/curation/len_long_mid_100000.warc.gz"
    assert len(list(scan(str(path), lambda reason: lost.update([reason])))) == 9 and lost == {"truncated": 1}


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["gzip", "zstd", "plain"]),
    cuts=st.lists(st.booleans(), min_size=9, max_size=9),
    empty=st.sets(st.integers(0, 9)),
    order=st.permutations(NAMES),
)
def test_every_url_has_its_own_text_however_records_share_members(tmp_path_factory, kind, cuts, empty, order):
    """Records lie one per member, several in one, or all in one; empty members stand between them."""
    members, current = [], b""
    for name, cut in zip(order, [*cuts, True], strict=True):
        current += response(name)
        if cut:
            members.append(current)
            current = b""
    packed = b"".join((pack(kind, b"") if i in empty else b"") + pack(kind, member) for i, member in enumerate(members))
    path = tmp_path_factory.mktemp("warc") / "x.warc"
    path.write_bytes(packed)
    texts, lost = read(path)
    assert texts == {name: name for name in NAMES} and list(texts) == order and not lost


@pytest.mark.parametrize("kind", ["gzip", "plain", "one member", "zstd"])
@pytest.mark.parametrize("length", [-200, -1, 7, 150, 100_000, 2**63 - 1, 10**30])
@pytest.mark.parametrize("number", [0, 4, 9])
def test_a_wrong_length_costs_its_own_record_only(tmp_path, kind, length, number):
    records = [response(name, length=length * (i == number)) for i, name in enumerate(NAMES)]
    path = tmp_path / "x.warc"
    one = kind == "one member"
    path.write_bytes(pack("gzip", b"".join(records)) if one else b"".join(pack(kind, record) for record in records))
    texts, lost = read(path)
    assert all(name == text for name, text in texts.items())
    assert len(texts) + sum(lost.values()) == 10 and set(NAMES) - set(texts) <= {NAMES[number]}


@pytest.mark.parametrize("broken", [[0], [9], [4, 5, 6], list(range(0, 10, 2))])
@pytest.mark.parametrize("damage", ["header", "deflate", "checksum"])
def test_broken_members_are_counted_one_by_one(tmp_path, broken, damage):
    members = [bytearray(gzip.compress(response(name), mtime=0)) for name in NAMES]
    for number in broken:
        member = members[number]
        if damage == "header":
            member[0] = 0
        elif damage == "checksum":
            member[-8] ^= 1
        else:
            middle = len(member) // 2
            member[middle : middle + 30] = bytes(byte ^ 255 for byte in member[middle : middle + 30])
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"".join(members))
    texts, lost = read(path)
    assert list(texts) == [name for number, name in enumerate(NAMES) if number not in broken]
    assert lost == {"malformed": len(broken)}


def test_records_of_a_plain_file_without_their_first_line(tmp_path):
    records = [response(name) for name in NAMES]
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join(r.partition(b"\n")[2] if i in (3, 4, 5) else r for i, r in enumerate(records)))
    texts, lost = read(path)
    assert len(texts) == 7 and lost == {"malformed": 3}


@pytest.mark.parametrize("kind", ["gzip", "plain", "zstd"])
@pytest.mark.parametrize("cut", [11, 60, 150])
def test_a_file_that_ends_within_a_head_is_read_to_its_end(tmp_path, kind, cut):
    """The scan stood there for ever."""
    path = tmp_path / "x.warc"
    path.write_bytes(pack(kind, response("alpha") + response("bravo")[:cut]))
    assert read(path) == ({"alpha": "alpha"}, {"malformed": 1})


@pytest.mark.parametrize("cut", [60, 120, 200])
def test_a_record_behind_a_cut_head_keeps_its_url(tmp_path, cut):
    path = tmp_path / "x.warc"
    path.write_bytes(response("alpha") + response("bravo")[:cut] + response("charlie"))
    assert read(path) == ({"alpha": "alpha", "charlie": "charlie"}, {"malformed": 1})


def test_a_head_without_end_is_counted(tmp_path):
    path = tmp_path / "x.warc.gz"
    endless = response("bravo").replace(b"WARC-Date", b"X: " + b"a" * (5 << 20) + b"\r\nWARC-Date")
    path.write_bytes(b"".join(map(gzip.compress, [response("alpha"), endless, response("charlie")])))
    assert read(path) == ({"alpha": "alpha", "charlie": "charlie"}, {"malformed": 1})


@pytest.mark.parametrize("kind", ["one member", "plain"])
@pytest.mark.parametrize("length", [-20, 20, 300, 10**7])
def test_each_of_many_wrong_lengths_is_counted(tmp_path, kind, length):
    records = [response(f"{number}", length=length if number % 3 else 0) for number in range(600)]
    path = tmp_path / "x.warc"
    path.write_bytes(pack("gzip" if kind == "one member" else "plain", b"".join(records)))
    texts, lost = read(path)
    assert texts == {f"{number}": f"{number}" for number in range(0, 600, 3)} and sum(lost.values()) == 400


def test_folded_lines_of_a_head_take_linear_time(tmp_path):
    """A head of four megabytes took a minute."""
    path = tmp_path / "x.warc.gz"
    folded = b"X-Folded: a\r\n" + b" a\n" * 1_000_000
    record = response("alpha", head=b"HTTP/1.1 200 OK\r\n" + folded).replace(b"WARC-Date", folded + b"WARC-Date")
    path.write_bytes(gzip.compress(record))
    started = time.process_time()
    assert read(path) == ({"alpha": "alpha"}, {})
    assert time.process_time() - started < 10


def test_what_is_no_page_is_counted_by_what_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = [b"request", b"metadata", b"metadata", b"revisit", b"conversion", b"response"]
    records = [response(name, kind=kind) for name, kind in zip(NAMES, kinds, strict=False)]
    Path("x.warc.gz").write_bytes(b"".join(map(gzip.compress, records)))
    write_json(Path("crawl/manifest.json"), manifest(["x.warc.gz"]))
    metrics = index.run(Path("crawl"), Path("index"), IndexParams(), EngineParams(workers=1))
    assert metrics["documents_in"] == 3 and metrics["removed"] == {"revisit": 1, "wet_text": 1}
    assert metrics["other_records"] == {"metadata": 2, "request": 1}


def test_a_crawl_as_one_gzip_member_goes_through_the_stages(tmp_path, monkeypatch):
    """`gzip crawl.warc` is what people do."""
    monkeypatch.chdir(tmp_path)
    Path("x.warc.gz").write_bytes(gzip.compress(b"".join(map(response, NAMES))))
    write_json(Path("crawl/manifest.json"), manifest(["x.warc.gz"]))
    engine = EngineParams(workers=1)
    index.run(Path("crawl"), Path("index"), IndexParams(), engine)
    extract.run(Path("index"), Path("crawl"), Path("extract"), ExtractParams(), engine)
    documents = [document for path in shards(Path("extract")) for document in read_documents(path)]
    assert [(d.url[18:], d.text.split()[0]) for d in documents] == [(name, name) for name in NAMES]
    assert len({d.id for d in documents}) == 10


def test_false_starts_are_passed_in_linear_time(tmp_path):
    """64,000 of them took minutes."""
    path = tmp_path / "x.warc.gz"
    path.write_bytes(gzip.compress(response("alpha")) + b"\x1f\x8b\x08" * 64_000 + gzip.compress(response("bravo")))
    assert read(path) == ({"alpha": "alpha", "bravo": "bravo"}, {"malformed": 1})


def test_a_member_of_a_gigabyte_is_not_held_in_memory(tmp_path):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://x.example/bomb\r\nContent-Length: %d\r\n\r\n"
    http_head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"
    bomb = packer.compress(head % ((300 << 20) + len(http_head)) + http_head)
    for _ in range(300):
        bomb += packer.compress(bytes(1 << 20))
    path = tmp_path / "x.warc.gz"
    path.write_bytes(bomb + packer.compress(b"\r\n\r\n") + packer.flush() + gzip.compress(response("bravo")))
    import tracemalloc

    tracemalloc.start()
    rows = list(scan(str(path), print))
    (_, bomb_record), (_, good) = read_records(str(path), [(row["offset"], row["inner"]) for row in rows], 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(bomb_record.body) == 1001 and b"bravo" in good.body and peak < 30 << 20


HEADS = [
    (b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>", 200, "text/html"),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-type:TEXT/HTML;charset=x\r\n\r\n<p>",
        404,
        "text/html",
    ),
    (b"http/1.0  301 Moved\r\n\r\n<p>", 301, ""),
    (b"HTTP/2 200\r\nContent-Type: text/html, text/plain\r\n\r\n<p>", 200, "text/html"),
    (b"ICY 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n<p>", 200, "audio/mpeg"),
    (b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Type: html\r\n<p>", 200, ""),
    (b"HTTP/1.1 99999999999 OK\r\n\r\n<p>", -1, ""),
    (b"<p>no head", -1, ""),
]


@pytest.mark.parametrize(("block", "status", "media_type"), HEADS)
def test_heads_are_read_as_browsers_do(block: bytes, status: int, media_type: str):
    head = http.parse_head(block)
    assert (head.status, head.media_type) == (status, media_type)
    assert status < 0 or block[head.end :] == b"<p>"


@given(st.binary(max_size=300))
def test_any_bytes_have_a_head_or_none(block: bytes):
    head = http.parse_head(b"HTTP/1.1 200 OK\r\n" + block)
    assert head.status == 200 or 100 <= head.status < 1000
    assert 0 <= http.parse_head(block).end <= len(block)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8), st.sampled_from(["", ";x=1", "; a b"]))
def test_chunks_are_joined_whatever_their_extensions(pieces: list[bytes], extension: str):
    chunked = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece) for piece in pieces) + b"0\r\n\r\n"
    whole = b"<p>" + b"".join(pieces)
    headers = {"transfer-encoding": "chunked"}
    assert http.decode_body(b"3\r\n<p>\r\n" + chunked, headers) == whole
    assert whole.startswith(http.decode_body((b"3\r\n<p>\r\n" + chunked)[:-9], headers))


def test_bodies_in_other_codings_than_their_heads_say():
    body = b"<html><body><p>" + b"Some words of a page. " * 300
    packed = gzip.compress(body)
    assert http.decode_body(packed, {}) == body
    assert http.decode_body(packed, {"content-encoding": "br", "transfer-encoding": "chunked"}) == body
    assert http.decode_body(gzip.compress(packed), {"content-encoding": "gzip"}) == body
    assert http.decode_body(packed + b"trailing bytes", {"content-encoding": "gzip"}) == body
    assert (
        http.decode_body(packed[:200], {"content-encoding": "gzip"}) == body[: len(http.decode_body(packed[:200], {}))]
    )
    assert http.decode_body(zstandard.compress(body), {"content-encoding": "zstd"}) == body
    assert http.decode_body(packed, {"content-encoding": "gzip"}, 100) == body[:100]
    with pytest.raises(ValueError, match="codings"):
        http.decode_body(b"\x01\x02 no page", {"content-encoding": "gzip"})


def test_a_generic_type_gives_way_to_what_the_crawler_identified(tmp_path):
    record = response("alpha").replace(
        b"Content-Type: text/html; charset=utf-8\r\n", b"Content-Type: application/octet-stream\r\n"
    )
    record = record.replace(b"WARC-Date", b"WARC-Identified-Payload-Type: text/html\r\nWARC-Date")
    path = tmp_path / "x.warc"
    path.write_bytes(record)
    assert [row["mime"] for row in scan(str(path), print)] == ["text/html"]


def test_the_index_of_many_parts_is_that_of_the_whole(tmp_path, monkeypatch):
    """Parts begin anywhere; members with several records belong to the part in which they begin."""
    monkeypatch.chdir(tmp_path)
    members = [gzip.compress(b"".join(map(response, NAMES[: n % 4 + 1]))) for n in range(40)]
    members[7] = members[7][:100] + b"\xff" * 20 + members[7][120:]
    Path("x.warc.gz").write_bytes(b"".join(members))
    write_json(Path("crawl/manifest.json"), manifest(["x.warc.gz"]))
    outcomes = []
    for size in (1 << 30, 3000, 777):
        monkeypatch.setattr(index, "PART_BYTES", size)
        metrics = index.run(Path("crawl"), Path(f"{size}"), IndexParams(), EngineParams(workers=1))
        outcomes.append((json.dumps(metrics), [list(read_rows(path)) for path in shards(Path(f"{size}"))]))
    assert outcomes[0] == outcomes[1] == outcomes[2]
