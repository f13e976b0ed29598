"""If these fail, two machines get two different crawls from one seed, or a crawl that WARC readers can't read."""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from lab.errors import InputError, ParameterError
from lab.files import read_json
from tests.sample.conftest import LOCK, SIZES, crawl

ELSEWHERE = """
import socket, sys
from pathlib import Path

def refuse(*_, **__):
    raise AssertionError("the sample crawl went to the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.path.insert(0, sys.argv[1])
from tests.sample.conftest import crawl

if __name__ == "__main__":
    crawl(Path(sys.argv[2]), workers=int(sys.argv[3]))
"""


def bytes_of(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in (folder / "data/crawl").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def warcs(folder: Path) -> list[Path]:
    return [folder / file["path"] for file in read_json(folder / "data/crawl/manifest.json")["files"]]


def url_of(record: WarcRecord) -> str:
    return record.headers.get("WARC-Target-URI") or ""


def members(folder: Path) -> Iterator[bytes]:
    """The gzip members of all files; behind one that can't be decompressed, those from the next gzip header on."""
    for path in warcs(folder):
        data, start = path.read_bytes(), 0
        while start < len(data):
            member = zlib.decompressobj(31)
            with suppress(zlib.error):
                member.decompress(data[start:])
            if member.eof:
                end = len(data) - len(member.unused_data)
                yield data[start:end]
            else:
                end = data.index(b"\x1f\x8b\x08", start + 1)
            start = end


def records(folder: Path, **how: object) -> Iterator[WarcRecord]:
    """All that can be read: FastWARC takes each member alone, since it gives up at a record without a WARC header."""
    for member in members(folder):
        if zlib.decompress(member, 31).startswith(b"WARC/1.1\r\n"):
            yield from ArchiveIterator(BytesIO(member), record_types=WarcRecordType.any_type, **how)


@pytest.mark.parametrize(("hash_seed", "workers", "zone"), [("1", 1, "Asia/Tokyo"), ("77", 2, "America/Lima")])
def test_same_bytes_wherever_and_however_it_is_made(small, place: Path, hash_seed: str, workers: int, zone: str):
    script, folder = place / "elsewhere.py", place / f"elsewhere-{workers}" / "deeper"
    script.write_text(ELSEWHERE)
    folder.parent.mkdir()
    (folder.parent / "some.lock").write_text((place / "some.lock").read_text())
    settings = {"PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "PYTHONUTF8": "0"}
    command = [sys.executable, str(script), str(LOCK.parent), str(folder), str(workers)]
    ran = subprocess.run(command, cwd=place, env=os.environ | settings, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert bytes_of(folder) == bytes_of(small[0])


def test_another_seed_is_another_web(small, place: Path):
    crawl(place / "other", seed=2, planted_per_kind=1, town_pages=40, documentation_pages=10)
    ones, others = ({url_of(record) for record in records(folder)} for folder in (small[0], place / "other"))
    ones, others = ({url for url in urls if ".town.example" in url} for urls in (ones, others))
    assert len(ones) == 120 and len(others) == 40 and not ones & others


def test_it_gives_as_many_pages_as_asked_for(small):
    folder, metrics = small
    assert metrics["pages"]["town"] == SIZES["town_pages"]
    assert sum(metrics["pages"].get(kind, 0) for kind in ("documentation", "description", "licence")) == 60
    assert metrics["pages"]["total"] == metrics["records"]["response"] + metrics["records"]["broken"]
    assert metrics["pages"]["planted"] == pq.read_metadata(folder / "data/crawl/truth.parquet").num_rows
    assert metrics["failed"] == {} and metrics["libraries"]["used"] == 8  # the lock's seven, and Python's own
    assert metrics["files"] == len(warcs(folder)) == 2
    assert metrics["bytes"] == sum(path.stat().st_size for path in warcs(folder))


def test_the_manifest_holds_no_path_of_this_machine_and_the_files_hashes(small):
    folder, _ = small
    text = (folder / "data/crawl/manifest.json").read_text()
    assert str(folder) not in text
    for file in json.loads(text)["files"]:
        assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_every_digest_is_right(small):
    for record in records(small[0], parse_http=False):
        assert record.verify_block_digest(), record.record_id
    for record in records(small[0], parse_http=True):
        assert record.record_type != WarcRecordType.response or record.verify_payload_digest(), record.record_id


def test_every_capture_has_its_request_response_and_metadata(small):
    folder, metrics = small
    kinds, answers = Counter(), {}
    for record in records(folder, parse_http=False):
        kinds[record.headers["WARC-Type"]] += 1
        if record.record_type == WarcRecordType.response:
            answers[record.headers["WARC-Record-ID"]] = url_of(record)
    assert metrics["records"]["broken"] == SIZES["planted_per_kind"]
    assert kinds == {kind: count for kind, count in metrics["records"].items() if kind != "broken"}
    for record in records(folder, parse_http=False):
        url = url_of(record)
        if record.record_type in (WarcRecordType.request, WarcRecordType.metadata) and "broken.records" not in url:
            assert answers[record.headers["WARC-Concurrent-To"]] == url


def test_each_record_is_a_gzip_member_of_its_own(small):
    """Random access by offset, which the extract stage lives on."""
    count = 0
    for member in members(small[0]):
        text = zlib.decompress(member, 31)
        assert text.count(b"\r\nWARC-Record-ID: ") == 1
        count += 1
    assert count > 1100


def test_a_lock_that_is_not_there_and_too_few_pages_are_said_in_one_line(place: Path):
    with pytest.raises(InputError, match=r"no-such\.lock.*crawl\.sample\.lock"):
        crawl(place / "lockless", lock="no-such.lock")
    with pytest.raises(ParameterError, match="10 pages are too few"):
        crawl(place / "few", town_pages=10, documentation_pages=0)
