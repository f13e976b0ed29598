"""If these fail, the page of an ablation claims what its runs don't show, or can't be opened."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from lab.evaluate.compare import compare
from lab.evaluate.per_item import Items
from lab.experiments.plan import Ablation, Experiment
from lab.experiments.results import FinishedRun, Results, measure_signals
from lab.report.studies import ablation

TASKS = {"lab_entities": 0.4, "lab_agreement": 0.6}


def run(variant: str, seed: int, gain: float, **train: float) -> FinishedRun:
    random = np.random.default_rng([seed, len(variant)])
    items = {}
    for task, share in TASKS.items():
        # An item's luck is the same for all runs: the questions are.
        luck = np.random.default_rng(len(task)).random(200)
        right = (luck + random.normal(0, 0.05, 200) < share + gain).astype(float)
        keys = tuple((f"{task}{number}", 0) for number in range(200))
        items[task] = Items("acc", keys, right, np.ones(200), 0.25)
    bits = np.random.default_rng(7).uniform(900, 1100, 50) * (1 - gain) + random.normal(0, 2, 50)
    items["lab_bits_town"] = Items(
        "bits_per_byte", tuple((f"b{n}", 0) for n in range(50)), bits, np.full(50, 800.0), None
    )
    measured = {"tokens": 1_000_000, "steps": 122, "flops": 5e12, "epochs": 0.5, "parameters": 900_000} | train
    reports = {
        "train": measured,
        "dataset": {"documents_out": 5000},
        "contamination": {"tasks": {"lab_entities": {"share": 0.125}}},
    }
    return FinishedRun(
        Experiment(f"filters-{variant}-s{seed}", variant, seed, {}),
        f"{seed}{variant}".encode().hex() * 3,
        reports,
        items,
    )


@pytest.fixture(scope="module")
def results() -> Results:
    runs = [run("full", seed, 0.0) for seed in (1, 2, 3)]
    runs += [run("raw", seed, -0.2, epochs=1.31) for seed in (1, 2, 3)]
    runs += [run("+<b>", seed, 0.0, tokens=900_000) for seed in (1, 2)]
    kinds = {name: [each.items for each in runs if each.experiment.variant == name] for name in ("full", "raw", "+<b>")}
    return Results(
        name="filters",
        ablation=Ablation(baseline="full", question="Do <filters> help?", variants={"full": {}, "raw": {}}),
        revision="c" * 40,
        planned=9,
        runs=runs,
        changes={"full": {}, "raw": {"quality.gopher.enabled": False}},
        comparisons=[compare(name, kinds["full"], kinds[name]) for name in ("raw", "+<b>")],
        signals=measure_signals(runs),
        incomparable={},
    )


def test_page_is_one_file_escaped_and_says_what_was_found(results, tmp_path):
    ablation.write(tmp_path, results)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "raw: worse on 3 of 3 tasks" in page
    assert "Do &lt;filters&gt; help?" in page and "+&lt;b&gt;" in page and "<b>" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)  # nothing from outside
    assert page.count("<svg") == 2 * 5  # wide and narrow: two means, three tasks
    assert "default-src 'none'" in page


def test_what_is_weak_is_said(results):
    said = " ".join(ablation.caveats(results))
    assert "8 of 9 runs are in" in said
    assert "The budget of these was not the baseline's: filters-+<b>-s1, filters-+<b>-s2." in said
    assert "The corpus of raw is smaller than the budget" in said and "1.31 epochs" in said
    assert "lab_entities 12.5 %" in said


def test_markdown_is_tables_that_render(results):
    text = ablation.markdown(results)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 15
    tables = text.split("\n\n")
    for table in tables:
        lines = [line for line in table.strip().splitlines() if line.startswith("|")]
        if lines:
            assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(re.findall(r"\|", lines[0]))}
            assert set(lines[1]) <= set("|-:")
    assert "- raw: worse on 3 of 3 tasks" in text


def test_same_results_same_bytes_and_numbers_can_be_read(results, tmp_path):
    for name in ("a", "b"):
        ablation.write(tmp_path / name, results)
    for name in ("index.html", "report.md", "picture.svg", "results.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    numbers = json.loads((tmp_path / "a" / "results.json").read_text("utf-8"))
    verdicts = {each["task"]: each["verdict"] for each in numbers["comparisons"]["raw"]["tasks"]}
    assert verdicts["lab_entities"] == "worse"
    assert numbers["runs"]["filters-raw-s1"]["train"]["epochs"] == 1.31


def test_only_the_baseline_makes_a_page_too(results, tmp_path):
    from dataclasses import replace

    alone = replace(results, runs=results.of("full"), comparisons=[], signals=[])
    ablation.write(tmp_path, alone)
    assert "Only the baseline has been run so far" in (tmp_path / "index.html").read_text("utf-8")


def test_the_picture_stands_alone(results, tmp_path):
    ablation.write(tmp_path, results)
    picture = ElementTree.parse(tmp_path / "picture.svg").getroot()
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("raw") == words.count("+<b>") == 5  # two means and three tasks, on all of which raw is worse
    assert picture.find("{http://www.w3.org/2000/svg}style") is not None
