"""If these fail, the page of an IsoFLOP study or a sweep claims what its runs don't show, or can't be opened."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lab.experiments.scaling import IsoFlop, Point, Points, Sweep, Trial, isoflop_trials, sweep_trials
from lab.report.charts import Series, lines, stand_alone
from lab.report.studies import isoflop, sweep

STUDY = IsoFlop.model_validate(
    {
        "question": "How <big>?",
        "budgets": [{"flops": flops, "widths": [16, 32, 48, 64, 96]} for flops in (1e10, 1e11, 1e12)],
    }
)
RATES = Sweep.model_validate(
    {
        "key": "train.learning_rate",
        "values": [0.004, 0.008, 0.016, 0.032],
        "lines": {"w32": {}, "w128": {}},
        "panels": {"none": {}, "mup": {}},
    }
)


def point(trial: Trial, loss: float, tokens: int = 1000, parameters: int = 100, epochs: float = 0.5) -> Point:
    return Point(trial, "ab" * 20, loss, loss / 2, parameters, tokens, 6.0 * tokens * parameters, epochs)


def studied(exponent: float = 0.5, edge: float | None = None) -> Points:
    """Runs with an optimum of 0.4 C^exponent parameters; `edge`: the budget whose runs are all too small."""
    random = np.random.default_rng(0)
    points = []
    for trial in isoflop_trials(STUDY):
        width = int(trial.line[1:])
        best = 0.4 * trial.at**exponent
        parameters = best * (width / 45) ** 1.5 * (0.01 if trial.at == edge else 1)
        loss = 3 - np.log10(trial.at) / 10 + 0.1 * np.log(parameters / best) ** 2 + random.normal(0, 0.001)
        points.append(
            point(trial, loss, round(trial.at / 6 / parameters), round(parameters), 1.7 if width == 16 else 0.5)
        )
    return Points("c" * 40, 15, points)


def swept(moved: float) -> Points:
    """Rates whose optimum is 0.012, and at w128 without the rule `moved` times that."""
    points = []
    for trial in sweep_trials("rates", RATES):
        best = 0.012 * (moved if (trial.panel, trial.line) == ("none", "w128") else 1)
        points.append(point(trial, 4 + 0.2 * np.log(trial.at / best) ** 2))
    return Points("c" * 40, 16, points)


def test_page_says_the_law_and_its_limits(tmp_path):
    isoflop.write(tmp_path, STUDY, studied())
    page = (tmp_path / "index.html").read_text("utf-8")
    assert re.search(r"Best tokens = \S+ C\^0\.50, 95 % interval of the exponent 0\.\d\d to 0\.\d\d", page)
    assert "Best parameters" in page and "Chinchilla" in page and "Llama 3" in page
    assert "1 degree(s) of freedom" in page and "One seed" in page
    assert "More than one epoch: 1e10-w16, 1e11-w16, 1e12-w16" in page and "1.70 (repeated)" in page
    assert "How &lt;big&gt;?" in page and not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert page.count("<svg") == 6 and len(page) < 300_000
    numbers = json.loads((tmp_path / "points.json").read_text("utf-8"))
    law = numbers["fits"]["parameters"]["law"]
    assert law["exponent"] == pytest.approx(0.5, abs=0.03) and law["low"] < law["exponent"] < law["high"]
    assert len(numbers["runs"]) == 15


def test_a_budget_at_the_edge_is_left_out_and_said():
    study = isoflop.describe(STUDY, studied(edge=1e12))
    sentences = " ".join(study.sentences)
    assert "1e12 FLOPs, parameters: the loss is lowest at the edge, the largest that was measured" in sentences
    assert "over 2 budgets" in sentences and "assumed, not shown" in " ".join(study.caveats)
    law = study.numbers["fits"]["parameters"]["law"]
    assert law["budgets"] == 2 and law["exponent"] == pytest.approx(0.5, abs=0.03)


def test_an_unfinished_study_says_what_it_lacks(tmp_path):
    whole = studied()
    one = replace(whole, finished=whole.finished[:7])
    study = isoflop.describe(STUDY, one)
    assert "No power law for tokens: it needs two budgets with a minimum, there is 1." in study.sentences[0]
    assert "2 of the three sizes" in " ".join(study.sentences)
    assert "7 of 15 runs are in" in " ".join(study.caveats)
    isoflop.write(tmp_path, STUDY, replace(whole, finished=whole.finished[:1]))
    assert "<svg" in (tmp_path / "index.html").read_text("utf-8")


def test_sweep_tells_what_a_small_models_rate_costs_a_large_one(tmp_path):
    sweep.write(tmp_path, "rates", RATES, swept(0.3))
    page = (tmp_path / "index.html").read_text("utf-8")
    plain = re.search(
        r"none: the best train.learning_rate of w32 is 0.016, of w128 0.004.*?w128 loses ([\d.]+) nats", page
    )
    rule = re.search(
        r"mup: the best train.learning_rate of w32 is 0.016, of w128 0.016.*?w128 loses ([\d.]+) nats", page
    )
    assert float(plain[1]) == pytest.approx(0.2 * (np.log(0.016 / 0.0036) ** 2 - np.log(0.004 / 0.0036) ** 2), abs=1e-3)
    assert float(rule[1]) == 0
    assert "none w128 (lowest at the smallest value)" in page
    numbers = json.loads((tmp_path / "points.json").read_text("utf-8"))
    optima = {(line["panel"], line["line"]): line["optimum"] for line in numbers["lines"]}
    assert optima["mup", "w128"] == pytest.approx(0.012, rel=1e-3) and optima["none", "w128"] is None


def test_a_value_that_failed_is_not_guessed():
    whole = swept(1.0)
    others = [each for each in whole.finished if (each.trial.line, each.trial.at) != ("w128", 0.016)]
    study = sweep.describe("rates", RATES, replace(whole, finished=others))
    assert "w128 has no finished run at 0.016" in study.sentences[0]
    only = sweep.describe("rates", RATES, replace(whole, finished=whole.finished[:1]))
    assert only.sentences == ["Too few runs are finished to compare models."]


def test_same_runs_same_bytes_and_tables_that_render(tmp_path):
    for name in ("a", "b"):
        isoflop.write(tmp_path / name, STUDY, studied())
    for name in ("index.html", "report.md", "picture.svg", "points.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    text = (tmp_path / "a" / "report.md").read_text("utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = table.splitlines()
        assert {row.count("|") for row in rows} == {rows[0].count("|")} and set(rows[1]) <= set("|-: ")
    assert text.count("|---|") == 2


def test_picture_stands_alone_and_its_axes_have_numbers():
    import xml.etree.ElementTree as ElementTree

    axes = {"x": "tokens", "y": "loss", "log": "x", "y_values": (3.0, 2.0, 2.5)}
    panels = [("one", [Series("a", [(1e4, 3.0), (1e6, 2.0)])]), ("two", [Series("b", [(2e4, 2.5)])])]
    drawn = stand_alone("A < B", [(name, lines(470, series, **axes)) for name, series in panels], beside=True)
    root = ElementTree.fromstring(drawn)
    svg = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{svg}style") is not None
    assert {"one", "two", "100 k", "1 M"} <= {text.text for text in root.iter(f"{svg}text")}
    scales = [
        [(text.text, text.get("y")) for text in panel.iter(f"{svg}text") if text.get("text-anchor") == "end"]
        for panel in root.iter(f"{svg}svg")
        if panel is not root
    ]
    assert len(scales) == 2 and len(scales[0]) > 2 and scales[0] == scales[1]  # one scale of y for both
