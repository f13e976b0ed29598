"""If these fail, a run that is killed, or meets a full disk, leaves half a file that the next takes for a whole one."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.files import file_digest, read_json, write_json, write_json_lines, write_text, written_whole


def test_a_file_is_whole_before_it_has_its_name(tmp_path):
    path = tmp_path / "made" / "model.bin"
    for content in (b"first", b"second"):
        with written_whole(path) as temporary:
            temporary.write_bytes(content[:3])
            assert path.read_bytes() == b"first" if content == b"second" else not path.exists()
            temporary.write_bytes(content)
        assert path.read_bytes() == content
    assert names(path.parent) == ["model.bin"]


def test_a_full_disk_is_told_whatever_a_library_calls_it(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left"), written_whole(tmp_path / "model.safetensors"):
        raise RuntimeError("I/O error: cannot write")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_the_old_file_and_no_litter(tmp_path, error):
    path = tmp_path / "curve.csv"
    write_text(path, "old")
    with pytest.raises(type(error)), written_whole(path) as temporary:
        temporary.write_text("ne")
        raise error
    with pytest.raises(type(error)), written_whole(path):
        raise error  # before anything was written
    assert path.read_text() == "old" and names(tmp_path) == ["curve.csv"]


def test_rows_that_are_no_json_leave_the_old_ones(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"text": "東京\n"}, {"text": "é"}])
    with pytest.raises(TypeError):
        write_json_lines(path, [{"text": "a"}, {"text": {1, 2}}])
    with pytest.raises(UnicodeEncodeError):
        write_json_lines(path, [{"text": "\ud800"}])
    assert path.read_bytes().decode("utf-8") == '{"text": "東京\\n"}\n{"text": "é"}\n'
    assert names(tmp_path) == ["rows.jsonl"]


def test_json_is_read_as_it_was_written(tmp_path):
    value = {"loss": 3.25, "name": "Zoë", "none": None, "list": [1, 2]}
    write_json(tmp_path / "metrics.json", value)
    assert read_json(tmp_path / "metrics.json") == value
    assert (tmp_path / "metrics.json").read_bytes().endswith(b"}\n")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_hash_of_a_file_follows_what_it_holds(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"first")
    before = file_digest(path)
    assert before == file_digest(path) == hashlib.blake2b(b"first").digest()
    path.write_bytes(b"other, longer")
    assert file_digest(path) == hashlib.blake2b(b"other, longer").digest()
    write_text(path, "whole")  # as long as the first, in its place
    assert file_digest(path) == hashlib.blake2b(b"whole").digest()
