"""The pages of an ablation. In: the results of its experiments (lab.experiments.results). Out: <folder>/index.html, one
file that needs nothing else, report.md to paste into a pull request, picture.svg, and results.json, the numbers.

Same results, same bytes: no dates, no times.
"""

import json
from pathlib import Path
from typing import Any

from lab.evaluate.compare import Difference
from lab.evaluate.scores import BITS
from lab.experiments.results import Results
from lab.files import write_json, write_text
from lab.formatting import label, number, percent, short
from lab.report.charts import Interval, intervals, responsive, stand_alone
from lab.report.document import render_page, render_text
from lab.report.svg import WIDE

CONTENTS = (
    ("verdict", "Verdict"),
    ("differences", "Differences"),
    ("trust", "Which scores to trust"),
    ("runs", "Runs"),
    ("reproduce", "Reproduce"),
)
KINDS = {"better": "good", "worse": "bad", "undecided": ""}


def write(folder: Path, results: Results) -> None:
    """Write all files of the report, each whole or not at all."""
    values = _values(results) | {"title": f"Ablation: {results.name}", "contents": CONTENTS, "kinds": KINDS}
    charts = [(name, responsive(name, intervals, of_name, unit=unit)) for name, of_name, unit in _differences(results)]
    page = render_page("studies/ablation.html.j2", pictures=charts, **values)
    write_text(folder / "index.html", page)
    write_text(folder / "report.md", markdown(results))
    write_json(folder / "results.json", numbers(results))
    if results.comparisons:
        write_text(folder / "picture.svg", picture(results))


def markdown(results: Results) -> str:
    """The page as Markdown."""
    return render_text("studies/ablation.md.j2", **_values(results))


def _values(results: Results) -> dict[str, Any]:
    """What the templates of the page and of its Markdown show."""
    return {
        "results": results,
        "sentences": sentences(results),
        "caveats": caveats(results),
        "spent": [spent(results, variant) for variant in results.ablation.variants],
        "with_interval": with_interval,
    }


def numbers(results: Results) -> dict[str, Any]:
    """Every number of the report, with the revision of each run."""
    return {
        "name": results.name,
        "question": results.ablation.question,
        "baseline": results.ablation.baseline,
        "budget": results.ablation.budget,
        "revision": results.revision,
        "runs": {
            run.experiment.name: {
                "variant": run.experiment.variant,
                "seed": run.experiment.seed,
                "revision": run.revision,
                "train": run.reports.get("train", {}),
                "scores": run.reports.get("evaluate", {}).get("scores", {}),
                "contamination": run.reports.get("contamination", {}).get("tasks", {}),
            }
            for run in results.runs
        },
        "comparisons": {
            comparison.name: {
                "sentence": comparison.sentence(),
                "tasks": [
                    vars(difference) | {"verdict": difference.verdict}
                    for difference in (*comparison.tasks, *comparison.means)
                ],
                "left_out": comparison.left_out,
            }
            for comparison in results.comparisons
        },
        "signals": [vars(signal) | {"failures": signal.failures()} for signal in results.signals],
    }


def sentences(results: Results) -> list[str]:
    """One per variant."""
    compared = [comparison.sentence() for comparison in results.comparisons]
    return compared + [f"{variant}: not compared: {reason}" for variant, reason in results.incomparable.items()]


