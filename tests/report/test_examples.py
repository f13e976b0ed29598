"""If these fail, a user looks at other documents on each run, or never sees what a filter threw away."""

import shutil

import pytest

from lab.documents import read_documents
from lab.errors import InputError
from lab.report.run.examples import CHANGED, KEPT, MAX_BYTES, fit, gallery


def test_every_verdict_has_its_examples_and_totals(finished):
    quality = gallery("quality", finished[0] / "quality", 3, 100)
    assert quality.totals == {KEPT: 124, "top_2_gram": 6, "curly_bracket": 1}
    assert list(quality.groups) == [KEPT, "top_2_gram", "curly_bracket"]
    assert [len(group) for group in quality.groups.values()] == [3, 3, 1]
    loud = quality.groups["top_2_gram"][0]
    assert loud.text.startswith("LOUD!") and loud.detail == "0.41 > 0.2" and loud.characters == 540
    assert len(loud.text) <= 102


def test_the_choice_depends_on_the_documents_only(finished, tmp_path):
    """The same corpus in one shard, as with another number of workers, shows the same documents."""
    data, _ = finished
    once = gallery("dedup", data / "dedup", 4, 200)
    renamed = tmp_path / "renamed"
    shutil.copytree(data / "dedup", renamed)
    for folder in (renamed, renamed / "removed"):
        (folder / "part-00000.parquet").rename(folder / "part-00007.parquet")
    assert gallery("dedup", renamed, 4, 200).groups == once.groups
    assert gallery("quality", data / "dedup", 4, 200).groups != once.groups  # another stage, other documents


def test_more_examples_keep_the_fewer_ones(finished):
    few, more = (gallery("dedup", finished[0] / "dedup", n, 50).groups[KEPT] for n in (2, 5))
    assert more[:2] == few


def test_examples_of_changed_documents_show_before_and_after(finished):
    data, _ = finished
    pii = gallery("pii", data / "pii", 2, 300, data / "dedup")
    assert pii.totals[CHANGED] == 6
    example = pii.groups[CHANGED][0]
    assert "@ferry.example" in example.before and "email@example.com" in example.text
    assert pii.totals[KEPT] == sum(1 for p in (data / "pii").glob("*.parquet") for _ in read_documents(p)) - 6


def test_index_rows_have_no_text_but_facts(finished):
    example = gallery("url_filter", finished[0] / "url_filter", 1, 100).groups["blocked_domain"][0]
    assert example.text == "" and "status 200" in example.facts and example.detail == "blocked.example in adult"


def test_nothing_written_is_nothing_shown(tmp_path):
    assert gallery("pii", tmp_path / "pii", 3, 100) is None


def test_a_broken_shard_is_named(tmp_path):
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="part-00000"):
        gallery("pii", tmp_path, 3, 100)


def test_too_many_examples_are_cut_to_what_a_page_holds(finished):
    def make(number):
        return [gallery("dedup", finished[0] / "dedup", number, 100_000)] * (number * 40)

    galleries, number = fit(make, 50)
    assert 0 < number < 50 and sum(each.size for each in galleries) <= MAX_BYTES
    assert fit(make, 1)[1] == 1
