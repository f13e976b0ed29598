"""The adapter `lab` against lm-eval's `hf`: seconds for the same requests of the same model, and whether they agree.

`python -m lab.bench.evaluate [--model data/export] [--dataset data/dataset] [--blimp FOLDER]`, needs accelerate. `hf`
runs with its default batch of 1 and with larger ones; each is timed in turn with ours, and the best of the repeats
counts. Times are CPU seconds of one thread, so that what else the machine does matters little. Tokenization is in the
time, loading is not.
"""

import argparse
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from lab.bench.published import publish, run_command
from lab.machine import processor

TABLE = Path("reports/benchmarks/evaluate.md")
BATCHES = (1, 16, 64)  # of `hf`
PARADIGM_PAIRS = 10  # of each BLiMP paradigm

Requests = tuple[str, list[tuple]]  # kind of request, arguments


@dataclass(frozen=True)
class Timing:
    """Best seconds of both for one task, and the largest difference between their log-likelihoods (nats)."""

    task: str
    requests: int
    ours: float
    theirs: dict[int, float]  # batch size -> seconds
    apart: float

    def row(self) -> str:
        best = min(self.theirs.values())
        theirs = " | ".join(f"{self.theirs[batch]:.2f}" for batch in BATCHES)
        first = self.theirs[BATCHES[0]]
        return (
            f"| {self.task} | {self.requests} | {theirs} | {self.ours:.2f} | {first / self.ours:.1f} | "
            f"{best / self.ours:.1f} | {self.apart:.0e} |"
        )


def requests(dataset: Path, items: int, blimp: Path | None) -> dict[str, Requests]:
    """The sample suite's requests by task, and some of BLiMP's."""
    from lab.evaluate.held_out import read_pages
    from lab.evaluate.items import make_items

    made, _ = make_items(read_pages(dataset, 2 * items, 1), items, 1)
    found: dict[str, Requests] = {}
    for task, rows in made.items():
        if "choices" in rows[0]:
            between = " " if rows[0]["text"] else ""
            asked = [(row["text"], between + choice) for row in rows for choice in row["choices"]]
            found[task] = "loglikelihood", asked
        else:
            found[task] = "loglikelihood_rolling", [(row["text"],) for row in rows]
    if blimp is not None:
        pairs = [
            row for path in sorted(blimp.glob("*.parquet")) for row in pq.read_table(path).to_pylist()[:PARADIGM_PAIRS]
        ]
        sentences = [row[name] for row in pairs for name in ("sentence_good", "sentence_bad")]
        found["blimp"] = "loglikelihood", [("", f" {sentence}") for sentence in sentences]
    return found


def measure(model: Path, asked: Mapping[str, Requests], repeats: int) -> list[Timing]:
    """Time each task's requests. Answers of the last repeat are compared."""
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
            ours._encoded.cache_clear()  # so that no repeat has texts tokenized already
            answers[0] = _timed(lambda: getattr(ours, kind)(instances), seconds[0])  # noqa: B023
            for batch, lm in theirs.items():
                answers[batch] = _timed(lambda: getattr(lm, kind)(instances, disable_tqdm=True), seconds[batch])  # noqa: B023
        apart = max(
            abs(_likelihood(one) - _likelihood(other))
            for one, other in zip(answers[0], answers[BATCHES[-1]], strict=True)
        )
        best = {batch: min(found) for batch, found in seconds.items()}
        timings.append(Timing(task, len(instances), best.pop(0), best, apart))
    return timings


def table(timings: Sequence[Timing], described: str) -> str:
    """Markdown."""
    head = " | ".join(f"hf, batch {batch}" for batch in BATCHES)
    return "\n".join(
        [
            "# lm-eval: the adapter `lab` against `hf`",
            "",
            f"{described}; {processor()}. CPU seconds of one thread, the best of the repeats.",
            "Times faster: than `hf` as it is by default (batch 1), and than the best of its batch sizes here.",
            "Apart: the largest difference between both's log-likelihoods of one request, in nats.",
            "Made by `python -m lab.bench.evaluate`.",
            "",
            f"| task | requests | {head} | lab | x default | x best | apart |",
            "| --- " + "| ---: " * (len(BATCHES) + 5) + "|",
            *(timing.row() for timing in timings),
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/export"))
    parser.add_argument("--dataset", type=Path, default=Path("data/dataset"))
    parser.add_argument("--blimp", type=Path, help="a folder of BLiMP's paradigms as parquet files")
    parser.add_argument("--items", type=int, default=100, help="of each task of the sample suite")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=TABLE)
    given = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    from lab.model.huggingface import load

    torch.set_num_threads(1)
    model, _ = load(given.model)
    described = f"{model.config.parameters():,} parameters, context {model.config.context}"
    timings = measure(given.model, requests(given.dataset, given.items, given.blimp), given.repeats)
    text = table(timings, described)
    publish(given.out, text)


def _timed(run: Callable[[], list], seconds: list[float]) -> list:
    started = time.process_time()
    found = run()
    seconds.append(time.process_time() - started)
    return found


def _likelihood(answer: float | tuple[float, bool]) -> float:
    return answer[0] if isinstance(answer, tuple) else answer


if __name__ == "__main__":
    run_command(main)
