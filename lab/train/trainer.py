"""Lightning's trainer as the lab uses it, and its errors in words that say what to do.

In: the section `train`. Out: a trainer for the devices there are, that writes no files and prints no hints; what it
raises becomes LabError (out of memory, no such device) or KeyboardInterrupt.
"""

import logging
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import lightning
import torch

from lab.errors import LabError
from lab.params import TrainParams
from lab.train.data import TokenData
from lab.train.module import TrainingModule


def make_trainer(params: TrainParams) -> lightning.Trainer:
    """Lightning's trainer, without the files, bars and hints that it makes by default."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    bfloat16 = params.precision == "bfloat16" or (
        params.precision == "auto"
        and params.accelerator != "cpu"
        and torch.cuda.is_available()
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    strategy = params.strategy
    if strategy == "ddp" or _several(params):
        strategy = lightning.pytorch.strategies.DDPStrategy(gradient_as_bucket_view=True, broadcast_buffers=False)
    try:
        with _quiet():
            return lightning.Trainer(
                accelerator=params.accelerator,
                devices=params.devices,
                num_nodes=params.nodes,
                strategy=strategy,
                precision="bf16-mixed" if bfloat16 else "32-true",
                max_epochs=1,
                limit_val_batches=0,
                num_sanity_val_steps=0,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
                default_root_dir=".lab",
            )
    except (lightning.fabric.utilities.exceptions.MisconfigurationException, RuntimeError) as error:
        raise LabError(
            f"train.accelerator '{params.accelerator}', train.devices {params.devices}: {error} "
            "Set both to 'auto' to take what there is."
        ) from error


def _several(params: TrainParams) -> bool:
    """Whether more than one device will be taken."""
    if params.devices == "auto":
        return params.nodes > 1 or (params.accelerator != "cpu" and torch.cuda.device_count() > 1)
    return params.nodes > 1 or params.devices != 1


def fit(trainer: lightning.Trainer, module: TrainingModule, data: TokenData) -> None:
    interrupt = signal.getsignal(signal.SIGINT)
    deterministic = torch.are_deterministic_algorithms_enabled()
    if trainer.strategy.root_device.type == "cpu":
        torch.use_deterministic_algorithms(True)
    try:
        with _quiet(), torch.random.fork_rng(devices=[]):
            trainer.fit(module, datamodule=data)
    except SystemExit:
        # Lightning turns Ctrl-C into exit status 1; the stage has its own words for it.
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    except RuntimeError as error:
        if _is_out_of_memory(error):
            raise LabError(_out_of_memory(module)) from error
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            reason = " ".join(str(error).split())[:300]
            raise LabError(f"train.compile: torch.compile failed; set it to 'off'. It said: {reason}") from error
        raise
    finally:
        signal.signal(signal.SIGINT, interrupt)
        torch.use_deterministic_algorithms(deterministic)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)


def _out_of_memory(module: TrainingModule) -> str:
    micro, context = module.layout.micro_batch, module.layout.context
    lower = (
        f"Lower train.micro_batch from {micro} to {micro // 2}: the batch stays the same, in more pieces"
        if micro > 1
        else f"train.micro_batch is 1 already: lower model.context ({context}) or the model's size"
    )
    return f"step {module.step + 1}: out of memory with {micro} x {context} tokens at once. {lower}."


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's hints on what it would do otherwise."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        warnings.filterwarnings("ignore", message=r".*(lightning|dataloader|litlogger|pkg_resources).*")
        yield


def peak_flops(trainer: lightning.Trainer) -> float:
    """FLOP/s of a large matrix product on this device in the run's precision, times the devices."""
    device = trainer.strategy.root_device
    size = 1024 if device.type == "cpu" else 8192
    dtype = torch.bfloat16 if trainer.precision.startswith("bf16") else torch.float32
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        started = time.monotonic()
        (matrix @ matrix)[0, 0].item()
        best = min(best, time.monotonic() - started)
    return 2 * size**3 / best * trainer.world_size
