"""`lab generate` beside transformers' `generate`: tokens a second of the same model, and whether both say the same.

`python -m bench.generate [--model data/export] [--tokens N] [--runs N]`, needs a model that transformers loads too.
Greedy and sampled, one text and eight, float32; both in turns, the median of the runs counts. Times are CPU seconds of
one thread, so that what else the machine does matters little. Each of ours is what the command line and the evaluation
call: a prompt in, tokens out one by one. Reading the prompt is in the time, loading is not. About 2 minutes.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.published import publish, run_command
from lab.errors import InputError
from lab.machine import processor

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from lab.model.transformer import Transformer

TABLE = Path("reports/benchmarks/generate.md")
BATCHES = (1, 8)
SAMPLED = {"temperature": 0.8, "top_k": 50, "top_p": 0.95}
WAYS: dict[str, dict[str, float]] = {
    "greedy": {},
    "top-p": {"temperature": 0.8, "top_p": 0.95},
    "top-k, top-p": SAMPLED,
}
PROMPT = "The ferry to the island leaves when the tide is high. " * 8

Texts = list[list[int]]


@dataclass(frozen=True)
class Timing:
    """Median tokens a second of both for one way of choosing tokens; `same`: share of equal tokens, greedy only."""

    way: str
    batch: int
    ours: float
    theirs: float
    same: float | None

    def row(self) -> str:
        same = "" if self.same is None else f"{100 * self.same:.0f} %"
        figures = f"{self.theirs:,.0f} | {self.ours:,.0f} | {self.ours / self.theirs:.2f}"
        return f"| {self.way} | {self.batch} | {figures} | {same} |"


def ours(model: "Transformer", prompts: Texts, tokens: int, way: dict[str, float], seed: int) -> Texts:
    from lab.model.generate import generate, generate_batch

    chosen = way or {"temperature": 0.0}
    if len(prompts) == 1:
        return [list(generate(model, prompts[0], max_tokens=tokens, seed=seed, **chosen))]
    return generate_batch(model, prompts, max_tokens=tokens, seed=seed, **chosen)


def theirs(model: "PreTrainedModel", prompts: Texts, tokens: int, way: dict[str, float], seed: int) -> Texts:
    import torch
    from transformers import GenerationConfig

    # top_k is 50 by default; 0 leaves it out.
    settings = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=bool(way),
        pad_token_id=0,
        **({"top_k": 0} | way if way else {}),
    )
    torch.manual_seed(seed)
    read = torch.tensor(prompts)
    whole = model.generate(read, attention_mask=torch.ones_like(read), generation_config=settings)
    texts = whole[:, read.shape[1] :]
    assert texts.shape[1] == tokens, "transformers stopped before"
    return texts.tolist()


def measure(folder: Path, tokens: int, runs: int) -> list[Timing]:
    """Time all ways and batches, both models in turns."""
    from transformers import AutoModelForCausalLM

    from lab.model.huggingface import load

    model, encoding = load(folder)
    model.eval()
    other = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    other.generation_config.eos_token_id = None  # so that both make the same number of tokens
    room = model.config.context - tokens
    if room < 1:
        raise InputError(f"--tokens {tokens}: the model's context is {model.config.context}. Lower it.")
    ids = encoding.encode_ordinary(PROMPT)
    timings = []
    for batch in BATCHES:
        prompts = [ids[row : row + min(room, len(ids) - max(BATCHES))] for row in range(batch)]
        for name, way in WAYS.items():
            seconds: tuple[list[float], list[float]] = [], []
            for run in range(runs + 1):  # the first warms both up
                texts = _timed(lambda: ours(model, prompts, tokens, way, run), seconds[0])  # noqa: B023
                expected = _timed(lambda: theirs(other, prompts, tokens, way, run), seconds[1])  # noqa: B023
            speeds = [batch * tokens / median(timed[1:]) for timed in seconds]
            timings.append(Timing(name, batch, *speeds, None if way else _agreement(texts, expected)))
    return timings


def _timed(run: Callable[[], Texts], seconds: list[float]) -> Texts:
    started = time.process_time()
    texts = run()
    seconds.append(time.process_time() - started)
    return texts


def _agreement(one: Texts, other: Texts) -> float:
    pairs = [pair for row in zip(one, other, strict=True) for pair in zip(*row, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def table(timings: Sequence[Timing], described: str) -> str:
    """Markdown."""
    return "\n".join(
        [
            "# Generation: `lab generate` beside transformers' `generate`",
            "",
            f"{described}; {processor()}.",
            "Tokens per CPU second of one thread, all texts together, the median of the runs, both in turns.",
            "Same: greedy tokens that agree.",
            "Made by `python -m bench.generate`.",
            "",
            "| tokens by | texts at once | transformers | lab | times as fast | same |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *(timing.row() for timing in timings),
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/export"))
    parser.add_argument("--tokens", type=int, default=192, help="new tokens per text")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    if not options.model.is_dir():
        raise InputError(f"{options.model}: no exported model here. Run `dvc repro export`, or give --model FOLDER.")
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    from lab.model.huggingface import load

    torch.set_num_threads(1)
    model, _ = load(options.model)
    described = (
        f"{model.config.parameters():,} parameters, context {model.config.context}, float32, {options.tokens} new "
        f"tokens per text, transformers {transformers.__version__}, torch {torch.__version__}"
    )
    publish(options.out, table(measure(options.model, options.tokens, options.runs), described))


if __name__ == "__main__":
    run_command(main)
