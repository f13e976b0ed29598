"""Others' training for bench.train: in, a contender's name and a Work as JSON; out, its Result as JSON, last line.

Each contender's own code runs its own loop: nanoGPT's train.py, litgpt.pretrain.setup with a data module of our
batches, transformers' Trainer. What they log in each step, they log.
"""

import io
import json
import os
import pickle
import re
import runpy
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bench.training_work import BETA2, CLIP, LEARNING_RATE, WEIGHT_DECAY, Result, Stopwatch, Work
from lab.params import TrainParams
from lab.tokens.shards import open_tokens
from lab.train.batches import BatchPlan
from lab.train.data import Batches

NEVER = 1 << 30  # steps
NANOGPT_FLOAT32_ON_CPU = "ctx = nullcontext() if device_type == 'cpu' else"  # whatever its dtype says


class Sequences(Dataset):
    """The sequences [context + 1] of a work, in the order in which ours trains on them."""

    def __init__(self, work: Work):
        layout = BatchPlan(work.context, 1, 1, 1)
        self._work = work
        self._batches = Batches(open_tokens(Path(work.tokens), "train"), layout, TrainParams().seed, 0)

    def __len__(self) -> int:
        return (self._work.steps + 1) * self._work.sequences

    def __getitem__(self, index: int) -> torch.Tensor:
        if index >= len(self):
            raise IndexError(index)
        return self._batches[index][0]


def nanogpt(work: Work, source: Path, watch: Stopwatch) -> tuple[int, list[float]]:
    """train.py in a folder with its data laid out as it wants it; unchanged, but that it may use bfloat16 on a CPU."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("train.py", "model.py", "configurator.py"):
            (Path(folder) / name).write_bytes((source / name).read_bytes())
        if work.dtype == "bfloat16" and work.device == "cpu":
            script = Path(folder) / "train.py"
            code = script.read_text()
            assert NANOGPT_FLOAT32_ON_CPU in code
            script.write_text(code.replace(NANOGPT_FLOAT32_ON_CPU, "ctx ="))
        data = Path(folder) / "data/lab"
        data.mkdir(parents=True)
        for split, name in (("train", "train.bin"), ("validation", "val.bin")):
            (data / name).write_bytes(open_tokens(Path(work.tokens), split)[:].astype(np.uint16).tobytes())
        (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": work.vocabulary}))
        settings = {
            "dataset": "lab", "device": work.device, "compile": work.compiled, "eval_interval": NEVER, "eval_iters": 1,
            "n_layer": work.layers, "n_head": work.heads, "n_embd": work.width, "block_size": work.context,
            "bias": True, "batch_size": work.micro_batch, "max_iters": work.steps - 1, "decay_lr": False,
            "gradient_accumulation_steps": work.sequences // work.micro_batch, "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY, "beta2": BETA2, "grad_clip": CLIP,
            "dtype": work.dtype,
        }  # fmt: skip
        sys.argv = ["train.py", *(f"--{name}={value}" for name, value in settings.items())]
        sys.path.insert(0, folder)
        os.chdir(folder)
        with redirect_stdout(io.StringIO()) as said, watch.running():
            names = runpy.run_path("train.py")
        os.chdir("/")  # out of the folder, which is removed
    parameters = sum(weight.numel() for weight in names["raw_model"].parameters())
    return parameters, [float(loss) for loss in re.findall(r"^iter \d+: loss ([\d.]+)", said.getvalue(), re.M)]


def litgpt(work: Work, source: Path, watch: Stopwatch) -> tuple[int, list[float]]:
    """litgpt.pretrain.setup: its model and loop; the checkpoint after the last step is left out."""
    sys.path.append(str(source))
    from litgpt import pretrain
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.config import Config
    from litgpt.data import DataModule

    class Ours(DataModule):
        def connect(self, tokenizer: object = None, batch_size: int = 1, max_seq_length: int | None = None) -> None:
            self.batch_size = batch_size

        def train_dataloader(self) -> DataLoader:
            return DataLoader(Sequences(work), batch_size=self.batch_size)

        val_dataloader = train_dataloader

    config = Config(
        name="bench", block_size=work.context, n_layer=work.layers, n_embd=work.width, n_head=work.heads,
        n_query_groups=work.heads, vocab_size=work.vocabulary, padded_vocab_size=work.vocabulary,
        rotary_percentage=1.0, parallel_residual=False, bias=False, norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP", intermediate_size=work.ffn,
    )  # fmt: skip
    train = TrainArgs(
        save_interval=None, log_interval=1, global_batch_size=work.sequences, micro_batch_size=work.micro_batch,
        lr_warmup_steps=0, max_tokens=work.steps * work.step_tokens, max_norm=CLIP, min_lr=LEARNING_RATE,
        tie_embeddings=True,
    )  # fmt: skip
    settings = {"lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "betas": [0.9, BETA2]}
    pretrain.save_checkpoint = lambda *_: None
    if not work.compiled:
        torch.compile = lambda model: model
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as said, watch.running():
        pretrain.setup(
            "bench", config, Path(folder), precision="bf16-mixed" if work.dtype == "bfloat16" else "32-true",
            data=Ours(), train=train, eval=EvalArgs(interval=NEVER, max_iters=1, final_validation=False),
            optimizer={"class_path": "torch.optim.AdamW", "init_args": settings}, devices=1, logger_name="csv",
        )  # fmt: skip
    text = said.getvalue()
    parameters = int(re.search(r"Total parameters: ([\d,]+)", text)[1].replace(",", ""))
    return parameters, [float(loss) for loss in re.findall(r"loss train: ([\d.]+)", text)]


def trainer(work: Work, source: Path, watch: Stopwatch) -> tuple[int, list[float]]:
    """transformers' Trainer with its LlamaForCausalLM and its default optimiser, fused AdamW."""
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

    class Pairs(Sequences):
        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            tokens = super().__getitem__(index)[:-1]
            return {"input_ids": tokens, "labels": tokens}

    config = LlamaConfig(
        vocab_size=work.vocabulary, hidden_size=work.width, intermediate_size=work.ffn, tie_word_embeddings=True,
        num_hidden_layers=work.layers, num_attention_heads=work.heads, max_position_embeddings=work.context,
        use_cache=False, rms_norm_eps=1e-5,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=work.steps, per_device_train_batch_size=work.micro_batch,
            gradient_accumulation_steps=work.sequences // work.micro_batch, learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant", weight_decay=WEIGHT_DECAY, adam_beta2=BETA2, max_grad_norm=CLIP,
            logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=work.device == "cpu",
            bf16=work.dtype == "bfloat16", torch_compile=work.compiled, dataloader_pin_memory=work.device == "cuda",
        )  # fmt: skip
        loop = Trainer(model, arguments, train_dataset=Pairs(work))
        with redirect_stdout(sys.stderr), watch.running():
            loop.train()
    return model.num_parameters(), [row["loss"] for row in loop.state.log_history if "loss" in row]


CONTENDERS: dict[str, Callable] = {"nanoGPT": nanogpt, "litgpt": litgpt, "Trainer": trainer}


def run(name: str, work: Work, source: Path) -> Result:
    watch = Stopwatch(work.device)
    torch.manual_seed(TrainParams().seed)
    parameters, losses = CONTENDERS[name](work, source, watch)
    return Result(parameters, watch.seconds(), losses, watch.memory())


if __name__ == "__main__":
    print(json.dumps(asdict(run(sys.argv[1], Work(**json.loads(sys.argv[2])), Path(sys.argv[3])))))