def caveats(results: Results) -> list[str]:
    """What these numbers don't show."""
    lines = []
    if len(results.runs) < results.planned:
        lines.append(f"Unfinished: {len(results.runs)} of {results.planned} runs are in.")
    seeds = len(results.ablation.seeds)
    trained = next((run.reports["train"] for run in results.runs if run.reports.get("train")), {})
    size, tokens = short(trained.get("parameters")), short(trained.get("tokens"))
    lines.append(
        f"{seeds} seed{'s' if seeds > 1 else ''} per variant, models of {size} parameters trained on {tokens} tokens: "
        "what holds here need not hold for larger ones."
    )
    if results.unequal:
        names = ", ".join(run.experiment.name for run in results.unequal)
        lines.append(f"The budget of these runs differs from the baseline's: {names}.")
    if results.repeated:
        most = max(results.repeated, key=lambda run: run.measured("train", "epochs"))
        names = ", ".join(dict.fromkeys(run.experiment.variant for run in results.repeated))
        lines.append(
            f"The corpus of {names} is smaller than the budget, so parts of it were seen again "
            f"(up to {most.measured('train', 'epochs'):.2f} epochs)."
        )
    weak = [f"{signal.task} ({', '.join(signal.failures())})" for signal in results.signals if signal.failures()]
    if weak:
        lines.append(f"These tasks show little at this size: {'; '.join(weak)}.")
    for task, reason in {task: why for each in results.comparisons for task, why in each.left_out.items()}.items():
        lines.append(f"{task} is left out: {reason}.")
    shares: dict[str, float] = {}
    for run in results.runs:
        for task, overlap in run.reports.get("contamination", {}).get("tasks", {}).items():
            shares[task] = max(shares.get(task, 0.0), overlap.get("share") or 0.0)
    overlaps = ", ".join(f"{task} {percent(share)}" for task, share in sorted(shares.items()) if share)
    if overlaps:
        lines.append(f"Items that overlap with a train split (the most of any run; counted above): {overlaps}.")
    return lines


def picture(results: Results) -> str:
    """What separates the variants, as a file for a README: the means and tasks with a verdict, or else the first."""
    groups = _differences(results)
    decided = [group for group in groups if any(interval.kind for interval in group[1])]
    charts = [(name, intervals(WIDE, values, unit=unit)) for name, values, unit in decided or groups[:1]]
    return stand_alone(f"{results.name}: differences to {results.ablation.baseline}", charts)


def _differences(results: Results) -> list[tuple[str, list[Interval], str]]:
    """(name, one interval per variant, unit) for each mean over tasks and each task."""
    rows: dict[tuple[str, bool], list[Interval]] = {}
    for comparison in results.comparisons:
        for each in (*comparison.means, *comparison.tasks):
            factor = 1.0 if each.metric == BITS else 100.0
            note = f"{comparison.name}, {each.task}: {with_interval(each)}, p {each.corrected:.3g}"
            low, value, high = (factor * bound for bound in (each.low, each.difference, each.high))
            heading = f"{label(each.task)} ({'bits per byte' if each.metric == BITS else label(each.metric)})"
            row = Interval(comparison.name, value, low, high, KINDS[each.verdict], note)
            rows.setdefault((heading, each.metric == BITS), []).append(row)
    units = {True: "bits per byte (lower is better)", False: "points (higher is better)"}
    return [(name, values, units[bits]) for (name, bits), values in rows.items()]


def spent(results: Results, variant: str) -> dict[str, Any]:
    """What a variant changes and was trained on; means over its runs, None where that is not known.

    `epochs`: the most of any run. `bits_per_byte`: of its own validation split, so not comparable across curations.
    """
    runs = results.of(variant)
    means = {"documents": ("dataset", "documents_out"), "tokens": ("train", "tokens"), "flops": ("train", "flops")}
    means |= {"epochs": ("train", "epochs"), "bits_per_byte": ("train", "validation_bits_per_byte")}
    measured = {name: [number(run.measured(*place)) for run in runs] for name, place in means.items()}
    known = {name: [value for value in values if value is not None] for name, values in measured.items()}
    changes = ", ".join(f"{key}={json.dumps(value)}" for key, value in results.changes[variant].items())
    return {name: sum(values) / len(values) if values else None for name, values in known.items()} | {
        "variant": variant,
        "runs": len(runs),
        "changes": changes or "as params.yaml",
        "epochs": max(known["epochs"], default=None),
        "revisions": ", ".join(run.revision[:7] for run in runs),
    }


def with_interval(each: Difference) -> str:
    """A difference with half its 95 % interval."""
    half = (each.high - each.low) / 2
    if each.metric == BITS:
        return f"{each.difference:+.4f} ± {half:.4f} bits per byte"
    return f"{100 * each.difference:+.1f} ± {100 * half:.1f} points"
