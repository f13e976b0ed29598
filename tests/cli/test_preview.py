"""If these fail, a user who looks at what a filter removed sees other documents, or reasons, than there are."""

import os
import pty
import re
import select
import sys

import pytest

from lab.cli import stage_rows
from lab.cli.stage_rows import STAGES, read_stage, sample, shards
from lab.documents import REMOVED_SCHEMA, RowWriter, read_rows
from tests.cli.conftest import error_of, start
from tests.conftest import ROOT

HEAD = re.compile(r"^\d+\. (kept|removed).*$", re.MULTILINE)


def heads(text: str) -> list[str]:
    return [match[0] for match in HEAD.finditer(text)]


def write_removed(project, **row) -> None:
    """One more document that quality removed."""
    with RowWriter(project / "data" / "quality" / "removed" / "more.parquet", REMOVED_SCHEMA) as writer:
        writer.write(dict.fromkeys(REMOVED_SCHEMA.names) | {"offset": 0, "reason": "odd", "detail": "1 > 0"} | row)


def test_kept_and_removed_add_up(lab, project):
    everything = heads(lab("preview", "quality").out)
    kept, removed = (heads(lab("preview", "quality", flag).out) for flag in ("--kept", "--removed"))
    assert (len(everything), len(kept), len(removed)) == (131, 124, 7)
    assert all("kept" in head for head in kept) and all("removed: " in head for head in removed)


def test_reason_measured_value_and_text(lab, project):
    out = lab("preview", "quality", "--reason", "top_2_gram", "--sample", "1").out
    assert "1. removed: top_2_gram  0.41 > 0.2\nhttps://loud.example/" in out
    assert "540 characters" in out and "LOUD! LOUD!" in out


def test_language_and_score(lab, project):
    write_removed(project, url="https://de.example/", text="Die Fähre", language="de", language_score=0.913)
    assert "language de, language score 0.91, 9 characters" in lab("preview", "quality", "--reason", "odd").out


@pytest.mark.parametrize("stage", ["index", "url_filter"])
def test_a_stage_whose_rows_have_no_text(lab, project, stage):
    out = lab("preview", stage).out
    assert "https://harbour1.town.example/1\nstatus 200, mime text/html\n" in out
    assert "characters" not in out


def test_the_splits_of_the_dataset(lab, project):
    assert heads(lab("preview", "dataset").out) == ["1. kept (train)"]


def test_a_reason_may_be_a_family(lab, project):
    write_removed(project, url="https://a.example/", text="x", reason="gopher:min_words", detail="1 < 50")
    assert heads(lab("preview", "quality", "--reason", "gopher").out) == ["1. removed: gopher:min_words  1 < 50"]


def test_search_in_url_and_text(lab, project):
    assert len(heads(lab("preview", "language", "--search", "FÄHRE 3").out)) == 1
    assert len(heads(lab("preview", "language", "--search", "de.example/3").out)) == 1
    assert lab("preview", "language", "--search", "nowhere to be found").out == "No such documents.\n"


def test_the_passage_that_was_searched_is_shown(lab, project):
    write_removed(project, url="https://a.example/", text="word " * 2000 + "NEEDLE" + " word" * 2000)
    out = lab("preview", "quality", "--search", "needle", "--characters", "100").out
    assert "NEEDLE" in out and len(out) < 400


def test_a_sample_is_the_same_again_and_whatever_the_shards(project, tmp_path):
    folder = project / "data" / "quality"
    rows = list(read_stage(folder))
    chosen = sample(rows, 5, seed=1)
    assert chosen == sample(reversed(rows), 5, seed=1) != sample(rows, 5, seed=2)
    assert len({row.url for row in chosen}) == 5
    assert len(sample(rows, 10_000, seed=1)) == len(rows)


def test_statistics_add_up(lab, project):
    lines = lab("preview", "quality", "--stats").out.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert table["kept"][0] == "124" and table["top_2_gram"][0] == "6" and table["all"][0] == "131"
    assert table["top_2_gram"][-1] == "540"


def test_nothing_is_read_before_it_is_shown(lab, project, monkeypatch):
    opened = []
    real = stage_rows.read_rows
    monkeypatch.setattr(stage_rows, "read_rows", lambda path: opened.append(path) or real(path))
    first, *_, last = shards(project / "data" / "quality", kept=True, removed=True)
    rows = read_stage(project / "data" / "quality")
    assert opened == []
    next(rows)
    assert sorted(opened) == sorted(first)
    broken, *_ = last
    broken.write_bytes(b"broken")
    result = lab("preview", "quality")  # shows the first shards' documents before it meets the broken one
    assert result.status == 1 and broken.name in result.err
    assert len(heads(result.out)) == sum(len(list(read_rows(path))) for path in first)


def test_an_unknown_stage_names_the_stages(lab, project):
    assert all(stage in error_of(lab("preview", "quality_filter")) for stage in STAGES)


def test_an_unknown_reason_names_the_reasons(lab, project):
    assert "curly_bracket, top_2_gram" in error_of(lab("preview", "quality", "--reason", "top"))


def test_a_stage_that_has_not_run(lab, project):
    (project / "data" / "dedup").rename(project / "data" / "away")
    assert "dvc repro dedup" in error_of(lab("preview", "dedup"))


def test_flags_that_contradict_each_other(lab, project):
    assert "--kept" in error_of(lab("preview", "quality", "--kept", "--reason", "odd"))


def test_a_broken_shard(lab, project):
    (project / "data" / "quality" / "part-00000.parquet").write_bytes(b"broken")
    found = lab("preview", "quality", "--stats")
    assert found.status == 1 and "part-00000.parquet" in found.err


def test_web_text_can_not_disturb_the_terminal(lab, project):
    write_removed(
        project, url="https://a.example/\x1b]0;title\x07", text="\x1b[2J[red]plain[/red] \u202egnirts :smile:\r\nend"
    )
    out = lab("preview", "quality", "--reason", "odd").out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", out)
    assert "[red]plain[/red] \N{REPLACEMENT CHARACTER}gnirts :smile:\nend" in out


ARABIC = "مرحبا بكم في المدينة. " * 10
CHINESE = "東京は日本の首都です。" * 20
COMBINED = "e\u0301 👩\u200d👩\u200d👧 ✈\ufe0f " * 20


@pytest.mark.parametrize("text", [ARABIC, CHINESE, COMBINED], ids=["arabic", "chinese", "combined"])
def test_any_script_comes_through_a_pipe_unchanged(project, text):
    write_removed(project, url="https://a.example/", text=text)
    assert text in start("preview", "quality", "--reason", "odd").stdout.decode()


@pytest.mark.parametrize("columns", [20, 60])
def test_in_a_terminal_text_is_wrapped_and_paged(project, columns):
    """A terminal (a pty) of few columns; the pager is cat, so that it does not wait."""
    write_removed(project, url="https://a.example/" + "x" * 70, text=ARABIC + CHINESE)
    shown = in_terminal(["preview", "quality", "--reason", "odd"], columns)
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    from rich.cells import cell_len

    assert max(cell_len(line) for line in plain.splitlines()) <= columns
    assert "".join(ARABIC.split()) in "".join(plain.split())


def in_terminal(arguments: list[str], columns: int) -> str:
    """What `lab` writes to a terminal."""
    child, terminal = pty.fork()
    if child == 0:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "PAGER": "cat", "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", "lab.cli", *arguments], environment)
    found = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # the terminal is closed
            break
        if not block:
            break
        found += block
    os.waitpid(child, 0)
    return found.decode()
