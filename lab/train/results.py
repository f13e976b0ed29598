"""What a training run leaves: weights, their description, sample texts, the curve and the metrics.

All of it is the same for the same inputs; what depends on the machine (tokens per second, MFU) goes to the terminal and
to tracking only.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import tiktoken
from safetensors.torch import save_file

from lab.files import write_json, write_json_lines, written_whole
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.model.generate import generate
from lab.tokens import bits_per_byte
from lab.train.data import TokenData, unigram_entropy
from lab.train.stored import whole_weights

CURVE = ("step", "tokens", "loss", "validation_loss", "learning_rate")
PROMPTS, PROMPT_TOKENS, SAMPLE_TOKENS = 3, 24, 96


def prompts(data: TokenData) -> list[list[int]]:
    """The first tokens of a few validation sequences."""
    length = min(PROMPT_TOKENS, data.layout.context - 1)
    starts = data.validation_items()[:: max(1, len(data.validation_items()) // PROMPTS)][:PROMPTS] * data.layout.context
    return [data.validation[int(start) : int(start) + length].tolist() for start in starts]


def samples(model: Transformer, context: int, encoding: tiktoken.Encoding, prompts: list[list[int]]) -> Iterator[dict]:
    """Continuations of prompts, the same for the same weights."""
    model.eval()
    for seed, prompt in enumerate(prompts):
        length = min(SAMPLE_TOKENS, context - len(prompt))
        stream = generate(model, prompt, max_tokens=length, temperature=0.8, top_k=None, top_p=0.95, seed=seed)
        yield {"prompt": encoding.decode(prompt), "text": encoding.decode(list(islice(stream, length)))}
    model.train()


def metrics(state: Mapping, data: TokenData, config: ModelConfig, bytes_per_token: float) -> dict:
    """The stage's metrics for a checkpoint's state."""
    step, tokens, _, validation, _ = state["curve"][-1]
    return {
        "loss": round(last_loss(state["curve"]), 6),
        "validation_loss": round(validation, 6),  # nats per token
        "validation_bits_per_byte": round(bits_per_byte(validation, bytes_per_token), 6),
        "unigram_entropy": round(unigram_entropy(data.validation, config.vocabulary), 6),  # of the validation split
        "tokens": tokens,
        "steps": step,
        "skipped_steps": state["spikes"]["skipped"],
        "epochs": round(data.layout.sequences_before(step) / data.sequences_per_epoch, 4),
        "parameters": config.parameters(),
        "flops": int(tokens * config.flops_per_token()),
    }


def last_loss(curve: list[list]) -> float:
    """The last loss that is a number; a skipped step's may not be."""
    return next((row[2] for row in reversed(curve) if row[2] is not None), float("nan"))


def write_validations(path: Path, rows: list[dict[str, float]], flops_per_token: float, bytes_per_token: float) -> None:
    """A row per validation: tokens, FLOPs, bits per byte, the loss by source, and norms and rates by group."""
    table = [
        {
            "step": row["step"],
            "tokens": row["tokens"],
            "flops": int(row["tokens"] * flops_per_token),
            "validation_loss": row["validation_loss"],
            "bits_per_byte": bits_per_byte(row["validation_loss"], bytes_per_token),
            **row,
        }
        for row in rows
    ]
    columns = list(dict.fromkeys(name for row in table for name in row))
    write_table(path, columns, [[row.get(name) for name in columns] for row in table])


def write_table(path: Path, columns: Sequence[str], rows: list[list]) -> None:
    with written_whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if value is None else round(value, 8) for value in row] for row in rows])


def write_model(out: Path, model: Transformer, about: dict, samples: list[dict]) -> None:
    """Weights under their names in lab.model (tied ones once), samples, and model.json."""
    with written_whole(out / "model.safetensors") as temporary:
        save_file(whole_weights(model), temporary)
    write_json_lines(out / "samples.jsonl", samples)
    write_json(out / "model.json", about)
