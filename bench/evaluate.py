"""The adapter `lab` against lm-eval's `hf`: seconds for the same requests of the same model, and whether they agree.

`python -m bench.evaluate [--model data/export] [--dataset data/dataset] [--blimp FOLDER] [--wikitext FILE]`, needs
accelerate. `hf` runs with its default batch of 1 and with larger ones, of which the best counts too. All have the same
number of threads and take turns; the medians are compared. Wall time, which a user waits for: nothing else may run on
the machine. Tokenization is included, loading is not.
"""

import argparse
import logging
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from bench.published import publish, run_command
from lab.machine import cores, processor

TABLE = Path("reports/benchmarks/evaluate.md")
BATCHES = (1, 16, 64)  # of `hf`
PARADIGM_PAIRS = 10  # of each BLiMP paradigm
BLIMP = Path("../shared/data/blimp")
WIKITEXT = Path("../shared/data/wikitext-2/test.txt")
ARTICLES = 6  # of WikiText-2's test split

Requests = tuple[str, list[tuple]]  # kind of request, arguments


@dataclass(frozen=True)
class Timing:
    """One task: median seconds of both, and the largest difference between their log-likelihoods (nats)."""

    task: str
    requests: int
    ours: float
    theirs: dict[int, float]  # batch size -> seconds
    apart: float

    @property
    def default(self) -> float:
        return self.theirs[BATCHES[0]] / self.ours

    @property
    def best(self) -> float:
        return min(self.theirs.values()) / self.ours

    def row(self) -> str:
        theirs = " | ".join(f"{self.theirs[batch]:.2f}" for batch in BATCHES)
        return (
            f"| {self.task} | {self.requests} | {theirs} | {self.ours:.2f} | {self.default:.1f} | {self.best:.1f} | "
            f"{self.apart:.0e} |"
        )


def requests(dataset: Path, items: int, blimp: Path, wikitext: Path) -> dict[str, Requests]:
    """The sample suite's requests by task, and some of BLiMP's and WikiText-2's where their data is available."""
    from lab.evaluate.held_out import read_pages
    from lab.evaluate.sample import make_items

    tasks, _ = make_items(read_pages(dataset, 2 * items, 1), items, 1)
    by_task: dict[str, Requests] = {}
    for task, rows in tasks.items():
        if "choices" in rows[0]:
            between = " " if rows[0]["text"] else ""
            asked = [(row["text"], between + choice) for row in rows for choice in row["choices"]]
            by_task[task] = "loglikelihood", asked
        else:
            by_task[task] = "loglikelihood_rolling", [(row["text"],) for row in rows]
    if blimp.is_dir():
        pairs = [
            row for path in sorted(blimp.glob("*.parquet")) for row in pq.read_table(path).to_pylist()[:PARADIGM_PAIRS]
        ]
        sentences = [row[name] for row in pairs for name in ("sentence_good", "sentence_bad")]
        by_task["blimp"] = "loglikelihood", [("", f" {sentence}") for sentence in sentences]
    if wikitext.is_file():
        from lab.evaluate.gpt2.texts import wikitext as articles

        lines = wikitext.read_text("utf-8").split("\n")
        texts = articles([{"text": f"{line}\n"} for line in lines])["text"][:ARTICLES]
        by_task["wikitext-2"] = "loglikelihood_rolling", [(text,) for text in texts]
    return by_task


