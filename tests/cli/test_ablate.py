"""If these fail, a user can't see what an ablation will run, is running, or why it failed; or where a score is from."""

import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from lab.cli.studies import _table
from lab.experiments.schedule import State
from tests.experiments.conftest import tiny  # noqa: F401  (a fixture)

pytestmark = pytest.mark.slow


@pytest.fixture
def small(tiny):  # noqa: F811
    """An ablation of one variant that works, one that fails and one that is not valid."""
    bad = {"quality.gopher.max_words": None}
    tiny.write_ablations(
        {
            "filters": {"question": "Help?", "baseline": "full", "seeds": [1], "variants": {"full": {}, "bad": bad}},
            "wrong": {"baseline": "full", "variants": {"full": {"train.seeed": 1}}},
        }
    )
    tiny.commit()
    return tiny


def test_listed_planned_run_and_shown(small, lab):
    listed = lab("ablate")
    assert (listed.status, listed.out.splitlines()[0]) == (0, "filters: Help? (2 variants x 1 seeds)")

    both = lab("ablate", "filters", "--dry-run", "--report")
    assert both.status == 1 and "give one of them" in both.err
    planned = lab("ablate", "filters", "--dry-run")
    assert planned.status == 0
    assert "2 experiments; stages to run at most: crawl 1, quality 2, train 2, evaluate 2" in planned.out
    assert "dvc exp run --name filters-full-s1" in planned.out and "-S train.seed=1" in planned.out
    assert not small.log.exists()

    ran = lab("ablate", "filters", "--workers", "2")
    assert ran.status == 1
    assert "filters-full-s1: done" in ran.err
    assert "filters-bad-s1: failed: quality: none of 7 documents is left" in ran.err

    shown = lab("ablate", "filters", "--status").out
    assert "1 done, 1 failed" in shown
    rows = {line.split()[0]: line for line in shown.splitlines() if line.startswith("filters-")}
    assert "done" in rows["filters-full-s1"] and "0.50" in rows["filters-full-s1"]  # epochs
    assert "none of 7 documents is left" in rows["filters-bad-s1"]

    traced = lab("lineage", "reports/evaluate.json", "--revision", "filters-full-s1")
    assert traced.status == 0
    assert [stage for stage in ("evaluate", "train", "quality", "crawl") if stage not in traced.out] == []
    assert small.run("git", "rev-parse", "--short=12", "HEAD").strip() in traced.out
    as_json = json.loads(lab("lineage", "reports/evaluate.json", "-r", "filters-full-s1", "--json").out)
    assert as_json["stages"]["train"]["parameters"]["train"]["seed"] == 1


def test_a_part_is_run_alone_and_reported_with_all_that_is_finished(small, lab):
    ran = lab("ablate", "filters", "--part", "1/2")
    assert (ran.status, ran.out) == (0, "reports/ablations/filters/index.html\n"), ran
    assert "1 of 2 runs" in (small.root / ran.out.strip()).read_text()
    assert lab("lineage", "lab/../reports/../reports/evaluate.json", "-r", "filters-full-s1").status == 0


def test_words_of_a_log_are_no_markup(capsys):
    note = "crawl.paths: nothing at [/data/web.warc.gz], split [train]"
    queue = SimpleNamespace(name="filters", experiments=[SimpleNamespace(name="filters-a-s1")])
    table = _table(queue, {"filters-a-s1": State(status="failed", error=note)})
    Console(width=200).print(table)
    assert note in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ablate", "nothing"), "there is no ablation 'nothing'; there are filters, wrong"),
        (("ablate", "wrong"), "ablations.yaml: wrong: full: train.seeed: there is no such key"),
        (("ablate", "filters", "--part", "3/2"), "--part '3/2' is not N/M"),
        (("ablate", "filters", "--report"), "no experiment is finished yet"),
        (("lineage", "reports/evaluate.json"), "nothing has run"),
        (("lineage", "/etc/passwd"), "not in the project"),
        (("lineage", "reports/evaluate.json", "-r", "no-such"), "neither a git revision nor an experiment"),
    ],
)
def test_wrong_use_is_one_line(small, lab, arguments, message):
    found = lab(*arguments)
    assert found.status == 1 and found.out == ""
    assert message in found.err and found.err.count("\n") == 1
