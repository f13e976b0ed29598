"""If these fail, the evaluation stage gives scores that can't be read, repeated, or believed."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from lab.errors import InputError, ParameterError
from lab.evaluate import run, suites
from lab.evaluate.answers import item_text
from lab.evaluate.run import evaluate
from lab.files import write_json, write_json_lines
from lab.model import huggingface
from lab.params import EvaluateParams
from lab.params_yaml import Params

SETTINGS = EvaluateParams(items=10, batch_tokens=2000, device="cpu")


@pytest.fixture(scope="module")
def finished(corpus, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "evaluate"
    return out, evaluate(models["llama"], corpus.folder, out, SETTINGS)


def test_scores_have_errors_chance_and_counts(finished):
    scores = finished[1]["scores"]
    assert scores["lab_continuation"] == {
        "acc": pytest.approx(0.5, abs=0.5),
        "acc_stderr": pytest.approx(0.1, abs=0.1),
        "chance": 0.25,
        "items": 10,
        "version": 1.0,
    }
    assert scores["lab_agreement"]["chance"] == 0.5
    bits = scores["lab_bits_town"]
    assert bits["chance"] is None and bits["bits_per_byte"] > 1 and 0 < bits["bits_per_byte_stderr"] < 0.5
    json.dumps(finished[1], allow_nan=False)


def test_the_stage_leaves_one_number_per_task_beside_its_metrics(finished, corpus, models, tmp_path):
    params = Params(evaluate=SETTINGS, tracking={"mode": "disabled"})
    folders = models["llama"], write_training(tmp_path / "train", models["llama"]), corpus.folder, tmp_path / "evaluate"
    metrics = run.run(*folders, params, params.engine, tmp_path / "reports")
    assert metrics == finished[1]  # equal may be asked for: the same folder, shapes, code and process
    headlines = json.loads((tmp_path / "reports" / "scores.json").read_text("utf-8"))
    assert list(headlines) == list(metrics["scores"])
    assert headlines["lab_agreement"] == metrics["scores"]["lab_agreement"]["acc"]


def write_training(folder: Path, export: Path) -> Path:
    """What training leaves of a model that was scored at its end only."""
    model, _ = huggingface.load(export)
    write_json(folder / "model.json", model.config.as_dict() | {"tokens": 5120, "steps": 10})
    return folder


def test_each_item_has_a_line_that_gives_the_score(finished):
    out, metrics = finished
    for task, score in metrics["scores"].items():
        rows = [json.loads(line) for line in (out / f"{task}.jsonl").read_text("utf-8").splitlines()]
        assert [row["doc_id"] for row in rows] == list(range(score["items"]))
        assert len({row["doc_hash"] for row in rows}) == len(rows)
        if "acc" in score:
            assert sum(row["acc"] for row in rows) / len(rows) == pytest.approx(score["acc"])
            for row in rows:
                likelihoods = [likelihood for likelihood, _ in row["filtered_resps"]]
                assert row["acc"] == float(likelihoods.index(max(likelihoods)) == row["target"])


def test_the_report_shows_the_items(finished):
    from lab.report.run.scores import read_questions

    groups = read_questions(finished[0].parent, 2)["lab_continuation"]
    questions = [question for group in groups.values() for question in group]
    assert all(len(one.answers) == 4 and sum(right for _, _, right, _ in one.answers) == 1 for one in questions)


def test_a_second_run_gives_the_same_bytes_and_no_paths(finished, corpus, models, tmp_path):
    """Equal bytes may be asked for: the same code, shapes and process, and rounded likelihoods."""
    again = tmp_path / "again"
    assert evaluate(models["llama"], corpus.folder, again, SETTINGS) == finished[1]
    assert files(again) == files(finished[0])
    assert not any(str(tmp_path.parent) in path.read_text("utf-8") for path in again.glob("*.jsonl"))


def test_batches_do_not_change_scores(finished, corpus, models, tmp_path):
    other = evaluate(models["llama"], corpus.folder, tmp_path / "out", SETTINGS.model_copy(update={"batch_tokens": 90}))
    assert list(other["scores"]) == list(finished[1]["scores"])
    for task, values in finished[1]["scores"].items():
        for name, value in values.items():  # to rounding: other shapes are summed in another order
            assert other["scores"][task][name] == (pytest.approx(value, rel=1e-4) if name != "chance" else value), name


def files(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found}


def write_blimp(folder: Path, data: Path, paradigms: list[str]) -> None:
    """lm-eval's own BLiMP template on local files, and a group that averages them."""
    folder.mkdir()
    for name in paradigms:
        task = {
            "task": f"blimp_{name}",
            "dataset_path": "parquet",
            "dataset_kwargs": {"data_files": {"train": str(data / f"{name}.parquet")}},
            "output_type": "multiple_choice",
            "validation_split": "train",
            "doc_to_text": "",
            "doc_to_target": 0,
            "doc_to_choice": "{{[sentence_good, sentence_bad]}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": 1.0},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    group = {
        "group": "blimp",
        "task": [f"blimp_{name}" for name in paradigms],
        "aggregate_metric_list": [{"metric": "acc", "aggregation": "mean", "weight_by_size": False}],
    }
    (folder / "_blimp.yaml").write_text(yaml.safe_dump(group))


