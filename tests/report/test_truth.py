"""If these fail, the confusion table flatters the pipeline or blames it for nothing."""

import pyarrow.parquet as pq
import pytest

from lab.documents import RowWriter, read_rows
from lab.report.run import truth
from tests.report.fake_run import TRUTH


def table(data):
    return {kind.kind: kind for kind in truth.confusion(data)}


def replant(data, **row):
    """A truth of one row."""
    defaults = {
        "kind": "case",
        "expected_reason": None,
        "certain": True,
        "similarity": None,
        "original": None,
        "contains": None,
    }
    with RowWriter(data / "crawl" / "truth.parquet", TRUTH) as file:
        file.write(defaults | row)
    return truth.confusion(data)[0].cases[0]


def test_each_kind_against_what_the_stages_did(finished):
    kinds = table(finished[0])
    assert all(kind.right == 6 for kind in kinds.values() if kind.certain)
    assert kinds["near_duplicate:0.8"].right == 5
    assert kinds["near_duplicate:0.8"].actual == [("dedup: near_duplicate", 5), ("keep", 1)]
    assert kinds["blocked_host"].as_dict() == {"expected": "url_filter", "certain": True, "n": 6, "right": 6}


def test_a_page_removed_by_another_stage_or_for_another_reason_is_wrong(finished):
    data, _ = finished
    url = "https://loud.example/1"
    assert not replant(data, url=url, expected="dedup").right
    assert not replant(data, url=url, expected="keep").right
    assert not replant(data, url=url, expected="quality", expected_reason="lorem_ipsum").right
    assert replant(data, url=url, expected="quality", expected_reason="top_2_gram").right


def test_a_page_that_no_shard_knows_fell_at_the_index(finished):
    case = replant(finished[0], url="https://nowhere.example/", expected="keep")
    assert case.fate.stage == "index" and not case.right


def test_a_duplicate_is_right_when_its_original_went_instead(finished):
    data, _ = finished
    removed, kept = "https://copy.mirror.example/1.0/1", "https://harbour1.town.example/1"
    case = replant(data, url=kept, expected="dedup", original=removed, similarity=1.0)
    assert case.right and case.caught and case.fate.stage == "keep"
    case = replant(data, url=kept, expected="dedup", original="https://harbour2.town.example/2", similarity=0.9)
    assert not case.right and case.caught is False


def test_an_address_that_is_still_there_is_wrong(finished):
    data, _ = finished
    url = "https://mail.example/1"
    assert replant(data, url=url, expected="scrub").right
    for path in (data / "pii").glob("*.parquet"):
        rows = [
            row | {"text": row["text"].replace("email@example.com", "captain1@ferry.example")}
            for row in read_rows(path)
        ]
        with RowWriter(path) as file:
            for row in rows:
                file.write(row)
    case = replant(data, url=url, expected="scrub")
    assert not case.right and "captain1@ferry.example" in case.note


def test_a_kept_page_must_hold_its_text(finished):
    """A page in the wrong charset is kept, but as mojibake: that is no success."""
    data, _ = finished
    url = "https://harbour1.town.example/1"
    assert replant(data, url=url, expected="keep", contains="built,  stone\nby stone").right
    case = replant(data, url=url, expected="keep", contains="the curé’s façade")
    assert not case.right and "façade" in case.note


def test_a_session_id_is_right_when_its_original_went_instead(finished):
    data, _ = finished
    blocked, kept = "https://blocked.example/1", "https://harbour1.town.example/1"
    assert replant(data, url=kept, expected="url_filter", original=blocked).right
    assert not replant(data, url=kept, expected="url_filter", original="https://harbour2.town.example/2").right


def test_one_address_planted_twice_needs_two_records(finished):
    data, _ = finished
    row = {name: None for name in TRUTH.names} | {"kind": "twice", "url": "https://blocked.example/1", "certain": True}
    with RowWriter(data / "crawl" / "truth.parquet", TRUTH) as file:
        file.write(row | {"expected": "url_filter"})
        file.write(row | {"expected": "url_filter"})
    assert table(data)["twice"].right == 1


def test_addresses_are_public_ones():
    text = "me@a.example, 8.8.8.8, 192.168.1.1, 999.1.1.1, version 1.2.3.4.5"
    assert truth.addresses(text) == {"me@a.example", "8.8.8.8"}


@pytest.mark.parametrize(("similarity", "share"), [(0.0, 0.0), (1.0, 1.0), (0.8, 0.9236), (0.5, 0.0533)])
def test_the_promise_is_minhashs(similarity, share):
    assert truth.promised(similarity, rows=8, bands=14) == pytest.approx(share, abs=1e-4)


def test_promises_are_compared_by_similarity(finished):
    promises = truth.promises(truth.confusion(finished[0]), rows=8, bands=14)
    assert [(p.similarity, p.n, p.caught) for p in promises] == [
        (pytest.approx(0.6), 6, 1),
        (pytest.approx(0.8), 6, 5),
        (1.0, 6, 6),
    ]
    assert all(p.kept for p in promises)
    broken = truth.Promise("near_duplicate:0.9", 100, 0.9, caught=70, promised=0.99, error=0.01)
    assert not broken.kept


def test_a_crawl_without_truth_has_no_table(tmp_path):
    assert truth.confusion(tmp_path) == []


def test_a_pair_of_which_one_never_reached_dedup_is_not_counted(finished):
    data, _ = finished
    url, original = "https://loud.example/1", "https://harbour1.town.example/1"
    assert replant(data, url=url, expected="dedup", original=original, similarity=1.0).caught is None
    assert truth.promises(truth.confusion(data), 8, 14) == []
    assert pq.ParquetFile(data / "crawl" / "truth.parquet").metadata.num_rows == 1
