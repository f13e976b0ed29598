"""Our training beside nanoGPT's, litgpt's and transformers' Trainer: in, the sample's dataset; out, a table of speeds.

`python -m bench.train [--device cuda] [--nanogpt PATH] [--compiled] [--runs N]` after `make repro`. The same
tokens, sizes, batch and type, in turns, on two cores (or one GPU); each run is a process of its own. Contenders that
are not available are named and left out. The work is in bench.training_work, the loops in own_training and
reference_training. Needs data/dataset, and the network to install contenders; about 15 minutes on two cores.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from bench.processes import run_bound
from bench.published import publish, run_command
from bench.training_peers import FOLDER, LITGPT, NANOGPT, litgpt_folder, nanogpt_folder
from bench.training_work import SETTLING, Result, Work
from lab.errors import InputError, LabError
from lab.machine import cores, processor
from lab.params import EngineParams, TokenizeParams, TokenizerParams
from lab.tokens import tokenize, tokenizer

TABLE = Path("reports/benchmarks/train.md")
DATASET = Path("data/dataset")
CORES = 2
ON_CPU = ("torch's attention", "freed memory given back")
TRICKS = (*ON_CPU, "logits whole", "AdamW not fused", "document mask")
NOTES = f"""\
- A step's time is from the end of an optimiser's step to the end of the next one, by torch's own hook, the same in
  every loop: batches, clipping, logging and the loop's own work count. The first {SETTLING} steps are not timed.
- Ours is what the stage `train` runs: Lightning, TrainingModule, memory-mapped shards. nanoGPT is train.py
  (commit {NANOGPT[:12]}), unchanged, except for the line by which a CPU takes float32 always, in bfloat16; it draws
  its sequences at random from the same tokens, and its GELU is the exact one.
  litgpt is pretrain.setup ({LITGPT}) with our batches, on this environment's torch. Trainer is transformers', with
  LlamaForCausalLM and its default, fused AdamW; it learns 255 of 256 targets.
- bfloat16 is autocast's: products take it, weights and optimiser state stay float32.
- AdamW at a constant 1e-3, weight decay 0.1, gradients clipped at 1. litgpt and Trainer have other initial weights.
- Losses are those that each loop reports for its first and last step: the same work, so about the same losses.
- Memory: the process's peak minus its memory before the model was made, divided by the tokens of a step;
  weights and optimiser state (16 bytes a parameter) included."""


@dataclass(frozen=True)
class Contender:
    """One line of a table."""

    name: str  # ours, or a key of reference_training.CONTENDERS
    work: Work
    source: Path = Path()  # its code

    @property
    def label(self) -> str:
        return " ".join(filter(None, [self.name, "compiled" if self.work.compiled else "", self.work.variant]))


def works(device: str, tokens: Path, steps: int) -> list[Work]:
    """The work: 10M parameters of two styles and types on a CPU; GPT-2 124M, 0.5M tokens per step, on a GPU."""
    if device == "cuda":
        # 50,257 tokens padded to a multiple of 128.
        sizes = (12, 768, 12, 3072, 50_304, 1024, 512, 32)
        return [Work("gpt2", str(tokens), *sizes, steps, "cuda", "bfloat16", compiled=True)]
    gpt2 = Work("gpt2", str(tokens), 6, 320, 5, 1280, 8192, 256, 8, 8, steps)
    styles = (gpt2, replace(gpt2, style="llama", ffn=896))
    return [replace(work, dtype=dtype) for dtype in ("float32", "bfloat16") for work in styles]


def variants(work: Work, *, compiled: bool) -> list[Contender]:
    """Ours as it is, then with each trick left out or added; `compiled`: with torch.compile on or off, too."""
    left_out = ON_CPU if work.device != "cpu" else ()
    changes = [{"variant": name} for name in TRICKS if name not in left_out]
    changes += [{"compiled": not work.compiled}] if compiled else []
    return [Contender("ours", replace(work, **change)) for change in [{}, *changes]]


def make_tokens(dataset: Path, vocabulary: int) -> Path:
    """Shards of the dataset by a tokenizer of `vocabulary` tokens, under .lab/bench; made once."""
    folder = FOLDER / f"tokens-{vocabulary}"
    if not (folder / "tokens/index.json").exists():
        if not dataset.is_dir():
            raise InputError(f"{dataset}: no such folder. Run `make repro` first.")
        tokenizer.run(dataset, folder / "tokenizer", TokenizerParams(vocabulary=vocabulary), EngineParams())
        tokenize.run(dataset, folder / "tokenizer", folder / "tokens", TokenizeParams(), EngineParams())
    return (folder / "tokens").absolute()


def run(contender: Contender) -> Result:
    """One run in a process of its own, on CORES cores. LabError where it fails."""
    work = contender.work
    arguments = ["bench.own_training"] if contender.name == "ours" else ["bench.reference_training"]
    arguments += [] if contender.name == "ours" else [contender.name]
    arguments += [work.to_json()] + ([] if contender.name == "ours" else [str(contender.source)])
    on_cpu = work.device == "cpu"
    environment = {"OMP_NUM_THREADS": str(min(CORES, cores()))} if on_cpu else {}
    command = [sys.executable, "-m", *arguments]
    return Result(**run_bound(command, CORES if on_cpu else None, contender.label, **environment))


def in_turns(contenders: list[Contender], runs: int) -> dict[Contender, list[Result]]:
    """The runs of each, one after the other in every turn, so that a busy moment hits all."""
    results = defaultdict(list)
    for turn in range(runs):
        for contender in contenders:
            results[contender].append(run(contender))
            rate = results[contender][-1].rate(contender.work)
            what = f"{contender.work.style}, {contender.work.dtype}, {contender.label}"
            print(f"turn {turn + 1}: {what}: {rate:,.0f} tokens/s", file=sys.stderr)
    return results


def contenders_of(work: Work, peers: dict[str, Path], compiled: bool) -> list[Contender]:
    """Ours and those that have this work's style; `compiled`: each through torch.compile too."""
    names = ["nanoGPT"] if work.style == "gpt2" else ["litgpt", "Trainer"]
    contenders = [Contender("ours", work), *(Contender(name, work, peers[name]) for name in names if name in peers)]
    return contenders + [replace(one, work=replace(one.work, compiled=True)) for one in contenders if compiled]