def measure(model: Path, asked: Mapping[str, Requests], repeats: int) -> list[Timing]:
    """Time each task's requests, in turns; the answers of the last repeat are compared."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from lab.evaluate.adapter import LabLM

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    ours = LabLM(model, device="cpu")
    theirs = {batch: HFLM(pretrained=str(model), device="cpu", batch_size=batch) for batch in BATCHES}
    timings = []
    for task, (kind, arguments) in asked.items():
        instances = [Instance(request_type=kind, doc={}, arguments=args, idx=0) for args in arguments]
        seconds: dict[int, list[float]] = {0: [], **{batch: [] for batch in BATCHES}}
        answers: dict[int, list] = {}
        for _ in range(repeats):
            ours._encoded.cache_clear()  # so that each repeat tokenizes its texts
            answers[0] = _timed(lambda: getattr(ours, kind)(instances), seconds[0])  # noqa: B023
            with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # `hf` shows a bar for each text
                for batch, lm in theirs.items():
                    answers[batch] = _timed(lambda: getattr(lm, kind)(instances, disable_tqdm=True), seconds[batch])  # noqa: B023
        apart = max(
            abs(_likelihood(one) - _likelihood(other))
            for one, other in zip(answers[0], answers[BATCHES[-1]], strict=True)
        )
        medians = {batch: statistics.median(of_batch) for batch, of_batch in seconds.items()}
        timings.append(Timing(task, len(instances), medians.pop(0), medians, apart))
    return timings


def suites(timings: Sequence[Timing]) -> list[Timing]:
    """The same by suite: the sample suite's tasks added up."""
    sample = [timing for timing in timings if timing.task.startswith("lab_")]
    others = [timing for timing in timings if not timing.task.startswith("lab_")]
    if not sample:
        return others
    theirs = {batch: sum(timing.theirs[batch] for timing in sample) for batch in BATCHES}
    ours, apart = sum(timing.ours for timing in sample), max(timing.apart for timing in sample)
    return [Timing("sample", sum(timing.requests for timing in sample), ours, theirs, apart), *others]


def table(timings: Sequence[Timing], described: str) -> str:
    """Markdown."""
    head = " | ".join(f"hf, batch {batch}" for batch in BATCHES)
    return "\n".join(
        [
            "# lm-eval: the adapter `lab` against `hf`",
            "",
            f"{described}; {processor()}. Seconds that pass, medians of turns.",
            "Times faster: than `hf` as it is by default (batch 1), and than the best of its batch sizes for each row.",
            "Apart: the largest difference between both's log-likelihoods of one request, in nats.",
            "",
            "Where a task asks for every token of long texts (bits per byte, WikiText-2), both compute the same matrix",
            "products in float32, so that only what is around them can be saved; choices share their questions.",
            "Made by `python -m bench.evaluate`.",
            "",
            *_rows("suite", head, suites(timings)),
            "",
            *_rows("task", head, timings),
            "",
        ]
    )


def _rows(what: str, head: str, timings: Sequence[Timing]) -> list[str]:
    return [
        f"| {what} | requests | {head} | lab | x default | x best | apart |",
        "| --- " + "| ---: " * (len(BATCHES) + 5) + "|",
        *(timing.row() for timing in timings),
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/export"))
    parser.add_argument("--dataset", type=Path, default=Path("data/dataset"))
    parser.add_argument("--blimp", type=Path, default=BLIMP, help="a folder of BLiMP's paradigms as parquet files")
    parser.add_argument("--wikitext", type=Path, default=WIKITEXT, help="WikiText-2's test split, as lines")
    parser.add_argument("--threads", type=int, default=cores(), help="of each")
    parser.add_argument("--items", type=int, default=60, help="of each task of the sample suite")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    from lab.model.huggingface import load

    torch.set_num_threads(options.threads)
    model, _ = load(options.model)
    described = (
        f"{model.config.parameters():,} parameters, context {model.config.context}, {options.threads} threads for each"
    )
    asked = requests(options.dataset, options.items, options.blimp, options.wikitext)
    timings = measure(options.model, asked, options.repeats)
    text = table(timings, described)
    publish(options.out, text)


def _timed(run: Callable[[], list], seconds: list[float]) -> list:
    started = time.perf_counter()
    answers = run()
    seconds.append(time.perf_counter() - started)
    return answers


def _likelihood(answer: float | tuple[float, bool]) -> float:
    return answer[0] if isinstance(answer, tuple) else answer


if __name__ == "__main__":
    run_command(main)
