"""evaluate: the exported model's scores, by lm-eval."""

from lab.evaluate.item_table import item_tables
from lab.evaluate.run import evaluate
from lab.evaluate.scores import beside
from lab.files import write_json
from lab.params_yaml import Params
from lab.tracking import log_scores
from stages import DATA, REPORTS, run


def main(params: Params) -> dict:
    metrics = evaluate(DATA / "export", DATA / "dataset", DATA / "evaluate", params.evaluate, DATA / "train")
    write_json(REPORTS / "scores.json", beside(metrics))
    log_scores(params, metrics["scores"], item_tables(DATA / "evaluate"), metrics.get("milestones", []))
    return metrics


if __name__ == "__main__":
    run("evaluate", main)