def test_blimp_as_a_folder_of_task_files_scores_as_hf(shared, corpus, models, tmp_path):
    huggingface = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval's `hf` model needs accelerate")
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    paradigms = ["anaphor_number_agreement", "wh_island", "npi_present_1"]
    write_blimp(tmp_path / "tasks", shared / "blimp", paradigms)
    settings = EvaluateParams(suites=[str(tmp_path / "tasks")], limit=40, device="cpu")
    metrics = evaluate(models["gpt2"], corpus.folder, tmp_path / "out", settings)
    expected = simple_evaluate(
        huggingface.HFLM(pretrained=str(models["gpt2"]), device="cpu", batch_size=8),
        tasks=["blimp"],
        task_manager=TaskManager(include_path=str(tmp_path / "tasks"), include_defaults=False),
        limit=40,
        bootstrap_iters=10,
    )
    assert set(metrics["scores"]) == {"blimp"}  # the paradigms are in their files
    assert metrics["scores"]["blimp"]["acc"] == pytest.approx(expected["results"]["blimp"]["acc,none"], abs=1e-6)
    assert metrics["scores"]["blimp"]["chance"] == 0.5
    for name in paradigms:
        rows = [json.loads(line) for line in (tmp_path / "out" / f"blimp_{name}.jsonl").read_text().splitlines()]
        samples = expected["samples"][f"blimp_{name}"]
        for row, sample in zip(rows, samples, strict=True):
            theirs = [likelihood for likelihood, _ in sample["filtered_resps"]]
            assert [likelihood for likelihood, _ in row["filtered_resps"]] == pytest.approx(theirs, abs=2e-4)


def write_task(folder: Path, name: str, rows: list[dict], fields: dict) -> Path:
    """A task file of lm-eval on local rows, its test split."""
    write_json_lines(folder / f"{name}.jsonl", rows)
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(folder / f"{name}.jsonl")}}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"task": name, "test_split": "test", **data, **fields}))
    return path


