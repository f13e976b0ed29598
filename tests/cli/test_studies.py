"""If these fail, a user can't plan, run or read an IsoFLOP study or a sweep, or one of them runs what is done again."""

import json

import pytest
from ruamel.yaml import YAML

from tests.experiments.conftest import tiny  # noqa: F401  (a fixture)

pytestmark = pytest.mark.slow

# A training that costs nothing: its loss is a parabola of log parameters about sqrt(FLOPs / 6), and of the log rate.
TRAIN = """
import json, math, os, pathlib
import ruamel.yaml

with open(os.environ["STAGE_LOG"], "a") as log:
    log.write("train\\n")
params = ruamel.yaml.YAML(typ="safe").load(open("params.yaml"))
tokens, width = int(params["train"]["budget"].split()[0]), params["model"]["width"]
parameters = 2000 * width
flops = 6 * tokens * parameters
loss = 3 + 0.1 * math.log(parameters / 0.01 / flops**0.5) ** 2
loss += 0.2 * math.log(params["train"]["learning_rate"] / 0.006) ** 2
found = {"validation_loss": loss, "validation_bits_per_byte": loss / 2, "parameters": parameters, "tokens": tokens,
         "flops": flops, "epochs": 0.5}
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("data/train").mkdir(parents=True, exist_ok=True)
pathlib.Path("data/train/x").write_text(str(loss))
pathlib.Path("reports/train.json").write_text(json.dumps(found))
"""

STUDY = {
    "isoflop": {
        "question": "How big?",
        "budgets": [{"flops": flops, "widths": [16, 32, 64]} for flops in (5e12, 1e13)],
        "shared": {"train.warmup_steps": 5, "tokenizer.vocabulary": 512, "model.layers": 2},
    },
    "sweeps": {
        "rates": {
            "question": "Which rate?",
            "key": "train.learning_rate",
            "values": [0.003, 0.006, 0.012],
            "lines": {"w32": {"model.width": 32}},
            "panels": {"none": {}},
            "shared": {"train.budget": "100000 tokens"},
        }
    },
}


@pytest.fixture
def study(tiny):  # noqa: F811
    (tiny.root / "train.py").write_text(TRAIN)
    tiny.change("dvc.yaml", "python stage.py train 0.2 quality", "python train.py")
    tiny.change(
        "dvc.yaml",
        "deps: [stage.py, data/quality]\n    outs: [data/train]",
        "deps: [train.py, data/quality]\n    outs: [data/train]",
    )
    with open(tiny.root / "scaling.yaml", "w") as file:
        YAML().dump(STUDY, file)
    tiny.commit()
    return tiny


def test_isoflop_from_plan_to_page(study, lab):
    planned = lab("isoflop", "--dry-run")
    assert planned.status == 0
    assert "6 experiments; stages to run at most: crawl 1, quality 1, train 6" in planned.out
    assert "dvc exp run --name isoflop-5e12-w16-s1" in planned.out.replace("5e+12", "5e12")
    assert not study.log.exists()

    ran = lab("isoflop", "--workers", "2")
    assert (ran.status, ran.out) == (0, "reports/isoflop/index.html\n"), ran.err
    assert dict(study.stages_run()) == {"crawl": 1, "quality": 1, "train": 6}
    assert "6 done" in lab("isoflop", "--status").out

    numbers = json.loads((study.root / "reports/isoflop/points.json").read_text("utf-8"))
    assert [run["line"] for run in numbers["runs"]] == ["w16", "w32", "w64"] * 2
    assert {path.name for path in (study.root / "reports/isoflop").iterdir()} == {
        "index.html",
        "report.md",
        "picture.svg",
        "points.json",
    }
    study.run("git", "add", "-A")
    study.run("git", "commit", "-qm", "Report")
    assert lab("isoflop").status == 0
    assert study.stages_run()["train"] == 6  # what is finished is never run again


def test_sweep_from_list_to_page(study, lab):
    assert lab("sweep").out == "rates: Which rate? (3 runs)\n"
    assert lab("sweep", "rates", "--part", "1/3").status == 0
    assert "1 of 3 runs are in" in (study.root / "reports/sweeps/rates/report.md").read_text("utf-8")
    assert lab("sweep", "rates").out == "reports/sweeps/rates/index.html\n"
    assert dict(study.stages_run()) == {"crawl": 1, "quality": 1, "train": 3}
    numbers = json.loads((study.root / "reports/sweeps/rates/points.json").read_text("utf-8"))
    assert numbers["lines"][0]["best"] == 0.006 and numbers["lines"][0]["optimum"] == pytest.approx(0.006)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "nothing"), "there is no sweep 'nothing'; there are rates"),
        (("sweep", "rates", "--report"), "no experiment is finished yet. Run `lab sweep rates`"),
        (("isoflop", "--report"), "no experiment is finished yet. Run `lab isoflop`"),
        (("isoflop", "--part", "0/2"), "--part '0/2' is not N/M"),
    ],
)
def test_wrong_use_is_one_line(study, lab, arguments, message):
    found = lab(*arguments)
    assert found.status == 1 and found.out == ""
    assert message in found.err and found.err.count("\n") == 1