def _rate(contender: Contender, results: list[Result]) -> float:
    return median(result.rate(contender.work) for result in results)


def table(runs: dict[Contender, list[Result]]) -> list[str]:
    """A style's contenders in Markdown lines; ratios are of the first, ours."""
    first, *_ = runs
    ours = _rate(first, runs[first])
    work, result = first.work, runs[first][0]
    lines = [
        f"## {'GPT-2' if work.style == 'gpt2' else 'Llama'} style in {work.dtype}: {work.layers} layers of width "
        f"{work.width}, vocabulary {work.vocabulary:,}",
        "",
        f"{work.step_tokens:,} tokens per step, context {work.context}, {work.sequences // work.micro_batch} "
        "micro-batch(es).",
        _summary(runs),
        f"Making a batch takes {result.data_seconds / median(result.seconds):.2%} of a step.",
        "",
        "| | parameters | tokens/s | ours is faster by | MFU | loss, first and last step | memory, KB per token |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for contender, results in runs.items():
        rate, last = _rate(contender, results), results[-1]
        lines.append(
            f"| {contender.label} | {last.parameters:,} | {rate:,.0f} | {ours / rate:.2f} | "
            f"{rate * result.flops_per_token / median(r.peak for r in runs[first]):.1%} | "
            f"{last.losses[0]:.2f}, {last.losses[-1]:.2f} | {_memory(contender, results):.0f} |"
        )
    return [*lines, ""]


def _summary(runs: dict[Contender, list[Result]]) -> str:
    """Ours beside the fastest of the others, like with like: as it is, and compiled."""
    ratios = []
    for compiled in (False, True):
        rates = {one.name: _rate(one, results) for one, results in runs.items() if one.work.compiled == compiled}
        ours = rates.pop("ours", 0.0)
        if rates:
            ratios.append(f"{'compiled all, ' if compiled else ''}**{ours / max(rates.values()):.2f} times**")
    return f"Ours is {'; '.join(ratios)} as fast as the fastest of the others." if ratios else ""


def tricks_table(runs: dict[Contender, list[Result]]) -> list[str]:
    """The effect of each trick alone, in Markdown lines; the first contender has all of them."""
    (first, base), *changed = runs.items()
    lines = [
        f"## Each trick alone: ours, GPT-2 style in {first.work.dtype}, with one thing changed",
        "",
        "| | tokens/s | of ours as it is | memory, KB per token |",
        "| --- | ---: | ---: | ---: |",
        f"| as it is | {_rate(first, base):,.0f} | 1.00 | {_memory(first, base):.0f} |",
    ]
    for one, results in changed:
        share = _rate(one, results) / _rate(first, base)
        lines.append(f"| {one.label} | {_rate(one, results):,.0f} | {share:.2f} | {_memory(one, results):.0f} |")
    return [*lines, ""]


def _memory(contender: Contender, results: list[Result]) -> float:
    return median(result.memory for result in results) / contender.work.step_tokens / 1024


def available_peers(nanogpt: Path | None) -> dict[str, Path]:
    """Contenders whose code is at hand; missing ones are named on stderr."""
    peers = {"Trainer": Path()}
    for name, find in (("nanoGPT", lambda: nanogpt_folder(nanogpt)), ("litgpt", litgpt_folder)):
        try:
            peers[name] = find()
        except LabError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return peers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--nanogpt", type=Path, help="a checkout of karpathy/nanoGPT, for machines without a network")
    parser.add_argument("--compiled", action="store_true", help="each through torch.compile too (needs a C++ compiler)")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    peers, device = available_peers(arguments.nanogpt), arguments.device
    chosen = works(device, make_tokens(DATASET, 8192), arguments.steps)
    where = torch.cuda.get_device_name() if device == "cuda" else f"{min(CORES, cores())} cores ({processor()})"
    lines = [
        "# Training: ours beside nanoGPT, litgpt and transformers' Trainer",
        "",
        f"On {where}, torch {torch.__version__}; median of {arguments.runs} runs of {arguments.steps} steps, in turns.",
        f"Made by `python -m bench.train{' --device cuda' if device == 'cuda' else ''}"
        f"{' --compiled' if arguments.compiled else ''}`. "
        "MFU is the share of what one large matrix product reaches here.",
        "",
        *(f"{name} could not be had here and is left out.\n" for name in ("nanoGPT", "litgpt") if name not in peers),
    ]
    compiled = arguments.compiled and device == "cpu"
    for work in chosen:
        lines += table(in_turns(contenders_of(work, peers, compiled), arguments.runs))
    for work in chosen:
        if work.style == "gpt2":
            lines += tricks_table(in_turns(variants(work, compiled=compiled or device == "cuda"), arguments.runs))
    publish(arguments.out, "\n".join([*lines, NOTES, ""]))


if __name__ == "__main__":
    run_command(main)
