"""If these fail, the index of a crawl depends on the number of workers, or loses records between two of them."""

import gzip
import subprocess
import sys
from pathlib import Path

from lab import engine
from lab.crawl import index
from lab.crawl.warc import manifest
from lab.documents import read_rows, shards
from lab.files import read_json, write_json
from lab.params import EngineParams, IndexParams
from tests.conftest import ROOT
from tests.crawl.test_warc import scanned


def test_index_is_the_same_for_any_number_of_workers(shared: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [str(shared / f"warc-hard/{name}.warc.gz") for name in ("warcfile", "clueweb-quirk")]
    write_json(Path("crawl/manifest.json"), manifest(names))
    for workers in (1, 2):
        index.run(Path("crawl"), Path(f"{workers}"), IndexParams(records_per_shard=20), EngineParams(workers=workers))
        engine.clear("index")
    assert [path.read_bytes() for path in shards(Path("1"))] == [path.read_bytes() for path in shards(Path("2"))]
    assert [len(list(read_rows(path))) for path in shards(Path("1"))] == [20, 20, 5]


def test_a_file_in_parts_is_indexed_as_a_whole(shared: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = bytearray((shared / "warc-hard/clueweb-quirk.warc.gz").read_bytes())
    rows, _ = scanned(shared / "warc-hard/clueweb-quirk.warc.gz")
    data[rows[7]["offset"] + 300 : rows[7]["offset"] + 330] = b"\xff" * 30
    # A member that holds what looks like the beginning of another one.
    inner = gzip.compress(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    page = b"\0" * 9000 + inner + b"\0" * 9000
    head = b"WARC/1.0\r\nWARC-Type: metadata\r\nContent-Length: %d\r\n\r\n" % len(page)
    Path("x.warc.gz").write_bytes(data + gzip.compress(head + page + b"\r\n\r\n", compresslevel=0) + data)
    write_json(Path("crawl/manifest.json"), manifest(["x.warc.gz"]))
    outcomes = []
    for part_bytes in (1 << 30, 100_000, 30_000, 5_000):
        monkeypatch.setattr(index, "PART_BYTES", part_bytes)
        out = Path(f"out-{part_bytes}")
        counts = index.run(Path("crawl"), out, IndexParams(records_per_shard=20), EngineParams(workers=1))
        outcomes.append((counts, [path.read_bytes() for path in shards(out)]))
    assert outcomes[0][0]["documents_out"] == 2 * 28 and sum(outcomes[0][0]["removed"].values()) == 2
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_a_crawl_of_own_files_imports_no_sample_web(shared: Path, tmp_path: Path):
    program = (
        "import sys; from pathlib import Path; from lab.crawl import source; from lab.params import *\n"
        "source.run(Path(sys.argv[1]), CrawlParams(source='warc', paths=sys.argv[2:]), EngineParams())\n"
        "print([name for name in sys.modules if name.startswith('lab.sample')])"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(shared / "warc-hard/*file.warc.gz")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert [Path(file["path"]).name for file in read_json(tmp_path / "manifest.json")["files"]] == ["warcfile.warc.gz"]