QUESTIONS = [
    {"q": f"Where did number {n} hide the key?", "right": f"under bench {n}", "wrong": f"in mill {n}", "label": n % 2}
    for n in range(6)
]
WANTED = "Where did number 5 hide the key? under bench 5"
KINDS = {  # every way in which lm-eval's tasks say what is right
    "label": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "{{[right, wrong] if label == 0 else [wrong, right]}}",
        "doc_to_target": "{{label}}",
    },
    "answer": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "{{[wrong, right]}}",
        "doc_to_target": "{{right}}",
    },
    "inputs": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{1}}",
        "doc_to_choice": "{{['Where did nobody hide the key?', q]}}",
        "doc_to_target": "{{right}}",
    },
    "last word": {"output_type": "loglikelihood", "doc_to_text": "{{q}}", "doc_to_target": "{{right}}"},
    "free": {
        "output_type": "generate_until",
        "doc_to_text": "{{q}}",
        "doc_to_target": "{{right}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_has_its_own_examples_and_an_item_is_known_without_them(kind, corpus, models, tmp_path):
    metric = "acc" if KINDS[kind]["output_type"] == "multiple_choice" else "exact_match"
    metric = "perplexity" if kind == "last word" else metric
    task = {
        "fewshot_split": "test",
        "num_fewshot": 2,
        "metric_list": [{"metric": metric}],
        "metadata": {"version": 1.0},
        **KINDS[kind],
    }
    path = write_task(tmp_path, "hidden_key", QUESTIONS, task)
    for fewshot, examples in ((None, 2), (1, 1)):
        settings = EvaluateParams(suites=[str(path)], device="cpu", fewshot=fewshot)
        evaluate(models["llama"], corpus.folder, tmp_path / "out", settings)
        last = json.loads((tmp_path / "out" / "hidden_key.jsonl").read_text("utf-8").splitlines()[-1])
        assert item_text(last) == WANTED
        assert last["arguments"][-1][0].count("hide the key?") == 1 + examples


def test_wikitext_as_a_task_file_scores_as_hf(shared, corpus, models, tmp_path):
    huggingface = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval's `hf` model needs accelerate")
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    text = (shared / "wikitext-2" / "test.txt").read_text("utf-8").split("\n")
    articles = ["\n".join(text[start : start + 30]) for start in (0, 60, 120)]
    task = {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "page",
        "metric_list": [
            {"metric": name, "aggregation": aggregation, "higher_is_better": False}
            for name, aggregation in (("word_perplexity", "weighted_perplexity"), ("bits_per_byte", "bits_per_byte"))
        ],
    }
    file = write_task(tmp_path, "wikitext_2_local", [{"page": article} for article in articles], task)
    metrics = evaluate(
        models["llama"], corpus.folder, tmp_path / "out", EvaluateParams(suites=[str(file)], device="cpu")
    )
    expected = simple_evaluate(
        huggingface.HFLM(pretrained=str(models["llama"]), device="cpu", batch_size=8),
        tasks=["wikitext_2_local"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
    )["results"]["wikitext_2_local"]
    found = metrics["scores"]["wikitext_2_local"]
    for name in ("word_perplexity", "bits_per_byte"):
        assert found[name] == pytest.approx(expected[f"{name},none"], rel=1e-5)
        assert found[f"{name}_stderr"] > 0


@pytest.mark.parametrize(
    ("suite", "hint"), [("samples", "did you mean 'sample'"), ("arc_eazy", "arc_easy"), ("./no/folder", "no suite")]
)
def test_an_unknown_suite_is_refused_with_the_nearest_names(suite, hint, tmp_path):
    with pytest.raises(ParameterError, match=hint):
        suites.load_tasks([suite], [], tmp_path, tmp_path)


def test_a_folder_without_task_files_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no lm-eval task file"):
        suites.load_tasks([str(tmp_path)], [], tmp_path, tmp_path)


def test_a_task_file_that_does_not_load_is_named(tmp_path):
    (tmp_path / "bad.yaml").write_text("task: bad\ndataset_path: parquet\noutput_type: dancing\n")
    with pytest.raises(InputError, match=r"'bad' does not load.*dancing"):
        suites.load_tasks([str(tmp_path)], [], tmp_path, tmp_path)


def test_without_a_net_all_missing_data_sets_are_listed_with_what_to_do(monkeypatch, tmp_path):
    import datasets

    def unreachable(path: str, **_: object) -> None:
        raise ConnectionError(f"Couldn't reach '{path}' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(InputError) as error:
        suites.load_tasks(["fineweb"], [], tmp_path, tmp_path)
    for name in ("Rowan/hellaswag", "allenai/ai2_arc", "cais/mmlu", "lab.evaluate.fetch FOLDER fineweb", "data_dir"):
        assert name in str(error.value)


def test_the_sample_suite_needs_no_net(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    run.set_network(EvaluateParams())
    import os

    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"


def test_a_device_that_is_not_there_is_refused(corpus, models, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="no GPU"):
        evaluate(models["gpt2"], corpus.folder, tmp_path / "out", SETTINGS.model_copy(update={"device": "cuda"}))
