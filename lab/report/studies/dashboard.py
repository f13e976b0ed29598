"""An ablation's report in Weights & Biases: the verdict, bars of scores by variant, curves by variant.

In: an ablation's Results, and where its runs are tracked. Out: a saved report that is updated in place, and its
address. Needs the package wandb-workspaces (the extra `dashboards`), which is imported only here.
"""

import os
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.evaluate.scores import first_scores, read_scores
from lab.experiments.results import Results
from lab.files import read_json, write_json
from lab.formatting import label
from lab.params import TrackingParams
from lab.report.studies.ablation import markdown
from lab.tracking import mode

VARIANT = "variant"  # of a run's config: lab.tracking takes it from the tag `variant:NAME`
WIDTH, HEIGHT = 8, 6  # of a panel; a grid has 24 columns
CURVES = ("validation/loss", "train/loss", "validation/bits_per_byte")


def publish(results: Results, params: TrackingParams, kept: Path) -> str | None:
    """Save the report; returns its address, or None if tracking is not online. `kept`: the file that remembers it.

    LabError, in one line, if the package is missing or W&B refuses; the report on disk does not depend on it.
    """
    if mode(params) != "online":
        return None
    try:
        import wandb_workspaces.reports.v2 as wr
    except ImportError:
        raise LabError(
            "the W&B report needs the package wandb-workspaces: pip install 'pretraining-lab[dashboards]'."
        ) from None
    os.environ.setdefault("WANDB_SILENT", "true")
    title = f"Ablation: {results.name}"
    try:
        entity = {"entity": params.entity} if params.entity else {}
        report = _known(wr, kept) or wr.Report(project=params.project, title=title, **entity)
        report.title, report.description = title, results.ablation.question
        report.width = "fluid"
        report.blocks = blocks(results, report.entity, report.project)
        report.save()
        address = str(report.url)
    except Exception as error:  # anything W&B's client raises: it must not fail a finished ablation
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise LabError(
            f"the W&B report could not be saved ({text}). `lab ablate {results.name} --report` tries again."
        ) from error
    write_json(kept, {"url": address})
    return address


def blocks(results: Results, entity: str, project: str) -> list[Any]:
    """The report's parts: wandb_workspaces' objects."""
    import wandb_workspaces.expr as expr
    import wandb_workspaces.reports.v2 as wr

    def grid(panels: list[Any]) -> Any:
        """Three panels in a row."""
        for number, panel in enumerate(panels):
            x, y = number % 3 * WIDTH, number // 3 * HEIGHT
            panel.layout = wr.Layout(x=x, y=y, w=WIDTH, h=HEIGHT)
        of_ablation, by_variant = [expr.Metric("Group") == results.name], [f"config.{VARIANT}"]
        runs = wr.Runset(entity=entity, project=project, name=results.name, filters=of_ablation, groupby=by_variant)
        return wr.PanelGrid(runsets=[runs], panels=panels)

    means = {"groupby": wr.Config(VARIANT), "groupby_aggfunc": "mean"}
    bars = [
        wr.BarPlot(
            title=f"{label(task)} ({label(metric)})",
            metrics=[wr.SummaryMetric(f"scores/{task}/{metric}")],
            groupby_rangefunc="stderr",
            **means,
        )
        for task, metric in compared(results)
    ]
    curves = [wr.LinePlot(title=name, x="tokens", y=[name], groupby_rangefunc="stddev", **means) for name in CURVES]
    return [
        wr.MarkdownBlock(text=markdown(results)),
        wr.H2(text="Scores by variant"),
        wr.P(text="Bars: mean over seeds, with its standard error. The verdict above pairs items and seeds."),
        grid(bars),
        wr.H2(text="Training by variant"),
        grid(curves),
    ]


def compared(results: Results) -> list[tuple[str, str]]:
    """(task, its first metric) of all tasks of any run, as the scores are named in W&B."""
    scores = (score for run in results.runs for score in read_scores(run.reports.get("evaluate", {}).get("scores")))
    return [(task, score.metric) for task, score in first_scores(scores).items()]


def _known(wr: Any, kept: Path) -> Any:
    """The report saved last; None if there was none, or it was removed."""
    if not kept.exists():
        return None
    try:
        return wr.Report.from_url(read_json(kept)["url"])
    except Exception:  # anything W&B's client raises for an address that is gone
        return None
